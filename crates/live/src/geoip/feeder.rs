//! Replaces a database under load: one worker reads the file, verifies it and puts it into the zone.

use super::loading::{Wanted, unreadable};
use super::pending::{Pending, Taken};
use super::shared::SharedDatabase;
use super::work::{Outcome, Terms, Work};
use crate::BEAT_MS;
use crate::feeder::{Feeder, Next, Turn};
use crate::stamp::Stamp;
use crate::watch::{Found, Watch};
use crate::world::{Level, World};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::shm::slots::{Draft, Slots};
use std::path::PathBuf;
use std::rc::Rc;

/// Keeps a worker's view of a database current and, in one worker, the zone.
pub struct DatabaseFeeder {
    file: DatabaseFile,
    database: Rc<SharedDatabase>,
    world: Rc<dyn World>,
    watch: Watch,
    work: Option<Work>,
    /// The slot that nobody reads any more, as far as its memory has been given back.
    clearing: Option<Draft>,
    /// The leader has tried whether it may read the file.
    has_tried: bool,
    /// The build of the database whose age was warned about.
    warned_of: u64,
}

/// What a `geoip_db` says about its file, and what the master has read.
pub struct DatabaseFile {
    /// The file.
    pub path: PathBuf,
    /// How often it is looked at; 0 for never.
    pub reload_ms: u64,
    /// The age that is warned about, seconds; 0 for none.
    pub max_age_s: u64,
    /// What the configuration wants of it.
    pub wanted: Rc<Wanted>,
    /// What the master read, as long as it is not in the zone.
    pub pending: Rc<Pending>,
}

/// The pause before the next try, when somebody may still read the slot.
const WAIT_MS: u64 = 50;

/// Bytes of a slot whose memory is given back in one step: half a millisecond, also under the lock.
const PIECE: usize = 1 << 20;

impl Feeder for DatabaseFeeder {
    fn name(&self) -> String {
        format!("refreshing geoip_db \"{}\"", self.file.path.display())
    }

    /// No request of this worker meets the database that the master's replaces.
    fn start(&mut self) {
        self.watch.wait(self.world.now_ms());
        self.take_over();
        self.database.refresh();
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        if turn.leader.is_some() {
            self.try_access();
            if self.work.is_none() {
                self.begin();
            }
        }
        let next = self.go_on(turn);
        self.database.refresh();
        next
    }

    fn abandon(&mut self) {
        self.watch.forget();
        self.clearing = None;
        if let Some(work) = &mut self.work {
            work.abandon();
        }
    }
}

impl DatabaseFeeder {
    /// A feeder of this file into that zone.
    pub fn new(file: DatabaseFile, database: Rc<SharedDatabase>, world: Rc<dyn World>) -> Self {
        let every_ms = match file.reload_ms {
            0 => 0,
            every_ms => every_ms.max(Slots::SETTLE_MS),
        };
        Self {
            file,
            database,
            world,
            watch: Watch::every(every_ms),
            work: None,
            clearing: None,
            has_tried: false,
            warned_of: 0,
        }
    }

    /// Publishes what the master read at a reload, now that the reload has succeeded. Whichever new worker comes first
    /// does it; not one that starts later, when a newer file may be in use. Whether nothing of the master's is left to do.
    fn take_over(&mut self) -> bool {
        let pending = &self.file.pending;
        let (Some(slots), Some(replaces)) = (self.database.slots(), pending.replaces()) else {
            return true;
        };
        if slots.generation() == replaces {
            // Another process has the lock for a moment, or stands still with it: a later poll tries again.
            let Some(lock) = self.database.zone.try_lock() else {
                return false;
            };
            match pending.publish(&slots, &lock, self.world.now_ms()) {
                Taken::Done => {}
                Taken::TooSoon => return false,
                Taken::Lost => self.watch.look_once(),
            }
        }
        pending.settle();
        true
    }

    /// Says, once in a worker that leads, that the file cannot be followed.
    fn try_access(&mut self) {
        if std::mem::replace(&mut self.has_tried, true) || !self.watch.is_followed() {
            return;
        }
        if let Err(error) = self.world.open(&self.file.path) {
            let why = self.world.explain(&error);
            let text =
                format!("cannot be read again by the workers ({why}), changes need a reload");
            self.log(Level::Error, &text);
        }
    }

    /// Begins with what the master has read, or with the file when it is another one than the one in use.
    fn begin(&mut self) {
        let Some(slots) = self.database.slots() else {
            return;
        };
        if let Some(loaded) = self.file.pending.in_memory() {
            if Some(slots.generation()) == self.file.pending.replaces() {
                self.work = Some(Work::of_master(loaded));
                return;
            }
        }
        if !self.take_over() {
            return;
        }
        if self.watch.next_in(self.world.now_ms()) > 0 {
            return;
        }
        if let Some(built) = self.database.build_epoch() {
            self.warn_of_age(built);
        }
        let found = self.watch.poll_file(self.world.as_ref(), &self.file.path);
        if let (false, Some(slots)) = (matches!(found, Found::NotDue), self.database.slots()) {
            slots.check();
        }
        match found {
            Found::NotDue | Found::Same => {}
            Found::Changed(_, stamp) if self.is_in_use(&stamp) => self.in_use(),
            Found::Changed(file, stamp) => {
                if self.watch.is_to_look() {
                    let text = "is read again: what the reload had read was lost";
                    self.log(Level::Warn, text);
                }
                self.work = Some(Work::of_file(self.world.as_ref(), file, stamp));
            }
            Found::Unreadable(error) => {
                let stat = self.world.stat(&self.file.path);
                if stat.is_ok_and(|stamp| self.is_in_use(&stamp)) {
                    self.in_use();
                } else {
                    let text = unreadable(self.world.as_ref(), &error);
                    self.refuse(&text, 0);
                }
            }
        }
    }

    /// Whether the database in use was read from a file of this stamp.
    fn is_in_use(&self, stamp: &Stamp) -> bool {
        let used = self.database.slots().map_or(0, |slots| slots.stamp());
        used == stamp.number()
    }

    /// Goes on with the work in hand until the slice is over.
    fn go_on(&mut self, turn: &Turn<'_>) -> Next {
        while let Some(mut work) = self.work.take() {
            let terms = Terms {
                wanted: &self.file.wanted,
                replaces: self.file.pending.replaces().unwrap_or_default(),
            };
            let (database, world) = (self.database.as_ref(), self.world.as_ref());
            let outcome = work.step(database, world, &terms, turn.leader.is_some());
            let is_over = matches!(outcome, Outcome::Over);
            let must_wait = matches!(outcome, Outcome::Wait);
            self.report(outcome, &mut work);
            if !is_over {
                self.work = Some(work);
            }
            if must_wait {
                return Next::In(WAIT_MS);
            }
            if turn.slice.is_over() {
                return Next::Soon;
            }
        }
        if turn.leader.is_none() {
            return Next::In(BEAT_MS);
        }
        if self.clear(turn) {
            return Next::Soon;
        }
        Next::In(self.watch.next_in(turn.now_ms).min(BEAT_MS))
    }

    /// Gives the memory of the slot that nobody reads any more back to the system; whether there is more to do. What a
    /// leader before this one has left there, half cleared or half filled, goes as well.
    fn clear(&mut self, turn: &Turn<'_>) -> bool {
        let Some(slots) = self.database.slots().filter(|slots| !slots.is_cleared()) else {
            return false;
        };
        loop {
            let Some(lock) = self.database.zone.try_lock() else {
                return false;
            };
            let begun = self.clearing.take();
            // None for up to a second after a publication.
            let begun = begun.or_else(|| slots.begin_to_clear(&lock, turn.now_ms));
            let Some(mut draft) = begun else {
                return false;
            };
            if !slots.clear(&lock, &mut draft, PIECE) {
                return false;
            }
            self.clearing = Some(draft);
            if turn.slice.is_over() {
                return true;
            }
        }
    }

    /// Says what came of a step.
    fn report(&mut self, outcome: Outcome, work: &mut Work) {
        match outcome {
            Outcome::More | Outcome::Wait | Outcome::Over => {}
            Outcome::Read => {
                if work.is_at_rest(&mut self.watch) {
                    work.take_bytes();
                } else {
                    work.abandon();
                }
            }
            Outcome::Bad(text) => {
                let is_at_rest = work.is_at_rest(&mut self.watch);
                work.abandon();
                if is_at_rest {
                    self.refuse(&text, work.content());
                }
            }
            Outcome::InUse => self.in_use(),
            Outcome::TakenOver => self.file.pending.settle(),
            Outcome::Overtaken => self.watch.forget(),
            Outcome::Replaced { built } => {
                let again = if self.watch.accepted() {
                    "is good again: "
                } else {
                    ""
                };
                self.log(Level::Notice, &format!("{again}replaced, built {built}"));
                self.warn_of_age(built);
            }
        }
    }

    /// The file is the one in use.
    fn in_use(&mut self) {
        if self.watch.accepted() {
            self.log(Level::Notice, "is good again: the one in use is there");
        }
    }

    /// Says once why a file is not used.
    fn refuse(&mut self, text: &str, content: u64) {
        if self.watch.refused(text, content) {
            self.log(Level::Error, &format!("{text}, the old one stays in use"));
        }
    }

    /// Says once of each database that it is older than `max_age`.
    fn warn_of_age(&mut self, built: u64) {
        let warned = self.warned_of == built;
        if let Some(text) = too_old(built, self.file.max_age_s).filter(|_| !warned) {
            self.warned_of = built;
            self.log(Level::Error, &text);
        }
    }

    fn log(&self, level: Level, text: &str) {
        let line = format!("geoip_db \"{}\" {text}", self.file.path.display());
        self.world.log(level, &line);
    }
}

/// `was built 40 days ago, more than "max_age"`
pub fn too_old(build_epoch: u64, max_age_s: u64) -> Option<String> {
    let now = u64::try_from(process::now()).unwrap_or(0);
    let age = now.saturating_sub(build_epoch);
    (max_age_s > 0 && age > max_age_s)
        .then(|| format!("was built {} days ago, more than \"max_age\"", age / 86_400))
}
