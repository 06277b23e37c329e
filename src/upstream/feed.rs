//! Follows a table's file: one worker, in slices, the last good routes serving meanwhile.

use super::job::{Job, Source, Step, Tally};
use super::stamp::Stamp;
use super::table::UpstreamTable;
use crate::Gatehouse;
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::{Level, ffi::files, ffi::log, ffi::process, running};
use gatehouse_table::table::{Feeder, Table, Ticket};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// How far the feeding of a table has come. The master begins it, workers go on with a copy each.
#[derive(Default)]
pub struct Feed {
    /// What the master has read at a reload and a worker is to apply: also where workers may not read the file. It
    /// stays here when it has been applied; the table knows that it was.
    pub(super) snapshot: Option<Snapshot>,
    /// The content of the file that was last read or refused.
    pub(super) seen: Option<Stamp>,
    /// What was last said about a file that cannot be used; None while it is good.
    pub(super) trouble: Option<String>,
    /// Host names that were reported.
    pub(super) said: HashSet<String>,
    next_look_ms: u64,
    job: Option<Job>,
}

/// A file's bytes on their way from the master to the worker that applies them.
pub struct Snapshot {
    pub ticket: Ticket,
    pub bytes: Rc<Vec<u8>>,
    /// Which content of the file they are.
    pub stamp: Option<Stamp>,
}

/// How often a worker looks whether it is its turn.
const TICK_MS: u64 = 100;
/// The pause between two slices.
const PAUSE_MS: u64 = 1;
/// The longest slice of work; the event loop goes on between slices.
const SLICE: Duration = Duration::from_millis(3);

/// What happens when a file cannot be used.
pub(super) const STAYS: &str = "the last good routes stay in use";

impl UpstreamTable {
    /// One slice of work, when this worker has the lease; milliseconds until the next.
    fn feed(&self) -> u64 {
        let (Ok(mut feed), Some(routes)) = (self.feed.try_borrow_mut(), self.routes()) else {
            return TICK_MS;
        };
        if feed.job.is_none() && !self.follows() && feed.pending(&routes).is_none() {
            return TICK_MS;
        }
        let now = process::now_ms();
        if self.leads(&routes, now) {
            if feed.job.is_none() {
                self.look(&mut feed, &routes, now);
            }
        } else {
            // Whoever has the lease may apply newer routes than those begun here.
            feed.give_up();
        }
        let until = Instant::now().checked_add(SLICE);
        while until.is_some_and(|until| Instant::now() < until) {
            match self.step(&mut feed) {
                Some(Step::Wait) => break,
                Some(_) => {}
                None => return TICK_MS,
            }
        }
        PAUSE_MS
    }

    /// Whether it has a file that is looked at again.
    fn follows(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.reload_ms > 0)
    }

    /// This worker, as the lease knows it.
    fn feeder(&self) -> Feeder {
        Feeder {
            pid: process::pid(),
            generation: self.generation,
        }
    }

    /// Whether this worker feeds the table. The lease changes hands under the lock only: whoever takes it over knows
    /// that the one before is not in the middle of a change.
    fn leads(&self, routes: &Table<'_, AtomicU64>, now: u64) -> bool {
        let who = self.feeder();
        if routes.lease_held(who) {
            return routes.lease_acquire(who, now);
        }
        let lock = self.zone().try_lock();
        lock.is_some() && routes.lease_acquire(who, now)
    }

    /// Gives the lease up, for a worker that goes.
    fn leave(&self) {
        if let (Ok(mut feed), Some(routes)) = (self.feed.try_borrow_mut(), self.routes()) {
            feed.give_up();
            routes.lease_release(self.feeder());
        }
    }

    /// Begins with what the master has read, or reads the file when it is another one than the last.
    fn look(&self, feed: &mut Feed, routes: &Table<'_, AtomicU64>, now: u64) {
        if let Some(snapshot) = feed.pending(routes) {
            let source = Source::Snapshot(Rc::clone(&snapshot.bytes), 0);
            let job = Job::new(snapshot.ticket, source, self.mode());
            feed.seen = snapshot.stamp;
            self.begin(feed, job);
            return;
        }
        let Some(file) = self.file.as_ref().filter(|file| file.reload_ms > 0) else {
            return;
        };
        if now < feed.next_look_ms {
            return;
        }
        // A change is seen within `reload`: ticks come late by up to TICK_MS.
        feed.next_look_ms = now.saturating_add(file.reload_ms.saturating_sub(TICK_MS));
        let ticket = routes.take_ticket(file.source());
        let opened = files::open(&file.path).and_then(|f| Ok((Stamp::from(f.metadata()?), f)));
        match opened {
            Ok((stamp, _)) if feed.seen == Some(stamp) => {}
            Ok((stamp, opened)) => {
                feed.seen = stamp.settled();
                let job = Job::new(ticket, Source::File(opened), self.mode());
                self.begin(feed, job);
            }
            Err(error) => {
                // A file that comes back is read again.
                feed.seen = None;
                let (file, why) = (file.shown(), files::errno(&error));
                if error.kind() == ErrorKind::PermissionDenied {
                    let text = format!(
                        "{file} cannot be read again by the workers ({why}), changes need a reload"
                    );
                    self.complain(feed, text);
                } else {
                    self.complain(feed, format!("{file} cannot be read ({why}), {STAYS}"));
                }
            }
        }
    }

    fn begin(&self, feed: &mut Feed, job: Job) {
        if let Some(file) = &self.file {
            file.hosts.borrow_mut().refresh();
        }
        feed.job = Some(job);
    }

    /// One step of the work in hand; None when there is none.
    fn step(&self, feed: &mut Feed) -> Option<Step> {
        let job = feed.job.as_mut()?;
        let step = job.step(self, self.feeder());
        match step {
            Err(text) => {
                job.abandon();
                // Were it the snapshot, it would be tried for ever.
                feed.snapshot = None;
                self.complain(feed, format!("{}: {text}, {STAYS}", self.source()));
                Some(Step::More)
            }
            Ok(step) => {
                match step {
                    Step::Read => {
                        let lines = job.take_left_out().lines(&mut feed.said);
                        for line in lines {
                            self.say(Level::Error, &format!("{}: {line}", self.source()));
                        }
                    }
                    Step::Applied => {
                        let tally = job.tally();
                        let was_bad = feed.trouble.take().is_some();
                        self.say_applied(&tally, was_bad);
                    }
                    Step::Lost => feed.give_up(),
                    Step::Done => feed.job = None,
                    Step::More | Step::Wait => {}
                }
                Some(step)
            }
        }
    }

    /// The file, as messages name it.
    fn source(&self) -> String {
        match &self.file {
            Some(file) => file.shown(),
            None => "without a file".into(),
        }
    }

    /// Addresses of a name, as far as they are known here.
    pub(super) fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        match &self.file {
            Some(file) => file.hosts.borrow_mut().ask_here(name, port),
            None => Err("no file".into()),
        }
    }

    /// Says what is wrong with the file, once until it is something else.
    fn complain(&self, feed: &mut Feed, text: String) {
        if feed.trouble.as_ref() != Some(&text) {
            self.say(Level::Error, &text);
            feed.trouble = Some(text);
        }
    }

    fn say_applied(&self, tally: &Tally, was_bad: bool) {
        let source = self.source();
        if tally.repaired {
            let text = "a process was killed while it changed the table: repaired";
            self.say(Level::Warn, text);
        }
        if let Some(error) = tally.why {
            let text = format!(
                "{source}: {} of {} changes refused: {error}",
                tally.refused, tally.total
            );
            self.say(Level::Error, &text);
        } else if was_bad || tally.changed > 0 {
            let again = if was_bad { " is good again" } else { "" };
            let text = format!(
                "{source}{again}: {} route{}, {} changed",
                tally.total,
                if tally.total == 1 { "" } else { "s" },
                tally.changed
            );
            self.say(Level::Notice, &text);
        }
        if tally.most_are_gone() {
            let text = format!(
                "{source}: {} of {} routes were removed, {} are left",
                tally.removed, tally.before, tally.total
            );
            self.say(Level::Error, &text);
        }
    }

    fn say(&self, level: Level, text: &str) {
        log::cycle(
            level,
            &format!("upstream table \"{}\": {text}", self.name()),
        );
    }
}

impl Feed {
    /// What the master has read, unless that was applied or is older than what the table has.
    fn pending(&self, routes: &Table<'_, AtomicU64>) -> Option<&Snapshot> {
        let snapshot = self.snapshot.as_ref()?;
        (!routes.is_outdated(snapshot.ticket)).then_some(snapshot)
    }

    /// Another worker feeds the table now.
    fn give_up(&mut self) {
        self.seen = None;
        if let Some(job) = self.job.as_mut().filter(|job| job.is_live()) {
            job.abandon();
        }
    }
}

/// Feeds all tables.
pub struct Feeding;

impl Tick for Feeding {
    type Module = Gatehouse;
    const NAME: &'static str = "feeding upstream tables";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        running::<Gatehouse, _>(|main| {
            let tables = main.upstream.tables.iter();
            tables.map(UpstreamTable::feed).min().unwrap_or(TICK_MS)
        })
    }

    /// Another worker goes on at once.
    fn leave() {
        running::<Gatehouse, _>(|main| {
            main.upstream.tables.iter().for_each(UpstreamTable::leave);
        });
    }
}

/// Starts following the files.
pub fn start_worker(main: &super::Main) {
    let fed =
        |table: &UpstreamTable| table.file.is_some() || table.feed.borrow().snapshot.is_some();
    if main.tables.iter().any(fed) {
        timer::start::<Feeding>(PAUSE_MS);
    }
}
