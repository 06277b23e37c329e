//! Checks the backends of a table: one worker, in slices.

use super::asked::{Checked, Probing, Target};
use super::book::{Book, Entry};
use super::ways::Ways;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::table::lines::Lines;
use crate::table::shared::SharedTable;
use crate::world::{Level, World};
use gatehouse_table::check::{Check, judge};
use gatehouse_table::table::{By, Cursor, PeerId, RouteView, Table, What};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Buckets looked at in one step: about a hundred routes.
const BUCKETS: usize = 16;
/// Checks that begin or end in one step.
const CHECKS: usize = 16;
/// The table is walked through as often as this, and no more than a twentieth of the time.
const WALK_MS: u64 = 500;
const SHARE: u64 = 20;
/// How often it is looked whether checks have ended.
const LOOK_MS: u64 = 10;
/// How often this worker looks, at least. When it comes later by as much as a check may take it stood still itself: what
/// it waited for meanwhile says nothing about a backend.
const BEAT_MS: u64 = 200;
/// The shortest and the longest such time.
const STALL_MS: (u64, u64) = (300, 800);

/// Checks the backends of a table.
pub struct CheckFeeder<M> {
    table: Rc<SharedTable<M>>,
    /// The table's line, and what routes say instead.
    check: Rc<Check>,
    ways: Ways,
    world: Rc<dyn World>,
    prober: Box<dyn Probing>,
    book: Book,
    /// Books of earlier times, to be freed.
    garbage: Vec<Book>,
    walk: Option<Cursor>,
    /// The number of the present walk, and of the last one that has seen every route: what it did not find is gone.
    walks: u32,
    whole_walk: u32,
    walk_began_ms: u64,
    walk_not_before_ms: u64,
    /// A whole walk is over: all backends are known.
    is_complete: bool,
    /// When it was polled last, and when this worker stood still last.
    polled_ms: Option<u64>,
    stalled_ms: u64,
    /// Checks that may begin now, in thousandths, and when that was reckoned.
    allowed: u64,
    allowed_ms: u64,
    lines: Lines,
    jitter: RandomState,
}

impl<M: Memory> Feeder for CheckFeeder<M> {
    fn name(&self) -> String {
        format!(
            "checking backends of upstream table \"{}\"",
            self.table.name
        )
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        if turn.leader.is_none() {
            return self.free(turn);
        }
        self.note_stall(turn.now_ms);
        while self.step(turn.now_ms) {
            if turn.slice.is_over() {
                return Next::Soon;
            }
        }
        self.rest(turn.now_ms)
    }

    fn abandon(&mut self) {
        self.prober.forget();
        self.garbage.push(std::mem::take(&mut self.book));
        self.walk = None;
        self.walk_not_before_ms = 0;
        self.whole_walk = self.walks;
        self.is_complete = false;
        self.polled_ms = None;
    }
}

impl<M: Memory> CheckFeeder<M> {
    /// One that has `prober` ask the backends of a table.
    pub fn new(
        table: Rc<SharedTable<M>>,
        check: Rc<Check>,
        world: Rc<dyn World>,
        prober: Box<dyn Probing>,
    ) -> Self {
        Self {
            table,
            ways: Ways::new(Rc::clone(&check)),
            check,
            world,
            prober,
            book: Book::default(),
            garbage: Vec::new(),
            walk: None,
            walks: 0,
            whole_walk: 0,
            walk_began_ms: 0,
            walk_not_before_ms: 0,
            is_complete: false,
            polled_ms: None,
            stalled_ms: 0,
            allowed: 0,
            allowed_ms: 0,
            lines: Lines::of("backends"),
            jitter: RandomState::new(),
        }
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
        is_more || self.garbage.pop().is_some()
    }

    fn note_stall(&mut self, now_ms: u64) {
        let before = self.polled_ms.replace(now_ms);
        let stall_ms = self.check.timeout_ms.clamp(STALL_MS.0, STALL_MS.1);
        if before.is_some_and(|then| now_ms.saturating_sub(then) > stall_ms) {
            self.stalled_ms = now_ms;
        }
    }

    /// Does a little; false when there is nothing to do for the moment.
    fn step(&mut self, now_ms: u64) -> bool {
        if self.free_some() {
            return true;
        }
        let table = Rc::clone(&self.table);
        let Some(routes) = table.routes() else {
            return false;
        };
        if let Some(line) = self.lines.rest(now_ms) {
            self.log(Level::Error, &line);
        }
        self.hear(&routes, now_ms) || self.look(&routes, now_ms) || self.begin(&routes, now_ms)
    }

    /// Takes some checks that have ended; whether there were any.
    fn hear(&mut self, routes: &Table<'_, AtomicU64>, now_ms: u64) -> bool {
        let mut any = false;
        for _ in 0..CHECKS {
            let Some(ended) = self.prober.ended() else {
                break;
            };
            self.note(routes, ended, now_ms);
            any = true;
        }
        any
    }

    fn note(&mut self, routes: &Table<'_, AtomicU64>, (id, result): Checked, now_ms: u64) {
        let Some(entry) = self.book.get(id) else {
            return;
        };
        let Some(began_ms) = entry.began_ms else {
            return;
        };
        let Some(peer) = routes.peer(id) else {
            self.forget(routes, id);
            return;
        };
        if result.is_err() && self.stalled_ms >= began_ms {
            // It is asked again at once.
            let up = entry.up;
            self.book.ended(id, up, now_ms);
            return;
        }
        let check = Rc::clone(&entry.check);
        let (probe, turned) = judge(peer.probe(), result.is_ok(), &check, now_ms);
        peer.set_probe(&probe);
        if turned == Some(true) {
            peer.set_in_use_since(now_ms);
        }
        // From its beginning to the next one.
        let due_ms = began_ms.saturating_add(self.interval(&check, id, now_ms));
        let url = entry.target.to_string();
        self.book.ended(id, Some(probe.up), due_ms.max(now_ms));
        if let Some(up) = turned {
            let own = self.ways.text(&check);
            self.tell(up, url, &own, result.err(), now_ms);
        }
        self.weigh(routes);
    }

    /// Says that a backend is down, or back.
    fn tell(&mut self, up: bool, url: String, own: &str, why: Option<String>, now_ms: u64) {
        if self.lines.admit(now_ms) {
            let why = why.unwrap_or_default();
            match up {
                true => self.log(Level::Notice, &format!("backend {url}{own} is back")),
                false => self.log(Level::Error, &format!("backend {url}{own} is down: {why}")),
            }
        }
        let by = By::Check;
        self.table.tell(What::Health { up, by }, url, now_ms);
    }

    /// Whether so many are down that something else must be wrong.
    fn weigh(&mut self, routes: &Table<'_, AtomicU64>) {
        if !self.is_complete {
            return;
        }
        let (known, down) = self.book.counts();
        let share = u64::from(self.check.panic);
        let panics = (down as u64).saturating_mul(100) > share.saturating_mul(known as u64);
        if panics == routes.is_in_panic() {
            return;
        }
        routes.set_panic(panics);
        if panics {
            let text = format!(
                "{down} of {known} checked backends are down, more than {share} %: checks leave none of them out"
            );
            self.log(Level::Error, &text);
        } else {
            let text =
                format!("{down} of {known} checked backends are down: checks leave them out again");
            self.log(Level::Notice, &text);
        }
    }

    /// A step of the walk that finds backends, if one is under way or due.
    fn look(&mut self, routes: &Table<'_, AtomicU64>, now_ms: u64) -> bool {
        if self.walk.is_none() {
            if now_ms < self.walk_not_before_ms {
                return false;
            }
            self.walk = Some(routes.cursor());
            self.walks = self.walks.wrapping_add(1);
            self.walk_began_ms = now_ms;
        }
        let Some(mut cursor) = self.walk.take() else {
            return false;
        };
        let more = routes.scan(&mut cursor, BUCKETS, &mut |route| {
            self.see(routes, route, now_ms);
        });
        if more {
            self.walk = Some(cursor);
            return true;
        }
        if !routes.disturbed(&cursor) {
            self.whole_walk = self.walks;
        }
        let took = now_ms.saturating_sub(self.walk_began_ms);
        let pause = took.saturating_mul(SHARE).max(WALK_MS);
        self.walk_not_before_ms = now_ms.saturating_add(pause);
        if !std::mem::replace(&mut self.is_complete, true) {
            self.weigh(routes);
        }
        true
    }

    /// Notes those backends of a route that are to be checked.
    fn see(&mut self, routes: &Table<'_, AtomicU64>, route: RouteView<'_>, now_ms: u64) {
        let Some(check) = self.ways.of(&route) else {
            return;
        };
        for backend in route.backends() {
            let id = backend.peer();
            let has_names = |target: &Target| target.has_names_of(&backend);
            if self.book.see(id, self.walks, has_names) {
                continue;
            }
            let Some(peer) = routes.peer(id) else {
                continue;
            };
            if !self.is_wanted(peer.wanted_ms(), now_ms) {
                // What an earlier worker or configuration has known of it.
                if peer.probe().is_some() {
                    peer.forget_probe();
                }
                continue;
            }
            let Some(target) = Target::of(&backend) else {
                continue;
            };
            // One that another worker has checked goes on in its turn.
            let (up, due_ms) = match peer.probe() {
                Some(probe) => {
                    let next_ms =
                        probe
                            .at_ms
                            .saturating_add(self.interval(&check, id, probe.at_ms));
                    (Some(probe.up), next_ms.max(now_ms))
                }
                None if self.check.first => (None, now_ms),
                None => (None, now_ms.saturating_add(self.part(&check, id, now_ms))),
            };
            let known = (target, Rc::clone(&check), up);
            self.book.add(id, self.walks, known, due_ms);
        }
    }

    fn is_wanted(&self, wanted_ms: u64, now_ms: u64) -> bool {
        let idle_ms = self.check.idle_ms;
        idle_ms == 0 || wanted_ms > 0 && now_ms.saturating_sub(wanted_ms) <= idle_ms
    }

    /// The interval, a tenth more or less.
    fn interval(&self, check: &Check, id: PeerId, now_ms: u64) -> u64 {
        let interval = check.interval_ms;
        let most = interval / 5;
        let more = self.number(id, now_ms).checked_rem(most.saturating_add(1));
        let least = interval.saturating_sub(interval / 10);
        least.saturating_add(more.unwrap_or(0))
    }

    /// A part of the interval, of a second at most: those that come together are not asked together.
    fn part(&self, check: &Check, id: PeerId, now_ms: u64) -> u64 {
        let most = check.interval_ms.min(1_000);
        self.number(id, now_ms).checked_rem(most).unwrap_or(0)
    }

    fn number(&self, id: PeerId, now_ms: u64) -> u64 {
        self.jitter.hash_one((id, now_ms))
    }

    /// Begins some of the checks that are due; whether any has begun.
    fn begin(&mut self, routes: &Table<'_, AtomicU64>, now_ms: u64) -> bool {
        self.allow(now_ms);
        let mut any = false;
        for _ in 0..CHECKS {
            if !self.has_room() || self.allowed < ONE {
                break;
            }
            let Some(id) = self.book.take_due(now_ms) else {
                break;
            };
            any = true;
            self.begin_one(routes, id, now_ms);
        }
        any
    }

    /// Whether one more may be under way: each has a connection.
    fn has_room(&self) -> bool {
        self.book.open() < self.prober.most_open()
    }

    fn begin_one(&mut self, routes: &Table<'_, AtomicU64>, id: PeerId, now_ms: u64) {
        let peer = routes.peer(id);
        let is_wanted = |wanted_ms| self.is_wanted(wanted_ms, now_ms);
        let Some(peer) = peer.filter(|peer| is_wanted(peer.wanted_ms())) else {
            self.forget(routes, id);
            return;
        };
        let is_new = |walk: u32| walk.wrapping_sub(self.whole_walk) < 1 << 31;
        let is_there = |entry: &&Entry| is_new(entry.seen);
        let Some(entry) = self.book.get(id).filter(is_there) else {
            self.forget(routes, id);
            return;
        };
        if !is_new(entry.named) {
            // No route calls it that any more: the next walk finds out how it is called now.
            self.book.remove(id);
            return;
        }
        self.allowed = self.allowed.saturating_sub(ONE);
        if !self.prober.begin(id, &entry.target, &entry.check) {
            let up = peer.probe().map(|probe| probe.up);
            let again_ms = now_ms.saturating_add(entry.check.interval_ms);
            self.book.ended(id, up, again_ms);
        }
    }

    /// A backend is not checked any more. What was known of it does not hold for ever.
    fn forget(&mut self, routes: &Table<'_, AtomicU64>, id: PeerId) {
        if let Some(peer) = routes.peer(id) {
            peer.forget_probe();
        }
        self.book.remove(id);
        self.weigh(routes);
    }

    /// Reckons how many checks may begin by now: `max_rate`, and no more than a tenth of a second's at once.
    fn allow(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.allowed_ms);
        self.allowed_ms = now_ms;
        let rate = u64::from(self.check.max_rate);
        let most = (rate.saturating_mul(ONE) / 10).max(ONE);
        let more = passed.saturating_mul(rate);
        self.allowed = self.allowed.saturating_add(more).min(most);
    }

    /// Until when there is nothing to do.
    fn rest(&self, now_ms: u64) -> Next {
        let mut pause = BEAT_MS;
        if self.book.open() > 0 {
            pause = pause.min(LOOK_MS);
        }
        let next_ms = self.book.next_ms().filter(|_| self.has_room());
        for at_ms in [next_ms, Some(self.walk_not_before_ms)]
            .into_iter()
            .flatten()
        {
            pause = pause.min(at_ms.saturating_sub(now_ms).max(LOOK_MS));
        }
        Next::In(pause)
    }

    fn log(&self, level: Level, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.table.name);
        self.world.log(level, &line);
    }

    /// How many backends are checked.
    #[cfg(test)]
    pub(crate) fn checked(&self) -> usize {
        self.book.len()
    }
}

/// A check, in thousandths.
const ONE: u64 = 1_000;
