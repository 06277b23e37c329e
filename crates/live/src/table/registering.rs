//! Registrations: backends that callers add to a host and keep there, from any worker.

use super::change::{Attempt, Attempts, Condition, Refused, Wanted};
use super::redis::Unwritten;
use super::shared::SharedTable;
use crate::memory::Memory;
use gatehouse_table::registration::{TooMany, join, leave, until};
use gatehouse_table::route::{Key, MAX_BACKENDS, Resolved, Route, Sought};
use gatehouse_table::table::{ApplyError, Owner};
use std::net::SocketAddr;

/// What becomes of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It begins, or is renewed.
    Join {
        /// For how long.
        ttl_ms: u64,
        /// Most backends of the host.
        most: usize,
    },
    /// It is renewed, if it is still the one that lasts until then.
    Renew {
        /// For how long.
        ttl_ms: u64,
        /// What the last renewal has given.
        until_ms: u64,
    },
    /// It ends.
    Leave {
        /// Only if it lasts until then: nobody has renewed it meanwhile.
        until_ms: Option<u64>,
    },
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It lasts until then.
    Joined {
        /// There was none before.
        is_new: bool,
        /// Its end.
        until_ms: u64,
    },
    /// It has ended.
    Left,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// The table refuses the change.
    Refused(Refused),
    /// The store has not taken it.
    Unwritten(Unwritten),
    /// The host has as many backends as it may have.
    TooMany,
    /// There is no such registration, or another one has taken its place.
    Gone,
}

impl From<Unwritten> for Unregistered {
    fn from(why: Unwritten) -> Self {
        Self::Unwritten(why)
    }
}

impl From<Refused> for Unregistered {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// One change of a registration, and what is remembered between the attempts at it.
#[derive(Debug)]
pub struct Registering {
    key: Key,
    at: SocketAddr,
    act: Act,
    attempts: Attempts,
}

/// How often an attempt begins anew because somebody else has changed the route meanwhile.
const READINGS: usize = 8;

impl Registering {
    /// A change of the registration of a backend for a host.
    #[must_use]
    pub fn new(key: Key, at: SocketAddr, act: Act) -> Self {
        Self {
            key,
            at,
            act,
            attempts: Attempts::default(),
        }
    }

    /// Tries to make the change, without waiting for anybody; None: once more, soon.
    pub fn attempt<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        now_ms: u64,
    ) -> Option<Result<Outcome, Unregistered>> {
        for _ in 0..READINGS {
            match self.once(table, now_ms) {
                Err(Unregistered::Refused(Refused::Condition)) => {}
                Ok(None) => return None,
                Ok(Some(outcome)) => return Some(Ok(outcome)),
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    fn once<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        now_ms: u64,
    ) -> Result<Option<Outcome>, Unregistered> {
        let stored = table.current(&self.key)?;
        let version = stored.as_ref().map(|(_, version)| *version);
        let mut route = Route::default();
        if let Some((taken, _)) = &stored {
            match taken.view().owner() {
                Some(Owner::Registration) => route = taken.view().written(),
                Some(other) => return Err(Refused::Table(ApplyError::Foreign(other)).into()),
                None => return Err(Refused::Busy.into()),
            }
        }
        let outcome = alter(self.act, self.at, &mut route, now_ms)?;
        let resolved = resolved(&route);
        let wanted = Wanted {
            key: &self.key,
            owner: Owner::Registration,
            only_if: version.map_or(Condition::Absent, Condition::Is),
            route: resolved.as_ref(),
        };
        // A renewal is no news.
        self.attempts.is_quiet = matches!(outcome, Outcome::Joined { is_new: false, .. });
        match self.attempts.attempt(table, now_ms, &wanted) {
            Attempt::Again => Ok(None),
            Attempt::Over(made) => {
                made?;
                if let Outcome::Joined { is_new: true, .. } = outcome {
                    forget_failures(table, &self.key, self.at);
                }
                Ok(Some(outcome))
            }
        }
    }
}

/// Makes a change in a copy of a route.
pub(super) fn alter(
    act: Act,
    at: SocketAddr,
    route: &mut Route,
    now_ms: u64,
) -> Result<Outcome, Unregistered> {
    let before = until(route, at);
    let (ttl_ms, most) = match act {
        Act::Leave { until_ms } => {
            let is_meant = before.is_some() && (until_ms.is_none() || until_ms == before);
            return if is_meant && leave(route, at) {
                Ok(Outcome::Left)
            } else {
                Err(Unregistered::Gone)
            };
        }
        Act::Renew { until_ms, .. } if before != Some(until_ms) => {
            return Err(Unregistered::Gone);
        }
        Act::Renew { ttl_ms, .. } => (ttl_ms, usize::MAX),
        Act::Join { ttl_ms, most } => (ttl_ms, most),
    };
    let mut until_ms = now_ms.saturating_add(ttl_ms);
    // By its end a registration is known from the one before it.
    if before == Some(until_ms) {
        until_ms = until_ms.saturating_add(1);
    }
    match join(route, at, until_ms, now_ms, most) {
        Ok(is_new) => Ok(Outcome::Joined { is_new, until_ms }),
        Err(TooMany) => Err(Unregistered::TooMany),
    }
}

/// Who comes back is tried at once, whatever was before.
pub(super) fn forget_failures<M: Memory>(table: &SharedTable<M>, key: &Key, at: SocketAddr) {
    let (Ok(Some((taken, _))), Some(routes)) = (table.current(key), table.routes()) else {
        return;
    };
    let view = taken.view();
    let text = at.to_string();
    for backend in view
        .backends()
        .filter(|one| one.address.to_string() == text)
    {
        if let Some(peer) = routes.peer(backend.peer()) {
            peer.reset();
        }
    }
}

/// A route of addresses only, as the table takes it; None when it has no backend.
pub(super) fn resolved(route: &Route) -> Option<Resolved<'_>> {
    let mut no_name = |_: Sought<'_>| Ok(Vec::new());
    (!route.backends.is_empty()).then(|| route.resolve(MAX_BACKENDS, &mut no_name, &mut |_| {}))
}
