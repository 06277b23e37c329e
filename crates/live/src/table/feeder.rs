//! Follows a table's file: one worker, in slices, the last good routes serving meanwhile.

use super::job::{Job, Site, Step};
use super::shared::{RouteFile, STAYS, SharedTable};
use super::source::Source;
use super::tally::Tally;
use crate::chunks::Bytes;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::stamp::Stamp;
use crate::watch::{Found, Watch};
use crate::world::{Level, World};
use gatehouse_table::route::NameSet;
use gatehouse_table::table::{Candidate, Table, Ticket};
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// How far the feeding of a table has come. The master begins it, workers go on with a copy each.
#[derive(Default)]
pub struct Feed {
    /// What the master has read at a reload and a worker is to apply: also where workers may not read the file. It
    /// stays here when it has been applied; the table knows that it was.
    pub(super) pending_snapshot: Option<Snapshot>,
    pub(super) watch: Watch,
    /// Host names that were reported.
    pub(super) said: NameSet,
    job: Option<Job>,
}

/// A file's bytes on their way from the master to the worker that applies them.
pub(super) struct Snapshot {
    pub(super) ticket: Ticket,
    pub(super) bytes: Rc<Bytes>,
    /// Which content of the file they are.
    pub(super) stamp: Option<Stamp>,
}

/// Feeds a table from its file.
pub struct RouteFeeder<M> {
    table: Rc<SharedTable<M>>,
    file: Option<RouteFile>,
    feed: Rc<RefCell<Feed>>,
    world: Rc<dyn World>,
}

impl Feed {
    /// The feeding of a table by this file, at its beginning.
    #[must_use]
    pub fn new(file: Option<&RouteFile>) -> Self {
        Self {
            watch: Watch::every(file.map_or(0, |file| file.reload_ms)),
            ..Self::default()
        }
    }

    /// What the master has read, unless that was applied or is older than what the table has.
    fn pending(&self, routes: &Table<'_, AtomicU64>) -> Option<&Snapshot> {
        let snapshot = self.pending_snapshot.as_ref()?;
        (!routes.is_outdated(snapshot.ticket)).then_some(snapshot)
    }

    /// Another worker feeds the table now: it may apply newer routes than those begun here.
    fn abandon(&mut self) {
        self.watch.forget();
        if let Some(job) = self.job.as_mut().filter(|job| job.is_live()) {
            job.abandon();
        }
    }
}

impl<M: Memory> Feeder for RouteFeeder<M> {
    fn name(&self) -> String {
        format!("feeding upstream table \"{}\"", self.table.name)
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        let feed = Rc::clone(&self.feed);
        let (Ok(mut feed), Some(routes)) = (feed.try_borrow_mut(), self.table.routes()) else {
            return Next::IDLE;
        };
        if turn.leader.is_some() && feed.job.is_none() {
            self.begin(&mut feed, &routes);
        }
        while feed.job.is_some() {
            let must_wait = matches!(self.step(&mut feed, turn.leader), Step::Wait);
            if must_wait || turn.slice.is_over() {
                return Next::Soon;
            }
        }
        match turn.leader {
            Some(_) => Next::In(feed.watch.next_in(turn.now_ms)),
            None => Next::IDLE,
        }
    }

    fn abandon(&mut self) {
        if let Ok(mut feed) = self.feed.try_borrow_mut() {
            feed.abandon();
        }
    }
}

impl<M: Memory> RouteFeeder<M> {
    /// A feeder that goes on with what the master has begun.
    pub fn new(
        table: Rc<SharedTable<M>>,
        file: Option<RouteFile>,
        feed: Rc<RefCell<Feed>>,
        world: Rc<dyn World>,
    ) -> Self {
        Self {
            table,
            file,
            feed,
            world,
        }
    }

    /// Begins with what the master has read, or reads the file when it is another one than the last.
    fn begin(&self, feed: &mut Feed, routes: &Table<'_, AtomicU64>) {
        if let Some(snapshot) = feed.pending(routes) {
            let source = Source::Snapshot(Rc::clone(&snapshot.bytes), 0);
            let (ticket, stamp) = (snapshot.ticket, snapshot.stamp);
            match stamp {
                Some(stamp) => feed.watch.saw(self.world.as_ref(), stamp),
                None => feed.watch.forget(),
            }
            self.take_up(feed, ticket, source);
            return;
        }
        let Some(file) = &self.file else {
            return;
        };
        if feed.watch.next_in(self.world.now_ms()) > 0 {
            return;
        }
        // Before the file is opened: a later ticket is one of the same content or of a later one.
        let ticket = routes.take_ticket(file.source());
        match feed.watch.poll_file(self.world.as_ref(), &file.path) {
            Found::Changed(opened, stamp) => {
                self.take_up(feed, ticket, Source::File(opened, stamp));
            }
            Found::Unreadable(error) => self.complain(feed, &self.unreadable(file, &error)),
            Found::Same | Found::NotDue => {}
        }
    }

    fn take_up(&self, feed: &mut Feed, ticket: Ticket, source: Source) {
        if let Some(file) = &self.file {
            file.hosts.borrow_mut().refresh(self.world.as_ref());
        }
        feed.job = Some(Job::new(ticket, source, self.table.mode));
    }

    fn unreadable(&self, file: &RouteFile, error: &io::Error) -> String {
        let (shown, why) = (file.shown(), self.world.explain(error));
        if error.kind() == ErrorKind::PermissionDenied {
            format!("{shown} cannot be read again by the workers ({why}), changes need a reload")
        } else {
            format!("{shown} cannot be read ({why}), {STAYS}")
        }
    }

    /// One step of the work in hand.
    fn step(&self, feed: &mut Feed, leader: Option<Candidate>) -> Step {
        let Feed {
            job: Some(job),
            said,
            ..
        } = feed
        else {
            return Step::Done;
        };
        let site = Site {
            table: self.table.as_ref(),
            file: self.file.as_ref(),
            world: self.world.as_ref(),
            said,
        };
        match job.step(&site, leader) {
            Err(text) => {
                self.refuse(feed, &text);
                Step::More
            }
            Ok(step) => {
                match step {
                    Step::Ended => self.judge(feed),
                    Step::Applied => {
                        let tally = job.tally();
                        let was_bad = feed.watch.accepted();
                        self.log_applied(&tally, was_bad);
                    }
                    Step::Lost => feed.abandon(),
                    Step::Done => feed.job = None,
                    Step::More | Step::Wait => {}
                }
                step
            }
        }
    }

    /// The file has been read to its end: it is good, or refused as a whole.
    fn judge(&self, feed: &mut Feed) {
        let Some(job) = feed.job.as_mut() else {
            return;
        };
        if !job.is_at_rest(&mut feed.watch) {
            job.abandon();
            return;
        }
        match job.judge(self.table.as_ref()) {
            Ok((lines, names)) => {
                job.discard(std::mem::replace(&mut feed.said, names));
                for line in lines {
                    self.log(Level::Error, &format!("{}: {line}", self.source()));
                }
            }
            Err(text) => self.refuse(feed, &text),
        }
    }

    fn refuse(&self, feed: &mut Feed, text: &str) {
        let Some(job) = feed.job.as_mut() else {
            return;
        };
        let is_at_rest = job.is_at_rest(&mut feed.watch);
        job.abandon();
        if is_at_rest {
            // Were it the snapshot, it would be tried for ever.
            feed.pending_snapshot = None;
            self.complain(feed, &format!("{}: {text}, {STAYS}", self.source()));
        }
    }

    /// The file, as messages name it.
    fn source(&self) -> String {
        match &self.file {
            Some(file) => file.shown(),
            None => "without a file".into(),
        }
    }

    /// Says what is wrong with the file, once until it is something else.
    fn complain(&self, feed: &mut Feed, text: &str) {
        if feed.watch.refused(text, 0) {
            self.log(Level::Error, text);
        }
    }

    fn log_applied(&self, tally: &Tally, was_bad: bool) {
        let source = self.source();
        if tally.repaired {
            let text = "a process was killed while it changed the table: repaired";
            self.log(Level::Warn, text);
        }
        if let Some(text) = tally.refusal() {
            self.log(Level::Error, &format!("{source}: {text}"));
        } else if was_bad || tally.changed > 0 {
            let again = if was_bad { " is good again" } else { "" };
            let text = format!("{source}{again}: {}", tally.summary());
            self.log(Level::Notice, &text);
        }
        if let Some(text) = tally.loss() {
            self.log(Level::Error, &format!("{source}: {text}"));
        }
    }

    fn log(&self, level: Level, text: &str) {
        let line = format!("upstream table \"{}\": {text}", self.table.name);
        self.world.log(level, &line);
    }
}
