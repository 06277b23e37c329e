//! Writes a table's state: the leader's work, and at the end the master's.

use super::file::StateFile;
use super::job::{Job, Step};
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::table::shared::SharedTable;
use crate::watch::Watch;
use crate::world::{Level, World};
use gatehouse_table::table::Table;
use std::io;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Between the beginnings of two writings.
const EVERY_MS: u64 = 1_000;
/// Between two looks whether there is anything to write.
const LOOK_MS: u64 = 250;
/// A large table that changes all the time is written less often: for each millisecond of work so many are for others.
const SHARE: u64 = 9;
/// An nginx that is being replaced ends within this time; it takes longer to say something about one that does not.
const BUSY_MS: u64 = 3_000;

/// Writes a table to its state.
pub struct StateFeeder<M> {
    table: Rc<SharedTable<M>>,
    state: Rc<StateFile>,
    world: Rc<dyn World>,
    job: Option<Job>,
    /// How long the job has worked.
    worked: Duration,
    /// The next writing does not begin before.
    next_ms: u64,
    leads: bool,
    /// Since when another nginx has the lock.
    busy_since: Option<u64>,
    /// What was said about a file that cannot be written.
    trouble: Watch,
}

impl<M: Memory> StateFeeder<M> {
    /// A feeder of this file by that table.
    pub fn new(table: Rc<SharedTable<M>>, state: Rc<StateFile>, world: Rc<dyn World>) -> Self {
        Self {
            table,
            state,
            world,
            job: None,
            worked: Duration::ZERO,
            next_ms: 0,
            leads: false,
            busy_since: None,
            trouble: Watch::default(),
        }
    }

    /// Begins if there is something to write; milliseconds until the next look if not.
    fn begin(&mut self, routes: &Table<'_, AtomicU64>, now_ms: u64) -> Option<u64> {
        if now_ms < self.next_ms {
            return Some(self.next_ms.saturating_sub(now_ms));
        }
        if routes.is_superseded() || routes.is_saved(self.state.name()) {
            return Some(LOOK_MS);
        }
        self.next_ms = now_ms.saturating_add(EVERY_MS);
        match self.open(routes, now_ms) {
            Ok(Some(job)) => {
                self.job = Some(job);
                self.worked = Duration::ZERO;
                None
            }
            Ok(None) => Some(LOOK_MS),
            Err(error) => {
                self.complain(&error);
                Some(EVERY_MS)
            }
        }
    }

    /// None while another nginx writes the file.
    fn open(&mut self, routes: &Table<'_, AtomicU64>, now_ms: u64) -> io::Result<Option<Job>> {
        if self.state.try_lock()? {
            self.busy_since = None;
            return Job::begin(&self.state, &self.table, routes).map(Some);
        }
        let since = *self.busy_since.get_or_insert(now_ms);
        let text = "is written by another nginx, changes here are not kept";
        if now_ms.saturating_sub(since) >= BUSY_MS && self.trouble.refused(text, 0) {
            self.log(Level::Error, text);
        }
        Ok(None)
    }

    /// Works on until the slice or the work is over.
    fn work(&mut self, turn: &Turn<'_>) -> Next {
        let begin = self.world.time();
        let next = loop {
            let Some(job) = &mut self.job else {
                break self.rest(turn.now_ms);
            };
            let mut must_wait = false;
            match job.step(&self.table, turn.leader) {
                Ok(Step::More) => {}
                Ok(Step::Wait) => must_wait = true,
                Ok(Step::Written) => self.wrote(),
                Ok(Step::Lost) => job.abandon(),
                Ok(Step::Done) => self.job = None,
                Err(error) => {
                    job.abandon();
                    self.complain(&error);
                }
            }
            if must_wait || turn.slice.is_over() {
                break Next::Soon;
            }
        };
        let took = self.world.time().saturating_sub(begin);
        self.worked = self.worked.saturating_add(took);
        next
    }

    /// The pause after a writing.
    fn rest(&mut self, now_ms: u64) -> Next {
        let worked = u64::try_from(self.worked.as_millis()).unwrap_or(u64::MAX);
        let until = now_ms.saturating_add(worked.saturating_mul(SHARE));
        self.next_ms = self.next_ms.max(until);
        Next::In(LOOK_MS)
    }

    fn wrote(&mut self) {
        if self.trouble.accepted() {
            self.log(Level::Notice, "is written again");
        }
    }

    /// Says what is wrong with the file, once until it is something else.
    fn complain(&mut self, error: &io::Error) {
        let why = self.world.explain(error);
        let text = format!("cannot be written ({why}), changes are not kept");
        if self.trouble.refused(&text, 0) {
            self.log(Level::Error, &text);
        }
    }

    fn log(&self, level: Level, text: &str) {
        let (name, state) = (&self.table.name, self.state.shown());
        let line = format!("upstream table \"{name}\": {state} {text}");
        self.world.log(level, &line);
    }
}

impl<M: Memory> Feeder for StateFeeder<M> {
    fn name(&self) -> String {
        format!(
            "writing the state of upstream table \"{}\"",
            self.table.name
        )
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        self.leads = turn.leader.is_some();
        let table = Rc::clone(&self.table);
        if let (None, true, Some(routes)) = (&self.job, self.leads, table.routes()) {
            if let Some(pause) = self.begin(&routes, turn.now_ms) {
                return Next::In(pause);
            }
        }
        if self.job.is_some() {
            return self.work(turn);
        }
        Next::IDLE
    }

    fn abandon(&mut self) {
        if let Some(job) = &mut self.job {
            job.abandon();
        }
    }

    /// The master may stay for as long as a client of another worker does; an nginx that replaces this one writes now.
    fn leave(&mut self) {
        self.abandon();
        if self.leads {
            self.state.unlock();
        }
    }

    fn finish(&mut self) {
        let table = Rc::clone(&self.table);
        let Some(routes) = table.routes() else {
            return;
        };
        if routes.is_superseded() || routes.is_saved(self.state.name()) {
            return;
        }
        // Another nginx that has the lock has replaced this one.
        let written = match self.state.try_lock() {
            Ok(true) => Job::begin(&self.state, &table, &routes).and_then(|job| job.run(&routes)),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.complain(&error);
        }
    }
}
