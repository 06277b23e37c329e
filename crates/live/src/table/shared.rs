//! A table in a zone, and the files that it follows.

use super::brake::Brake;
use super::hosts::Hosts;
use super::names::Answers;
use super::pulse::Pulse;
use super::telling::Telling;
use crate::election::Seat;
use crate::memory::Memory;
use crate::world::World;
use gatehouse_table::route::Match;
use gatehouse_table::table::{Known, Lease, Lines, Table, What};
use std::cell::{Cell, OnceCell, RefCell};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// What happens when they cannot be used.
pub(super) const STAYS: &str = "the last good routes stay in use";

/// Who has not looked for events for so long follows them no more.
const WATCHED_MS: u64 = 60_000;

/// A table in a zone, as requests and feeders use it.
pub struct SharedTable<M> {
    pub(super) name: String,
    pub(super) memory: M,
    pub(super) mode: Match,
    pub(super) brake: Brake,
    pub(super) takes_registrations: Cell<bool>,
    /// Addresses of names, as far as this worker has asked for them.
    pub(super) answers: RefCell<Answers>,
    /// What was computed of the table when it was first used.
    known: OnceCell<Known>,
    /// How its feeder does.
    pulse: OnceCell<Pulse>,
    /// News that wait for the lock.
    telling: RefCell<Telling>,
}

/// `file path… [reload=time]`
#[derive(Clone)]
pub struct RouteFiles {
    /// The files and directories.
    pub paths: Vec<PathBuf>,
    /// How often they are looked at; 0 for never.
    pub reload_ms: u64,
    /// Addresses of host names, as resolved by the master.
    pub hosts: Rc<RefCell<Hosts>>,
    /// The table has a `check` line: what routes say of checks means something.
    pub has_check: bool,
}

impl RouteFiles {
    /// Their names, as messages have them.
    pub(super) fn shown(&self) -> String {
        let name = |path: &PathBuf| format!("\"{}\"", path.display());
        let names: Vec<String> = self.paths.iter().map(name).collect();
        let plural = if names.len() == 1 { "" } else { "s" };
        format!("file{plural} {}", names.join(", "))
    }

    /// Their names, as the table notes what it was fed from.
    pub(super) fn source(&self) -> Vec<u8> {
        let names: Vec<&[u8]> = self
            .paths
            .iter()
            .map(|p| p.as_os_str().as_bytes())
            .collect();
        names.join(&0)
    }
}

impl<M: Memory> SharedTable<M> {
    /// A table of this name in that zone.
    pub fn new(name: String, memory: M, mode: Match, brake: Brake) -> Self {
        Self {
            name,
            memory,
            mode,
            brake,
            takes_registrations: Cell::new(false),
            answers: RefCell::default(),
            known: OnceCell::new(),
            pulse: OnceCell::new(),
            telling: RefCell::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Has the table's feeder note there how it does.
    pub fn set_pulse(&self, pulse: Pulse) {
        // A table has one feeder, and the first place is as good as any.
        let _ = self.pulse.set(pulse);
    }

    /// Notes for all workers whether what feeds the table can be used, and tells those who follow its events when that is
    /// another answer than before.
    pub(super) fn note_feeding(&self, feeder: &str, up: bool, world: &dyn World) {
        let now_ms = world.now_ms();
        if let Some(pulse) = self.pulse.get() {
            let was_up = pulse.is_up();
            pulse.note(up, world.time());
            if was_up != up {
                self.tell(What::Feeder { up }, feeder.to_owned(), now_ms);
            }
        }
        self.tell_waiting(now_ms);
    }

    /// Whether anybody would hear what is told.
    pub fn is_heard(&self, now_ms: u64) -> bool {
        let routes = self.routes();
        routes.is_some_and(|routes| routes.are_events_watched(now_ms, WATCHED_MS))
    }

    /// Tells those who follow the table's events what is no change of a route, now or with one of the next calls; false
    /// while something waits.
    pub fn tell(&self, what: What, text: String, now_ms: u64) -> bool {
        if let Ok(mut telling) = self.telling.try_borrow_mut() {
            telling.push(what, text);
        }
        self.tell_waiting(now_ms)
    }

    /// Tells what waits; false while something does.
    pub fn tell_waiting(&self, now_ms: u64) -> bool {
        let Ok(mut telling) = self.telling.try_borrow_mut() else {
            return false;
        };
        if telling.is_empty() {
            return true;
        }
        let Some(routes) = self.routes().filter(|routes| !routes.is_superseded()) else {
            // Whoever follows the next table begins anew.
            telling.take().for_each(drop);
            return true;
        };
        self.memory.try_locked(&mut || {
            if let Ok(mut writer) = routes.writer(now_ms) {
                for (what, text) in telling.take() {
                    writer.note_news(what, text.as_bytes());
                }
            }
        });
        telling.is_empty()
    }

    /// Says that backends may register themselves here.
    pub fn take_registrations(&self) {
        self.takes_registrations.set(true);
    }

    /// Whether so many routes may go at once.
    ///
    /// # Errors
    /// They are too many.
    pub fn check_loss(&self, gone: usize) -> Result<(), String> {
        let routes = self.routes().map_or(0, |routes| routes.stats().routes);
        let routes = usize::try_from(routes).unwrap_or(usize::MAX);
        self.brake.check(routes, gone)
    }

    /// How keys are compared.
    pub fn mode(&self) -> Match {
        self.mode
    }

    /// The table itself; None before the zone is mapped.
    #[inline]
    pub fn routes(&self) -> Option<Table<'_, AtomicU64>> {
        let words = self.memory.words()?;
        if let Some(known) = self.known.get() {
            let table = Table::attach_known(words, known);
            // Returned as it is: a table is copied nowhere on a request's way.
            if table.is_some() {
                return table;
            }
        }
        self.first(words)
    }

    /// The live words of its peers and cells: all that is needed once a route is found. None before the zone is mapped.
    #[inline]
    pub fn lines(&self) -> Option<Lines<'_, AtomicU64>> {
        let words = self.memory.words()?;
        let known = self.known.get();
        known
            .and_then(|known| Lines::of_known(words, known))
            .or_else(|| self.first(words).map(|table| *table))
    }

    /// The same for the first time, or of another table in the same memory.
    #[cold]
    fn first<'t>(&self, words: &'t [AtomicU64]) -> Option<Table<'t, AtomicU64>> {
        let table = Table::attach(words).ok()?;
        self.known.get_or_init(|| table.known());
        Some(table)
    }
}

impl<M: Memory> Seat for SharedTable<M> {
    /// Nobody leads a table that another one has replaced.
    fn lease(&self) -> Option<Lease<'_>> {
        let routes = self.routes().filter(|routes| !routes.is_superseded());
        routes?.lease()
    }

    fn try_locked(&self, work: &mut dyn FnMut()) -> bool {
        self.memory.try_locked(work)
    }
}
