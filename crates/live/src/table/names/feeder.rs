//! Keeps the addresses of names: one worker, in slices.

use super::ask::{Ask, Heard, Reply};
use super::book::{Book, MOST, News};
use super::walk::{Ground, Stride, Walk};
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::scheduler;
use crate::table::hosts::Hosts;
use crate::table::lines::Lines;
use crate::table::shared::SharedTable;
use crate::world::{Level, World};
use gatehouse_table::route::{Key, Sought};
use gatehouse_table::table::{ApplyError, Candidate, Change, NoWriter, Table, Writer, resolve};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// How often `/etc/hosts` is looked at, and how long what it says holds.
const HOSTS_MS: u64 = 5_000;
/// How often it is looked whether routes with names have come.
const BEAT_MS: u64 = 100;
/// How often it is looked whether answers have come: first, and after [`SOON_MS`].
const LOOK_MS: u64 = 5;
const SOON_MS: u64 = 200;
const LATER_MS: u64 = 50;
/// The pause after a walk is so many times as long as the walk took, and no longer than [`PAUSE_MS`].
const SHARE: u64 = 5;
const PAUSE_MS: u64 = 5_000;
/// How long routes that a full zone has no room for keep their addresses before they are tried again.
const FULL_MS: u64 = 5_000;
/// Questions, answers and changes of one step.
const QUESTIONS: usize = 16;
const CHANGES: usize = 16;

/// Keeps the addresses of the names of a table.
pub struct NameFeeder<M> {
    table: Rc<SharedTable<M>>,
    hosts: Rc<RefCell<Hosts>>,
    world: Rc<dyn World>,
    servers: Box<dyn Ask>,
    book: Book,
    /// Books of earlier times, to be freed.
    garbage: Vec<Book>,
    walk: Option<Walk>,
    walks: u32,
    /// What the table's number ([`Table::named`]) was when the last whole walk began.
    seen: u64,
    /// There are answers that a walk has not carried through the whole table yet.
    is_dirty: bool,
    walk_not_before_ms: u64,
    /// When the present walk began.
    began_ms: u64,
    asked_ms: u64,
    hosts_ms: Option<u64>,
    lines: Lines,
    /// Some routes of the walk under way found no room.
    is_full: bool,
    /// That has been said, and there has been no room since.
    was_full: bool,
    /// It has been said that there are too many names.
    told_more: bool,
    noted: (usize, usize),
}

/// What came of a step.
enum Step {
    More,
    /// Somebody else has the lock: later.
    Wait,
    /// There is nothing to do for the moment.
    Rest,
    /// Another worker has taken over.
    Lost,
}

impl<M: Memory> Feeder for NameFeeder<M> {
    fn name(&self) -> String {
        format!("resolving names of upstream table \"{}\"", self.table.name)
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        let Some(who) = turn.leader else {
            return self.free(turn);
        };
        loop {
            match self.step(who, turn.now_ms) {
                Step::Rest => return self.rest(turn.now_ms),
                Step::Wait => return Next::Soon,
                Step::Lost => {
                    self.abandon();
                    return Next::Soon;
                }
                Step::More if turn.slice.is_over() => return Next::Soon,
                Step::More => {}
            }
        }
    }

    fn abandon(&mut self) {
        self.servers.forget();
        self.garbage.push(std::mem::take(&mut self.book));
        self.walk = None;
        self.seen = 0;
        self.is_dirty = false;
        self.walk_not_before_ms = 0;
        self.is_full = false;
        self.noted = (0, 0);
    }
}

impl<M: Memory> NameFeeder<M> {
    /// One that asks these servers for the names of a table.
    pub fn new(
        table: Rc<SharedTable<M>>,
        hosts: Rc<RefCell<Hosts>>,
        world: Rc<dyn World>,
        servers: Box<dyn Ask>,
    ) -> Self {
        Self {
            table,
            hosts,
            world,
            servers,
            book: Book::default(),
            garbage: Vec::new(),
            walk: None,
            walks: 0,
            seen: 0,
            is_dirty: false,
            walk_not_before_ms: 0,
            began_ms: 0,
            asked_ms: 0,
            hosts_ms: None,
            lines: Lines::of("host names"),
            is_full: false,
            was_full: false,
            told_more: false,
            noted: (0, 0),
        }
    }

    /// How many walks have begun.
    #[cfg(test)]
    pub(crate) fn walks(&self) -> u32 {
        self.walks
    }

    /// Gives memory back; for a worker that does not lead.
    fn free(&mut self, turn: &Turn<'_>) -> Next {
        while self.free_some() {
            if turn.slice.is_over() {
                return Next::Soon;
            }
        }
        Next::IDLE
    }

    fn free_some(&mut self) -> bool {
        let is_more = self.garbage.last_mut().is_some_and(Book::shrink);
        if !is_more && self.garbage.pop().is_some() {
            return true;
        }
        is_more || self.table.answers.borrow_mut().shrink()
    }

    fn step(&mut self, who: Candidate, now_ms: u64) -> Step {
        // Answers of an earlier time are not those of now.
        if !self.garbage.is_empty() {
            return if self.free_some() {
                Step::More
            } else {
                Step::Rest
            };
        }
        if self.hear(now_ms) {
            return Step::More;
        }
        if self.walk.is_some() {
            return self.go_on(who, now_ms);
        }
        if self.begin_walk(now_ms) {
            return Step::More;
        }
        self.ask(now_ms)
    }

    /// Takes some answers; whether there were any.
    fn hear(&mut self, now_ms: u64) -> bool {
        let mut any = false;
        for _ in 0..QUESTIONS {
            let Some((text, heard)) = self.servers.answer() else {
                break;
            };
            self.note((text, heard), now_ms);
            any = true;
        }
        if let Some(line) = self.lines.rest(now_ms) {
            self.log(Level::Error, &line);
        }
        any
    }

    fn note(&mut self, (text, heard): Reply, now_ms: u64) {
        if !self.book.is_open(&text) {
            return;
        }
        let sought = Sought::of_text(&text);
        let heard = heard.and_then(|heard| {
            let usable = heard.usable(sought);
            usable.ok_or_else(|| "it has no address that can be used".to_owned())
        });
        let holds_ms = heard.as_ref().ok().map(|heard| heard.holds_ms);
        let news = self.book.answered(&text, holds_ms, now_ms);
        let why = match heard {
            Ok(heard) => {
                if self.table.answers.borrow_mut().set(&text, heard.found) {
                    self.is_dirty = true;
                }
                String::new()
            }
            Err(why) => why,
        };
        match news {
            News::None => {}
            News::Found => {
                if self.lines.admit(now_ms) {
                    self.log(Level::Notice, &format!("host {sought} is found again"));
                }
            }
            News::Lost { route, is_placed } => {
                let at = if route.is_empty() {
                    String::new()
                } else {
                    format!(", first in route \"{}\"", String::from_utf8_lossy(&route))
                };
                let what = if is_placed {
                    "its last addresses stay in use"
                } else {
                    "its backends are left out"
                };
                if self.lines.admit(now_ms) {
                    let line = format!("host not found {sought} ({why}){at}, {what}");
                    self.log(Level::Error, &line);
                }
            }
        }
    }

    fn log(&self, level: Level, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.table.name);
        self.world.log(level, &line);
    }

    /// Begins a walk if one is needed and it is time for it.
    fn begin_walk(&mut self, now_ms: u64) -> bool {
        let Some(routes) = self.table.routes() else {
            return false;
        };
        if self.walk.is_some() || !self.needs_walk(&routes) || now_ms < self.walk_not_before_ms {
            return false;
        }
        self.walks = self.walks.wrapping_add(1);
        self.walk = Some(Walk::new(&routes, self.walks));
        self.began_ms = now_ms;
        self.is_dirty = false;
        true
    }

    fn needs_walk(&self, routes: &Table<'_, AtomicU64>) -> bool {
        self.is_dirty || self.seen != routes.named()
    }

    /// Goes on with the walk under way.
    fn go_on(&mut self, who: Candidate, now_ms: u64) -> Step {
        let table = Rc::clone(&self.table);
        let (Some(walk), Some(routes)) = (self.walk.as_mut(), table.routes()) else {
            return Step::Rest;
        };
        let mut answers = table.answers.borrow_mut();
        let stride = walk.step(&mut Ground {
            table: routes,
            book: &mut self.book,
            answers: &mut answers,
            hosts: &self.hosts.borrow(),
        });
        drop(answers);
        if stride == Stride::More {
            return Step::More;
        }
        if !walk.stale.is_empty() {
            return self.put_some(who, now_ms);
        }
        self.seen = walk.named;
        self.is_dirty |= stride == Stride::Disturbed || self.is_full;
        let took = now_ms.saturating_sub(self.began_ms);
        let pause = took.saturating_mul(SHARE).min(PAUSE_MS);
        let pause = if self.is_full { FULL_MS } else { pause };
        if self.book.has_more && !std::mem::replace(&mut self.told_more, true) {
            let text = format!("more than {MOST} host names, the others are not asked for");
            self.log(Level::Error, &text);
        }
        self.walk = None;
        self.was_full = std::mem::take(&mut self.is_full);
        self.walk_not_before_ms = now_ms.saturating_add(pause);
        Step::More
    }

    /// Puts some of the routes that have other addresses than they are to have.
    fn put_some(&mut self, who: Candidate, now_ms: u64) -> Step {
        self.world.before_change();
        let table = Rc::clone(&self.table);
        let mut step = Step::Wait;
        table.memory.try_locked(&mut || {
            let Some(routes) = table.routes() else {
                step = Step::Lost;
                return;
            };
            step = match routes.feeding_writer(who, now_ms) {
                Ok(mut writer) => self.put_locked(&mut writer),
                Err(NoWriter::Repairing) => Step::More,
                Err(NoWriter::LeaseLost) => Step::Lost,
            };
        });
        step
    }

    fn put_locked(&mut self, writer: &mut Writer<'_>) -> Step {
        let Some(walk) = &mut self.walk else {
            return Step::More;
        };
        let mut is_full = false;
        // Addresses of names are no part of what a route is.
        writer.be_quiet();
        let before = writer.table().named();
        for _ in 0..CHANGES {
            let Some(key) = walk.stale.pop() else { break };
            let put = Key::parse(&key, self.table.mode)
                .ok()
                .map(|key| put_again(writer, &key, &self.table));
            is_full |= put == Some(Err(ApplyError::Full));
        }
        // These changes are known: nobody has to look for them.
        let own = writer.table().named().wrapping_sub(before);
        walk.named = walk.named.wrapping_add(own);
        self.is_full |= is_full;
        if is_full && !std::mem::replace(&mut self.was_full, true) {
            let text = "zone is full, some routes keep the old addresses of their names";
            self.log(Level::Error, text);
        }
        Step::More
    }

    /// Asks for some of the names that are due.
    fn ask(&mut self, now_ms: u64) -> Step {
        if self.book.due_ms().is_none_or(|due_ms| due_ms > now_ms) {
            return Step::Rest;
        }
        if self.read_hosts(now_ms) {
            return Step::More;
        }
        for _ in 0..QUESTIONS {
            let Some(text) = self.book.next(now_ms) else {
                break;
            };
            let sought = Sought::of_text(&text);
            let local = self.hosts.borrow().located(sought);
            if local.is_empty() {
                self.servers.ask(Rc::clone(&text));
                self.asked_ms = now_ms;
            } else {
                let heard = Heard {
                    found: local,
                    holds_ms: HOSTS_MS,
                };
                self.note((Rc::clone(&text), Ok(heard)), now_ms);
            }
        }
        Step::More
    }

    /// Looks at `/etc/hosts` if it is time, and reads a piece of it; false when it has been read.
    fn read_hosts(&mut self, now_ms: u64) -> bool {
        let Ok(mut hosts) = self.hosts.try_borrow_mut() else {
            return false;
        };
        let is_time = |then: u64| now_ms.saturating_sub(then) >= HOSTS_MS;
        if self.hosts_ms.is_none_or(is_time) {
            self.hosts_ms = Some(now_ms);
            hosts.refresh(self.world.as_ref());
        }
        hosts.step()
    }

    /// Until when there is nothing to do.
    fn rest(&mut self, now_ms: u64) -> Next {
        let table = Rc::clone(&self.table);
        let Some(routes) = table.routes() else {
            return Next::In(scheduler::BEAT_MS);
        };
        let needs_walk = self.needs_walk(&routes);
        let is_without_names = self.seen == 0 && !needs_walk;
        let is_complete = (self.seen > 0 || is_without_names) && self.book.is_asked();
        table.answers.borrow_mut().is_complete |= is_complete;
        if is_without_names {
            return Next::In(scheduler::BEAT_MS);
        }
        let counts = (self.book.len(), self.book.failing());
        if counts != self.noted {
            routes.note_names(counts.0, counts.1);
            self.noted = counts;
        }
        let mut pause = BEAT_MS;
        if self.book.open() > 0 {
            let is_soon = now_ms.saturating_sub(self.asked_ms) < SOON_MS;
            pause = pause.min(if is_soon { LOOK_MS } else { LATER_MS });
        }
        let walk_ms = Some(self.walk_not_before_ms).filter(|_| needs_walk);
        for at_ms in [self.book.due_ms(), walk_ms].into_iter().flatten() {
            pause = pause.min(at_ms.saturating_sub(now_ms));
        }
        Next::In(pause.max(1))
    }
}

/// Puts a route with the addresses that its names have now: everything else of it stays, and it keeps its owner.
fn put_again<M>(
    writer: &mut Writer<'_>,
    key: &Key,
    table: &SharedTable<M>,
) -> Result<(), ApplyError> {
    let Ok(Some(taken)) = writer.table().take_out(key) else {
        return Ok(());
    };
    let Some(owner) = taken.view().owner() else {
        return Ok(());
    };
    let written = taken.written();
    let answers = table.answers.borrow();
    let mut ask = |sought: Sought<'_>| {
        let found = answers.get(sought).map(|found| found.to_vec());
        // Those that it has stay.
        found.ok_or_else(String::new)
    };
    let route = resolve(key, &written, &mut ask, &mut |_| {});
    let change = Change::Put {
        key,
        route: &route,
        owner,
    };
    writer.apply(&change).map(|_| ())
}
