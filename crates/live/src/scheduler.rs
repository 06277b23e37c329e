//! One scheduler for all feeders of a worker.

use crate::election::{Seat, resign, stand};
use crate::feeder::{Feeder, Next, Turn};
use crate::slice::Slice;
use gatehouse_table::table::Candidate;
use std::rc::Rc;

/// How often a worker looks who leads, at least, and what leaders have done.
pub const BEAT_MS: u64 = 250;

/// The shortest pause between two slices of work: the event loop turns once.
pub const PAUSE_MS: u64 = 1;

/// How long a feeder that panicked is left alone: twice as long each time, up to the second figure.
const AFTER_PANIC_MS: u64 = 1_000;
const AFTER_PANICS_MS: u64 = 60_000;

/// Polls the feeders of one configuration.
///
/// Each call of [`Scheduler::run`] is one slice of time for all feeders together. Whoever did not get a turn is the first
/// one of the next slice.
pub struct Scheduler {
    generation: u16,
    zones: Vec<Zone>,
    feeders: Vec<Entry>,
    /// The feeder whose turn is the first one of the next slice.
    first: usize,
    /// The worker exits, and every feeder knows.
    left: bool,
}

struct Zone {
    seat: Rc<dyn Seat>,
    leads: bool,
}

struct Entry {
    feeder: Box<dyn Feeder>,
    /// Its zone's number.
    zone: usize,
    due_ms: u64,
    panics: u32,
}

/// One slice of work in a worker.
pub struct Round<'r> {
    /// This process.
    pub pid: u32,
    /// The clock of the event loop, milliseconds, the same in all processes.
    pub now_ms: u64,
    /// How long all feeders together may work.
    pub slice: &'r Slice<'r>,
    /// This worker shuts down.
    pub exiting: bool,
    /// Runs work of that name; a panic in it is reported, and the answer is false.
    pub guard: &'r dyn Fn(&str, &mut dyn FnMut()) -> bool,
}

impl Scheduler {
    /// A scheduler for a configuration. A later configuration has a higher generation (the numbers run in a circle).
    #[must_use]
    pub fn new(generation: u16) -> Self {
        Self {
            generation,
            zones: Vec::new(),
            feeders: Vec::new(),
            first: 0,
            left: false,
        }
    }

    /// Adds a zone and whatever keeps it current.
    pub fn add(&mut self, seat: Rc<dyn Seat>, feeders: Vec<Box<dyn Feeder>>) {
        let zone = self.zones.len();
        self.zones.push(Zone { seat, leads: false });
        self.feeders.extend(feeders.into_iter().map(|feeder| Entry {
            feeder,
            zone,
            due_ms: 0,
            panics: 0,
        }));
    }

    /// Whether there is anything to poll.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feeders.is_empty()
    }

    /// The worker starts: every feeder may prepare itself.
    pub fn start(&mut self, guard: &dyn Fn(&str, &mut dyn FnMut()) -> bool) {
        for entry in &mut self.feeders {
            guard(&entry.feeder.name(), &mut || entry.feeder.start());
        }
    }

    /// The master ends, and with it all that it has started.
    pub fn finish(&mut self, guard: &dyn Fn(&str, &mut dyn FnMut()) -> bool) {
        for entry in &mut self.feeders {
            guard(&entry.feeder.name(), &mut || entry.feeder.finish());
        }
    }

    /// One slice; milliseconds until the next one, None when there will be nothing to do any more.
    pub fn run(&mut self, round: &Round<'_>) -> Option<u64> {
        let who = Candidate {
            pid: round.pid,
            generation: self.generation,
        };
        if round.exiting {
            self.leave(round, who);
        } else {
            self.elect(round, who);
        }
        let all_served = self.poll(round, who);
        if !all_served {
            return Some(PAUSE_MS);
        }
        let wait = |entry: &Entry| entry.due_ms.saturating_sub(round.now_ms).max(PAUSE_MS);
        let next = self.feeders.iter().map(wait).min();
        if round.exiting {
            // Who has memory left to free is due at once.
            return next.filter(|next| *next == PAUSE_MS);
        }
        next.map(|next| next.min(BEAT_MS))
    }

    fn elect(&mut self, round: &Round<'_>, who: Candidate) {
        for number in 0..self.zones.len() {
            let Some(zone) = self.zones.get_mut(number) else {
                return;
            };
            let leads = stand(zone.seat.as_ref(), who, round.now_ms);
            let led = std::mem::replace(&mut zone.leads, leads);
            if leads == led {
                continue;
            }
            for entry in self.feeders.iter_mut().filter(|e| e.zone == number) {
                entry.due_ms = 0;
                if led {
                    entry.abandon(round);
                }
            }
        }
    }

    /// Whoever waits for this worker goes on without it, at once.
    fn leave(&mut self, round: &Round<'_>, who: Candidate) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        for entry in &mut self.feeders {
            entry.due_ms = 0;
            let feeder = &mut entry.feeder;
            (round.guard)(&feeder.name(), &mut || feeder.leave());
        }
        for zone in &mut self.zones {
            zone.leads = false;
            resign(zone.seat.as_ref(), who);
        }
    }

    /// Polls who is due; false when the slice was over before all of them had a turn.
    fn poll(&mut self, round: &Round<'_>, who: Candidate) -> bool {
        let count = self.feeders.len();
        let order = (self.first..count).chain(0..self.first);
        for (step, number) in order.enumerate() {
            let Some(entry) = self.feeders.get_mut(number) else {
                continue;
            };
            if entry.due_ms > round.now_ms {
                continue;
            }
            if step > 0 && round.slice.is_over() {
                self.first = number;
                return false;
            }
            let leads = self.zones.get(entry.zone).is_some_and(|zone| zone.leads);
            entry.poll(round, leads.then_some(who));
        }
        // The slice may have been used up by one: then it is the last one next time.
        self.first = Some(self.first.saturating_add(1))
            .filter(|next| *next < count)
            .unwrap_or_default();
        true
    }
}

impl Entry {
    fn poll(&mut self, round: &Round<'_>, leader: Option<Candidate>) {
        let turn = Turn {
            slice: round.slice,
            now_ms: round.now_ms,
            leader,
        };
        let mut next = Next::IDLE;
        let feeder = &mut self.feeder;
        let well = (round.guard)(&feeder.name(), &mut || next = feeder.poll(&turn));
        if !well {
            self.abandon(round);
            let pause = AFTER_PANIC_MS.checked_shl(self.panics).unwrap_or(u64::MAX);
            self.panics = self.panics.saturating_add(1).min(16);
            next = Next::In(pause.min(AFTER_PANICS_MS));
        }
        self.due_ms = match next {
            Next::Soon => 0,
            Next::In(pause) => round.now_ms.saturating_add(pause.max(PAUSE_MS)),
        };
    }

    fn abandon(&mut self, round: &Round<'_>) {
        let feeder = &mut self.feeder;
        (round.guard)(&feeder.name(), &mut || feeder.abandon());
    }
}
