//! Follows the store over one connection: greets it, reads all routes, then what changes.

use super::batch::{Batch, Outcome, Site};
use super::dialogue::{Ask, Dialogue};
use super::full::{Full, Step};
use super::marks::Marks;
use super::news::News;
use super::queue::Queue;
use super::said::Said;
use super::store::Store;
use crate::election::Seat;
use crate::feeder::Next;
use crate::memory::Memory;
use crate::slice::Slice;
use crate::table::hosts::Hosts;
use crate::table::shared::SharedTable;
use crate::world::{Level, World};
use gatehouse_table::hipache::{KeySpace, MAX_ELEMENTS, Named};
use gatehouse_table::table::Candidate;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};
use std::cell::RefCell;
use std::rc::Rc;

/// Commands on their way at a time, and keys that one `SCAN` asks for.
const WINDOW: usize = 512;
const PIECE: usize = 250;

/// After a loss that was not believed, and while there is no room, all is read again: after this time, and after twice as
/// long each time, up to the second figure.
const AGAIN_MS: u64 = 10_000;
const LATE_MS: u64 = 300_000;

/// `/etc/hosts` is looked at so often while routes come.
const HOSTS_MS: u64 = 1_000;

/// Characters of a key that are shown.
const SHOWN: usize = 200;

/// Keys that changed and are marked as such in one step.
const KEYS: usize = 256;

/// Why a connection is given up.
#[derive(Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another worker leads.
    Lead,
    /// The store is of no use, for this reason.
    Store(String),
}

impl From<String> for Lost {
    fn from(why: String) -> Self {
        Self::Store(why)
    }
}

/// How far a connection has come.
pub(super) enum Stage {
    /// `HELLO` is on its way.
    Hello,
    /// What comes after it is on its way: so many answers.
    Greeting(usize),
    /// All routes are read, or compared.
    Reading(Box<Full>),
    /// What changes is read.
    Following,
}

/// One connection's side of following a store, and what is known from those before.
pub(super) struct Follower<M> {
    pub(super) table: Rc<SharedTable<M>>,
    pub(super) store: Rc<Store>,
    pub(super) hosts: Rc<RefCell<Hosts>>,
    pub(super) world: Rc<dyn World>,
    pub(super) dialogue: Dialogue,
    pub(super) stage: Stage,
    /// Keys that have changed, not yet noted.
    pub(super) changed: std::vec::IntoIter<OwnedFrame>,
    /// Keys that are to be read again.
    pub(super) queue: Queue,
    pub(super) batch: Batch,
    pub(super) marks: Marks,
    pub(super) said: Said,
    pub(super) news: News,
    pub(super) reads: u32,
    /// Somebody has emptied the store, and that has not been believed yet.
    pub(super) was_emptied: bool,
    /// When all is to be read again, and after how long the next time.
    pub(super) again_ms: Option<u64>,
    again_pause_ms: u64,
    hosts_ms: Option<u64>,
    /// Reads that are over, to be freed.
    pub(super) garbage: Vec<Full>,
}

impl<M: Memory> Follower<M> {
    pub(super) fn new(
        table: Rc<SharedTable<M>>,
        store: Rc<Store>,
        hosts: Rc<RefCell<Hosts>>,
        world: Rc<dyn World>,
    ) -> Self {
        Self {
            table,
            store,
            hosts,
            world,
            dialogue: Dialogue::default(),
            stage: Stage::Hello,
            changed: Vec::new().into_iter(),
            queue: Queue::default(),
            batch: Batch::default(),
            marks: Marks::default(),
            said: Said::default(),
            news: News::default(),
            reads: 0,
            was_emptied: false,
            again_ms: None,
            again_pause_ms: AGAIN_MS,
            hosts_ms: None,
            garbage: Vec::new(),
        }
    }

    /// A connection is there.
    pub(super) fn connected(&mut self, server: &str) {
        self.hang_up();
        self.news.connected(server);
        self.dialogue.ask(Ask::Hello, &self.store.hello());
    }

    /// The connection has gone, or is given up.
    pub(super) fn hang_up(&mut self) {
        self.dialogue = Dialogue::default();
        self.was_emptied = false;
        self.batch.forget();
        self.queue = Queue::default();
        self.changed = Vec::new().into_iter();
        self.marks.hang_up();
        if let Stage::Reading(full) = std::mem::replace(&mut self.stage, Stage::Hello) {
            self.garbage.push(*full);
        }
    }

    /// Frees memory of reads that are over; false when there is none left.
    pub(super) fn free(&mut self) -> bool {
        let more = self.garbage.last_mut().is_some_and(|full| full.shrink());
        if !more {
            self.garbage.pop();
        }
        !self.garbage.is_empty()
    }

    /// Works until there is nothing to do or the slice is over.
    pub(super) fn work(&mut self, slice: &Slice<'_>, who: Candidate) -> Result<Next, Lost> {
        // A connection of no use is closed at once, not when there is something to write.
        if !self.table.lease().is_some_and(|lease| lease.is_held(who)) {
            return Err(Lost::Lead);
        }
        let result = loop {
            let must_wait = match self.step(who)? {
                Did::Something => false,
                Did::Wait => true,
                Did::Nothing => break self.rest(),
            };
            if must_wait || slice.is_over() {
                break Next::Soon;
            }
        };
        self.say_complaints();
        self.ask_more();
        Ok(result)
    }

    fn step(&mut self, who: Candidate) -> Result<Did, Lost> {
        if self.batch.is_full() {
            return self.apply(who);
        }
        if self.note_changed() {
            return Ok(Did::Something);
        }
        if let Some(heard) = self.dialogue.next()? {
            self.hear(heard)?;
            return Ok(Did::Something);
        }
        if !self.batch.is_empty() {
            return self.apply(who);
        }
        if matches!(&self.stage, Stage::Reading(full) if full.is_read()) {
            return self.compare(who);
        }
        if self.free() || self.ask_more() {
            return Ok(Did::Something);
        }
        Ok(Did::Nothing)
    }

    /// When there is something to do again, whatever the store says meanwhile.
    fn rest(&self) -> Next {
        let now_ms = self.world.now_ms();
        let has_room = self.dialogue.waiting() < WINDOW;
        let queue = self.queue.due_ms().filter(|_| has_room);
        let due = [queue, self.again_due_ms()];
        let next = due.into_iter().flatten().min();
        next.map_or(Next::IDLE, |at| Next::In(at.saturating_sub(now_ms).max(1)))
    }

    fn again_due_ms(&self) -> Option<u64> {
        self.again_ms
            .filter(|_| matches!(self.stage, Stage::Following))
    }

    fn site<'s>(&'s self, who: Candidate) -> Site<'s, M> {
        Site {
            table: &self.table,
            hosts: &self.hosts,
            world: self.world.as_ref(),
            who,
        }
    }

    /// Whether all of the store has been read over this connection.
    pub(super) fn is_following(&self) -> bool {
        matches!(self.stage, Stage::Following)
    }

    /// Asks nothing more than that it is there.
    pub(super) fn ping(&mut self) {
        if self.store.wants_master {
            self.dialogue.ask(Ask::Role, &[b"ROLE"]);
        } else {
            self.dialogue.ask(Ask::Ping, &[b"PING"]);
        }
    }

    fn apply(&mut self, who: Candidate) -> Result<Did, Lost> {
        let now_ms = self.world.now_ms();
        let is_old = |then: u64| now_ms.saturating_sub(then) >= HOSTS_MS;
        if self.hosts_ms.is_none_or(is_old) {
            self.hosts_ms = Some(now_ms);
            self.hosts.borrow_mut().refresh(self.world.as_ref());
        }
        let mut batch = std::mem::take(&mut self.batch);
        let outcome = batch.apply(&self.site(who));
        self.batch = batch;
        if std::mem::take(&mut self.batch.repaired) {
            let text = "a process was killed while it changed the table: repaired";
            self.log(Level::Warn, text);
        }
        // How many would go is another number with each change: it is said once until all is read again.
        let why = self.batch.held.take();
        if let Some(why) = why.filter(|_| self.again_ms.is_none()) {
            self.hold(&why);
        }
        match outcome {
            Outcome::More => Ok(Did::Something),
            Outcome::Wait => Ok(Did::Wait),
            Outcome::Lost => Err(Lost::Lead),
        }
    }

    fn compare(&mut self, who: Candidate) -> Result<Did, Lost> {
        let Stage::Reading(mut full) = std::mem::replace(&mut self.stage, Stage::Following) else {
            return Ok(Did::Nothing);
        };
        let mut changed = self.batch.changed;
        let step = full.step(&self.site(who), &mut changed);
        self.batch.changed = changed;
        match step? {
            Step::More => self.stage = Stage::Reading(full),
            Step::Wait => {
                self.stage = Stage::Reading(full);
                return Ok(Did::Wait);
            }
            Step::Lost => return Err(Lost::Lead),
            Step::Done => self.complete(*full, None),
            Step::Held(why) => self.complete(*full, Some(why)),
        }
        Ok(Did::Something)
    }

    /// All has been read; what could not be believed is `held`.
    fn complete(&mut self, full: Full, held: Option<String>) {
        let (found, changed) = (full.found, std::mem::take(&mut self.batch.changed));
        self.garbage.push(full);
        self.marks.read_all();
        if let Some(routes) = self.table.routes() {
            routes.finish_ticket(routes.take_ticket(b"redis"));
        }
        let line = self.news.read_all(found, changed);
        if let Some(line) = line {
            self.log(Level::Notice, &line);
        }
        match held {
            Some(why) => self.hold(&why),
            None => {
                self.was_emptied = false;
                self.again_pause_ms = AGAIN_MS;
                self.news.is_whole();
            }
        }
        let refused = std::mem::take(&mut self.batch.refused);
        if refused > 0 {
            let text = format!("{refused} of {found} routes refused: zone is full");
            self.hold(&text);
        }
    }

    /// Says what stays as it is, once, and tries again after a while.
    fn hold(&mut self, why: &str) {
        let at = self.world.now_ms().saturating_add(self.again_pause_ms);
        if self.again_ms.is_none() {
            self.again_ms = Some(at);
            self.again_pause_ms = self.again_pause_ms.saturating_mul(2).min(LATE_MS);
        }
        if let Some(line) = self.news.holds(why) {
            self.log(Level::Error, &line);
        }
    }

    /// Notes some of the keys that have changed; false when there are none.
    fn note_changed(&mut self) -> bool {
        let mut any = false;
        for _ in 0..KEYS {
            let Some(key) = self.changed.next() else {
                break;
            };
            any = true;
            let Some(stored) = key.as_bytes() else {
                continue;
            };
            match self.store.keys.read(stored) {
                Named::Route(_) => self.queue.push(stored, self.world.now_ms()),
                Named::Marks(host) => self.marks.changed(host),
                Named::Refused(why) => self.batch.complain(stored, why),
                Named::Other => {}
            }
        }
        if self.queue.is_too_long() {
            self.read_all();
        }
        any
    }

    /// Asks for what is wanted next, as far as there is room on the way; whether it asked for anything.
    fn ask_more(&mut self) -> bool {
        let before = self.dialogue.waiting();
        let now_ms = self.world.now_ms();
        if matches!(self.stage, Stage::Hello | Stage::Greeting(_)) {
            return false;
        }
        if self.again_due_ms().is_some_and(|at| at <= now_ms) {
            self.read_all();
        }
        while self.dialogue.waiting() < WINDOW {
            let Some(stored) = self.queue.pop(now_ms) else {
                break;
            };
            ask_list(&mut self.dialogue, stored, None);
        }
        match &mut self.stage {
            Stage::Reading(full) if self.dialogue.waiting() < PIECE => {
                if let Some(cursor) = full.scan.ask() {
                    let lead = self.store.keys.routes();
                    ask_scan(&mut self.dialogue, Ask::Scan(full.number), &cursor, &lead);
                }
            }
            Stage::Following if self.dialogue.waiting() < PIECE => {
                if let Some(cursor) = self.marks.scan.ask() {
                    let lead = self.store.keys.marks();
                    ask_scan(&mut self.dialogue, Ask::ScanMarks, &cursor, &lead);
                }
                self.marks
                    .ask(&mut self.dialogue, &self.table, &self.store.keys);
            }
            _ => {}
        }
        self.dialogue.waiting() > before
    }

    fn say_complaints(&mut self) {
        let now_ms = self.world.now_ms();
        for complaint in std::mem::take(&mut self.batch.complaints) {
            let (stored, text) = (&complaint.stored, &complaint.text);
            if self.said.is_news(stored, text, now_ms) {
                let key: String = String::from_utf8_lossy(stored)
                    .chars()
                    .take(SHOWN)
                    .collect();
                let line = self.news.about(&format!("key \"{key}\": {text}"));
                self.log(Level::Error, &line);
            }
        }
        if let Some(count) = self.said.take_held_back(now_ms) {
            let line = self.news.about(&format!("and {count} more such keys"));
            self.log(Level::Error, &line);
        }
        if let Some(line) = self.marks.rest(now_ms) {
            self.log(Level::Notice, &line);
        }
    }

    pub(super) fn log(&self, level: Level, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.table.name);
        self.world.log(level, &line);
    }
}

enum Did {
    Something,
    Wait,
    Nothing,
}

pub(super) fn ask_list(dialogue: &mut Dialogue, stored: Vec<u8>, read: Option<u32>) {
    // One more than there may be.
    let last = MAX_ELEMENTS.to_string();
    let words: [&[u8]; 4] = [b"LRANGE", &stored, b"0", last.as_bytes()];
    dialogue.ask(Ask::List(stored.clone(), read), &words);
}

fn ask_scan(dialogue: &mut Dialogue, ask: Ask, cursor: &[u8], lead: &[u8]) {
    let (pattern, count) = (KeySpace::pattern(lead), PIECE.to_string());
    let words: [&[u8]; 6] = [
        b"SCAN",
        cursor,
        b"MATCH",
        &pattern,
        b"COUNT",
        count.as_bytes(),
    ];
    dialogue.ask(ask, &words);
}
