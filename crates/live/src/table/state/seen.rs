//! Which routes have been written already, in memory that is given back in pieces.

use gatehouse_table::snapshot::Snapshot;
use gatehouse_table::table::{Keys, RouteView, Walk};
use memmap2::MmapMut;

/// What each slot of the table held when its route was written; 0 for a slot that held none.
#[derive(Default)]
pub(super) struct Seen(Vec<MmapMut>);

/// Slots of a piece: 512 KiB.
const PIECE: usize = 64 * 1024;

/// Writes the routes that have not been written yet.
pub(super) struct Unseen<'u> {
    pub(super) seen: &'u mut Seen,
    pub(super) snapshot: &'u mut Snapshot,
    /// There was no memory to remember a route.
    pub(super) no_memory: bool,
}

impl Seen {
    /// What is remembered of a slot; None when there is no memory for it.
    fn slot(&mut self, number: usize) -> Option<&mut u64> {
        let (piece, at) = (number / PIECE, number % PIECE);
        while self.0.len() <= piece {
            let map = MmapMut::map_anon(PIECE.checked_mul(size_of::<u64>())?).ok()?;
            self.0.push(map);
        }
        bytemuck::cast_slice_mut::<u8, u64>(self.0.get_mut(piece)?).get_mut(at)
    }

    /// Gives back a piece; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        self.0.pop();
        !self.0.is_empty()
    }
}

impl Walk for Unseen<'_> {
    fn wants(&mut self, slot: usize, holds: u64) -> bool {
        match self.seen.slot(slot) {
            // What is remembered may be older than what is written: then it is written once more.
            Some(seen) => std::mem::replace(seen, holds) != holds,
            None => {
                self.no_memory = true;
                false
            }
        }
    }

    fn show(&mut self, route: &RouteView<'_>, keys: &Keys<'_>) {
        self.snapshot.add(route, keys);
    }
}
