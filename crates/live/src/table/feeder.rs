//! Follows a table's files: one worker, in slices, the last good routes serving meanwhile.

use super::job::{Job, Site, Step};
use super::look::{Found, Look, Unreadable};
use super::shared::{RouteFiles, STAYS, SharedTable};
use super::source::{Failure, Source, shown};
use super::spool::Spool;
use super::tally::Tally;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::watch::Watch;
use crate::world::{Level, World};
use gatehouse_table::route::NameSet;
use gatehouse_table::table::{Candidate, Table, Ticket};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// How far the feeding of a table has come. The master begins it, workers go on with a copy each.
#[derive(Default)]
pub struct Feed {
    /// What the master has read at a reload and a worker is to apply: also where workers may not read the files. It
    /// stays here when it has been applied; the table knows that it was.
    pub(super) pending_snapshot: Option<Snapshot>,
    pub(super) watch: Watch,
    /// Host names that were reported.
    pub(super) said: NameSet,
    /// Routes ask for checks that nobody makes: that was said.
    said_vain: bool,
    look: Option<Look>,
    job: Option<Job>,
}

/// What some files had, on its way from the master to the worker that applies them.
pub(super) struct Snapshot {
    pub(super) ticket: Ticket,
    pub(super) spool: Rc<Spool>,
    /// Of which files it is.
    pub(super) found: Found,
}

/// Feeds a table from its files.
pub struct RouteFeeder<M> {
    table: Rc<SharedTable<M>>,
    files: Option<RouteFiles>,
    feed: Rc<RefCell<Feed>>,
    world: Rc<dyn World>,
}

impl Feed {
    /// The feeding of a table by these files, at its beginning.
    #[must_use]
    pub fn new(files: Option<&RouteFiles>) -> Self {
        Self {
            watch: Watch::every(files.map_or(0, |files| files.reload_ms)),
            ..Self::default()
        }
    }

    /// Whether the files can be used, as far as is known.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.watch.is_well()
    }

    /// The warning that so many routes ask for checks and the table makes none, once until none of them does.
    pub(super) fn vain_checks(&mut self, files: &RouteFiles, routes: usize) -> Option<String> {
        let is_vain = routes > 0 && !files.has_check;
        let was_said = std::mem::replace(&mut self.said_vain, is_vain);
        let (plural, they) = if routes == 1 {
            ("", "its")
        } else {
            ("s", "their")
        };
        (is_vain && !was_said).then(|| {
            format!(
                "{}: {routes} route{plural} with \"check\", but the table has no \"check\" line: nobody checks {they} backends",
                files.shown()
            )
        })
    }

    fn is_idle(&self) -> bool {
        self.look.is_none() && self.job.is_none()
    }

    /// What the master has read, unless that was applied or is older than what the table has.
    fn pending(&self, routes: &Table<'_, AtomicU64>) -> Option<&Snapshot> {
        let snapshot = self.pending_snapshot.as_ref()?;
        (!routes.is_outdated(snapshot.ticket)).then_some(snapshot)
    }

    /// Another worker feeds the table now: it may apply newer routes than those begun here.
    fn abandon(&mut self) {
        self.watch.forget();
        self.look = None;
        if let Some(job) = self.job.as_mut().filter(|job| job.is_live()) {
            job.abandon();
        }
    }
}

impl Snapshot {
    /// All of the reading of this ticket is in the table.
    fn release(&self, ticket: Ticket) {
        if ticket == self.ticket {
            self.spool.empty();
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
        if turn.leader.is_some() && feed.is_idle() {
            self.begin(&mut feed, &routes);
        }
        while !feed.is_idle() {
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
        files: Option<RouteFiles>,
        feed: Rc<RefCell<Feed>>,
        world: Rc<dyn World>,
    ) -> Self {
        Self {
            table,
            files,
            feed,
            world,
        }
    }

    #[cfg(test)]
    pub(crate) fn kept_bytes(&self) -> u64 {
        let feed = self.feed.borrow();
        let snapshot = feed.pending_snapshot.as_ref();
        snapshot.map_or(0, |snapshot| snapshot.spool.bytes())
    }

    /// Begins with what the master has read, or looks at the files if it is time.
    fn begin(&self, feed: &mut Feed, routes: &Table<'_, AtomicU64>) {
        if let Some(snapshot) = feed.pending(routes) {
            let (ticket, found) = (snapshot.ticket, snapshot.found.clone());
            let source = Source::of_spool(found.clone(), Rc::clone(&snapshot.spool));
            feed.watch.note(found.content);
            self.take_up(feed, ticket, source);
            return;
        }
        let now_ms = self.world.now_ms();
        let due = || feed.watch.next_in(now_ms) == 0;
        if let Some(files) = self.files.as_ref().filter(|_| due()) {
            feed.watch.wait(now_ms);
            feed.look = Some(Look::new(&files.paths));
        }
    }

    /// Looks at some of the files; when they are others than those last read, they are read.
    fn look(&self, feed: &mut Feed) {
        let (Some(look), Some(files), Some(routes)) =
            (feed.look.as_mut(), &self.files, self.table.routes())
        else {
            feed.look = None;
            return;
        };
        match look.step(self.world.as_ref()) {
            Ok(None) => return,
            Ok(Some(found)) if found.content.is_some_and(|c| feed.watch.knows(c)) => {
                self.note(feed);
            }
            Ok(Some(found)) => {
                feed.watch.note(found.content);
                // Before any file is opened: a later ticket is one of the same content or of a later one.
                let ticket = routes.take_ticket(&files.source());
                self.take_up(feed, ticket, Source::of_files(found));
            }
            Err(unreadable) => {
                // Files that come back are read again.
                feed.watch.forget();
                if feed.watch.settles(unreadable.was_listed) {
                    let text = self.text(&Failure::Unreadable(unreadable));
                    self.complain(feed, &text);
                }
            }
        }
        feed.look = None;
    }

    fn take_up(&self, feed: &mut Feed, ticket: Ticket, source: Source) {
        if let Some(files) = &self.files {
            files.hosts.borrow_mut().refresh(self.world.as_ref());
        }
        feed.job = Some(Job::new(ticket, source, self.table.mode));
    }

    /// What is to be said about it.
    fn text(&self, failure: &Failure) -> String {
        match failure {
            Failure::Unreadable(Unreadable { path, error, .. })
                if error.kind() == ErrorKind::PermissionDenied =>
            {
                let (file, why) = (shown(path), self.world.explain(error));
                format!(
                    "{file}: cannot be read again by the workers ({why}), changes need a reload"
                )
            }
            _ => {
                let text = failure.text(&self.source(), self.world.as_ref());
                format!("{text}, {STAYS}")
            }
        }
    }

    /// One step of the work in hand.
    fn step(&self, feed: &mut Feed, leader: Option<Candidate>) -> Step {
        if feed.look.is_some() {
            self.look(feed);
            return Step::More;
        }
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
            files: self.files.as_ref(),
            world: self.world.as_ref(),
            said,
        };
        match job.step(&site, leader) {
            Err(failure) => {
                self.refuse(feed, &failure);
                Step::More
            }
            Ok(step) => {
                match step {
                    Step::Ended => self.judge(feed),
                    Step::Applied => {
                        let (tally, ticket) = (job.tally(), job.ticket());
                        let was_bad = feed.watch.accepted();
                        self.note(feed);
                        if let Some(snapshot) = &feed.pending_snapshot {
                            snapshot.release(ticket);
                        }
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

    /// The files have been read to their end: they are good, or refused as a whole.
    fn judge(&self, feed: &mut Feed) {
        let Some(job) = feed.job.as_mut() else {
            return;
        };
        if !feed.watch.settles(job.is_disturbed()) {
            job.abandon();
            return;
        }
        match job.judge(self.table.as_ref()) {
            Ok((lines, names)) => {
                job.discard(std::mem::replace(&mut feed.said, names));
                for line in lines {
                    self.log(Level::Error, &format!("{}: {line}", self.source()));
                }
                let checked = job.checked();
                let files = self.files.as_ref();
                if let Some(text) = files.and_then(|files| feed.vain_checks(files, checked)) {
                    self.log(Level::Warn, &text);
                }
            }
            Err(failure) => self.refuse(feed, &failure),
        }
    }

    fn refuse(&self, feed: &mut Feed, failure: &Failure) {
        let Some(job) = feed.job.as_mut() else {
            return;
        };
        let (ticket, is_disturbed) = (job.ticket(), job.is_disturbed());
        job.abandon();
        // Another worker has applied it, or what was read later, and what the master had read may be gone.
        let routes = self.table.routes();
        if routes.is_some_and(|routes| routes.is_outdated(ticket)) {
            feed.watch.forget();
            return;
        }
        if !feed.watch.settles(is_disturbed) {
            return;
        }
        // Were it what the master has read, it would be tried for ever.
        feed.pending_snapshot = None;
        if failure.may_pass() {
            feed.watch.forget();
        }
        self.complain(feed, &self.text(failure));
    }

    /// The files, as messages name them.
    fn source(&self) -> String {
        match &self.files {
            Some(files) => files.shown(),
            None => "without a file".into(),
        }
    }

    /// Says what is wrong with the files, once until it is something else.
    fn complain(&self, feed: &mut Feed, text: &str) {
        if feed.watch.refused(text, 0) {
            self.log(Level::Error, text);
        }
        self.note(feed);
    }

    /// Notes for all workers whether the files can be used.
    fn note(&self, feed: &Feed) {
        if self.files.is_some() {
            let world = self.world.as_ref();
            self.table.note_feeding("file", feed.is_well(), world);
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
            let again = match &self.files {
                Some(files) if was_bad && files.paths.len() > 1 => " are good again",
                _ if was_bad => " is good again",
                _ => "",
            };
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
