//! Changes of one route at a time, by any worker: what the API and registrations do.
//!
//! Whoever changes a route reads it first, and says with the change what must still be so when it is made. That is
//! looked at under the zone's lock, so that of two changes at the same time the second one sees the first.

use super::shared::SharedTable;
use crate::memory::Memory;
use gatehouse_table::route::{Key, Resolved};
use gatehouse_table::table::{
    Applied, ApplyError, Change, NoWriter, Owner, Room, Table, Taken, Writer,
};
use std::fmt;

/// A change that somebody wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The route's key.
    pub key: &'w Key,
    /// On whose behalf.
    pub owner: Owner,
    /// What must be so at the moment of the change.
    pub only_if: Condition,
    /// The new route; None removes it.
    pub route: Option<&'w Resolved<'w>>,
}

/// What must be so of a route for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// There is one of this version ([`Table::version_of`]).
    Is(u64),
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// What it did.
    pub applied: Applied,
    /// The version of the route that is there now.
    pub version: Option<u64>,
}

/// Why a change was not made: the table is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The condition does not hold.
    Condition,
    /// The table does not take it.
    Table(ApplyError),
    /// The zone's lock was not to be had in time, or the table is being repaired.
    Busy,
    /// The process has no memory for it.
    NoMemory,
    /// There is no table here that can be used.
    NoTable,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition => f.write_str("the route is not as the request expects it"),
            Self::Table(error) => error.fmt(f),
            Self::Busy => f.write_str("the table is busy, try again"),
            Self::NoMemory => f.write_str("no memory"),
            Self::NoTable => f.write_str("no table"),
        }
    }
}

impl std::error::Error for Refused {}

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Somebody else has the lock, or room is being made: once more, soon.
    Again,
    /// It is over.
    Over(Result<Made, Refused>),
}

/// What is remembered between the attempts at one change.
#[derive(Debug, Default)]
pub struct Attempts {
    /// The zone was full: what is free is being brought together, once.
    room: Option<Room>,
    is_made: bool,
    /// Those who follow the table need not know.
    pub(super) is_quiet: bool,
}

impl Attempts {
    /// Tries to make a change: the lock is not waited for, and no attempt takes longer than a slice.
    pub fn attempt<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        now_ms: u64,
        wanted: &Wanted<'_>,
    ) -> Attempt {
        let mut attempt = Attempt::Again;
        let Some(routes) = table.routes() else {
            return Attempt::Over(Err(Refused::NoTable));
        };
        table.memory.try_locked(&mut || {
            attempt = match routes.writer(now_ms) {
                Ok(mut writer) => self.under_lock(&mut writer, wanted),
                Err(NoWriter::Repairing | NoWriter::LeaseLost) => Attempt::Again,
            };
        });
        attempt
    }

    fn under_lock(&mut self, writer: &mut Writer<'_>, wanted: &Wanted<'_>) -> Attempt {
        if let Some(room) = &mut self.room {
            if writer.make_room(room) {
                return Attempt::Again;
            }
            self.room = None;
        }
        if self.is_quiet {
            writer.be_quiet();
        }
        let result = make(writer, wanted);
        if result == Err(Refused::Table(ApplyError::Full)) && !self.is_made {
            self.is_made = true;
            self.room = Some(Room::default());
            return Attempt::Again;
        }
        Attempt::Over(result)
    }
}

/// Makes a change; the caller holds the lock.
pub(super) fn make(writer: &mut Writer<'_>, wanted: &Wanted<'_>) -> Result<Made, Refused> {
    let there = current(writer.table(), wanted.key)?;
    let version = there.as_ref().map(|(_, version)| *version);
    if !wanted.only_if.holds(version) {
        return Err(Refused::Condition);
    }
    let (key, owner) = (wanted.key, wanted.owner);
    let change = match wanted.route {
        Some(route) => Change::Put { key, route, owner },
        None => Change::Remove { key, owner },
    };
    let applied = writer.apply(&change).map_err(Refused::Table)?;
    let version = current(writer.table(), key)?.map(|(_, version)| version);
    Ok(Made { applied, version })
}

/// A route as it is now, and its version.
pub(super) fn current(routes: &Table<'_>, key: &Key) -> Result<Option<(Taken, u64)>, Refused> {
    let taken = routes.take_out(key).map_err(|_| Refused::Busy)?;
    Ok(taken.map(|taken| {
        let version = routes.version_of(&taken);
        (taken, version)
    }))
}

impl Condition {
    /// Whether it holds of a route of this version, or of none.
    #[must_use]
    pub fn holds(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Present => version.is_some(),
            Self::Is(wanted) => version == Some(wanted),
        }
    }
}

impl<M: Memory> SharedTable<M> {
    /// The route of this very key, with its keys, and its version.
    ///
    /// # Errors
    /// [`Refused::Busy`], [`Refused::NoTable`].
    pub fn current(&self, key: &Key) -> Result<Option<(Taken, u64)>, Refused> {
        let routes = self.routes().ok_or(Refused::NoTable)?;
        current(&routes, key)
    }
}
