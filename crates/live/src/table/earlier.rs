//! The routes that a new table begins with: those of the table whose place it takes, or those of its state.

use super::state::{Failure, StateFile, Take, Told, load};
use crate::memory::OldZone;
use crate::world::World;
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{Keys, LayoutError, Owner, RouteView, Table, Walk};
use std::sync::atomic::AtomicU64;

/// What there was before the zone that is being prepared.
pub enum Before<'b> {
    /// The zone itself, with its table.
    Kept,
    /// No zone of this name.
    Nothing,
    /// A zone of another size or of another build, whose workers go on for now.
    Replaced(&'b dyn OldZone),
}

/// Where routes are that were there before.
pub(super) enum Earlier<'e> {
    Nothing,
    Table(&'e dyn OldZone, Table<'e, AtomicU64>),
    State(&'e StateFile),
}

/// Which of the earlier routes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Those that the files will not bring.
    NotOfFiles,
    /// All of them: the files cannot be used.
    All,
}

impl Wanted {
    /// Whether a route of this owner is. Routes of a store that the table no longer follows would be nobody's.
    pub(super) fn has(self, owner: Owner, has_store: bool) -> bool {
        match owner {
            Owner::File => self == Self::All,
            Owner::Redis => has_store,
            Owner::Api | Owner::Registration => true,
        }
    }
}

/// Buckets between two looks at whether to go on.
const BUCKETS: usize = 1024;

const HELD: &str = "the zone in use is locked by a process that does not go on, try again later";

impl<'e> Earlier<'e> {
    /// The table of a zone that is being replaced, from here on closed for its writers; or why there is none.
    pub(super) fn table(old: &'e dyn OldZone) -> Result<Self, Option<LayoutError>> {
        let words = old.words().ok_or(None)?;
        let table = Table::attach(words).map_err(Some)?;
        Ok(Self::Table(old, table))
    }

    /// Shows every route; None when there were none to be shown. What a table has been asked to show does not change any
    /// more.
    pub(super) fn each(
        &self,
        name: &str,
        mode: Match,
        world: &dyn World,
        take: &mut Take<'_>,
    ) -> Result<Option<Told>, Failure> {
        match self {
            Self::Nothing => Ok(None),
            Self::State(state) => load(state, name, mode, world, take),
            Self::Table(old, table) => {
                let mut copy = Copying {
                    mode,
                    take,
                    left_out: 0,
                    result: Ok(()),
                };
                // Under the lock nothing moves, and a change that had begun has ended.
                let locked = old.locked(&mut || {
                    table.set_superseded(true);
                    let mut cursor = table.cursor();
                    while table.scan_wanted(&mut cursor, BUCKETS, &mut copy) {}
                });
                if !locked {
                    return Err(Failure::Refused(HELD.into()));
                }
                let left_out = copy.left_out;
                copy.result.map_err(Failure::Refused)?;
                Ok(Some(Told {
                    source: table.source(),
                    left_out,
                }))
            }
        }
    }
}

/// Takes routes out of a table until something is wrong.
struct Copying<'c, 't> {
    mode: Match,
    take: &'c mut Take<'t>,
    left_out: u64,
    result: Result<(), String>,
}

impl Walk for Copying<'_, '_> {
    fn wants(&mut self, _: usize, _: u64) -> bool {
        self.result.is_ok()
    }

    fn show(&mut self, view: &RouteView<'_>, keys: &Keys<'_>) {
        let key = Key::parse(view.key(), self.mode);
        let (Some(owner), Ok(key)) = (view.owner(), key) else {
            self.left_out = self.left_out.saturating_add(1);
            return;
        };
        let secrets = keys.secrets();
        let mut route = view.resolved();
        route.keys = secrets
            .iter()
            .map(|(name, secret)| (*name, secret))
            .collect();
        self.result = (self.take)(owner, &key, &route);
    }
}
