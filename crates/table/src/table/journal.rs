//! Which requests in flight are whose: a worker that is killed cannot lower its counts, so others do it for it.
//!
//! ```text
//! owners    two words for each row: the worker that has it (0: nobody), and the table that it counts in
//! rows      CELLS words each: line 28 | generation 8 | requests in flight of this worker 28; 0 is free
//! ```
//! A cell is written before the peer's count is raised, and lowered after it: a worker that is killed between the two
//! leaves a count that is one too low for a while, never one that stays too high.
//!
//! The memory is not the table's: it outlives reloads, so that workers of two configurations see each other, and a
//! table that was made anew finds in it what is no count of its own.

use super::record::PeerId;
use super::{Table, Word, layout::head};
use std::sync::atomic::{AtomicU64, Ordering};

/// Workers that can be noted at a time, those of old configurations among them.
const ROWS: usize = 128;
/// Cells that a peer may be noted in.
const SET: usize = 8;
const SETS: usize = 128;
const CELLS: usize = SET * SETS;
/// Words of a row's owner.
const OWNER: usize = 2;

/// Bits of a cell that count.
const COUNT_BITS: u32 = 28;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

/// A process, told from a later one of the same number; never 0.
pub type ProcessMark = u64;

/// The journal of one table's requests in flight.
#[derive(Clone, Copy, Debug)]
pub struct Journal<'a> {
    owners: &'a [AtomicU64],
    rows: &'a [AtomicU64],
}

/// Where a request is noted, in the row of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted(u16);

/// A worker's own part of it.
#[derive(Clone, Copy, Debug)]
pub struct JournalRow<'a>(&'a [AtomicU64]);

impl<'a> Journal<'a> {
    /// Words of memory that it needs, all 0 in the beginning.
    pub const WORDS: usize = ROWS * (OWNER + CELLS);

    /// The journal in this memory; `None` if it is too small.
    #[must_use]
    pub fn new(words: &'a [AtomicU64]) -> Option<Self> {
        let (owners, rows) = words.split_at_checked(ROWS * OWNER)?;
        let rows = rows.get(..ROWS * CELLS)?;
        Some(Self { owners, rows })
    }

    /// A row for this process; `None` when all are taken. It goes on with the one it has for this table.
    #[must_use]
    pub fn row<W: Word>(&self, me: ProcessMark, table: &Table<'_, W>) -> Option<JournalRow<'a>> {
        let zone = zone_of(table);
        let own = |owner: &Owner<'_>| owner.is(me) && owner.zone.load(Ordering::Relaxed) == zone;
        if let Some((_, row)) = self.all().find(|(owner, _)| own(owner)) {
            return Some(row);
        }
        let (owner, row) = self.all().find(|(owner, _)| owner.take(0, me))?;
        owner.zone.store(zone, Ordering::Relaxed);
        Some(row)
    }

    /// Gives back what processes that are no more have counted in the table. How many requests that were.
    pub fn give_back<W: Word>(
        &self,
        me: ProcessMark,
        table: &Table<'_, W>,
        is_alive: &dyn Fn(ProcessMark) -> bool,
    ) -> u64 {
        let mut requests: u64 = 0;
        for (owner, row) in self.all() {
            let found = owner.who.load(Ordering::Relaxed);
            if found == 0 || found == me || is_alive(found) || !owner.take(found, me) {
                continue;
            }
            // What was counted in a table that has been replaced went with it.
            let is_here = owner.zone.load(Ordering::Relaxed) == zone_of(table);
            requests = requests.saturating_add(row.give_back(table, is_here));
            owner.who.store(0, Ordering::Release);
        }
        requests
    }

    fn all(&self) -> impl Iterator<Item = (Owner<'a>, JournalRow<'a>)> + use<'a> {
        let owners = self.owners.chunks_exact(OWNER);
        let rows = self.rows.chunks_exact(CELLS);
        owners.zip(rows).filter_map(|(owner, row)| match owner {
            [who, zone] => Some((Owner { who, zone }, JournalRow(row))),
            _ => None,
        })
    }
}

/// Tells a table from the one that was in its place before.
fn zone_of<W: Word>(table: &Table<'_, W>) -> u64 {
    table.mem.load(head::SEED)
}

struct Owner<'a> {
    who: &'a AtomicU64,
    zone: &'a AtomicU64,
}

impl Owner<'_> {
    fn is(&self, who: ProcessMark) -> bool {
        self.who.load(Ordering::Relaxed) == who
    }

    /// Takes the row over from `found`, unless another process was quicker.
    fn take(&self, found: ProcessMark, me: ProcessMark) -> bool {
        let taken = self
            .who
            .compare_exchange(found, me, Ordering::AcqRel, Ordering::Relaxed);
        taken.is_ok()
    }
}

impl JournalRow<'_> {
    /// Notes a request to a peer, before it is counted; `None` when there is no room for it.
    #[inline]
    #[must_use]
    pub fn note(&self, id: PeerId) -> Option<Noted> {
        let name = name_of(id);
        let first = first_of(id);
        let cells = self.0.get(first..first.wrapping_add(SET))?;
        for (number, cell) in cells.iter().enumerate() {
            let found = cell.load(Ordering::Relaxed);
            // The first one that is free or its own: a peer may have several, and most have none yet.
            if found == 0 || found & !COUNT == name && found & COUNT < COUNT {
                // Its own is its name and a count that is not the largest.
                cell.store(found.max(name).wrapping_add(1), Ordering::Release);
                // There are fewer than 65536 of them.
                return Some(Noted(first.wrapping_add(number) as u16));
            }
        }
        None
    }

    /// A request that was noted is counted no more.
    #[inline]
    pub fn forget(&self, id: PeerId, Noted(place): Noted) {
        let name = name_of(id);
        let Some(cell) = self.0.get(usize::from(place)) else {
            return;
        };
        let found = cell.load(Ordering::Relaxed);
        if found & !COUNT == name && found != name {
            let left = found.wrapping_sub(1);
            let is_free = left == name;
            cell.store(if is_free { 0 } else { left }, Ordering::Release);
        }
    }

    /// Lowers the counts that are noted here, if they are of this table, and frees the row.
    fn give_back<W: Word>(&self, table: &Table<'_, W>, is_here: bool) -> u64 {
        let mut requests: u64 = 0;
        for cell in self.0 {
            let found = cell.load(Ordering::Acquire);
            if found == 0 {
                continue;
            }
            let count = found & COUNT;
            if let Some(peer) = table.peer(peer_of(found)).filter(|_| is_here) {
                peer.requests_ended(count);
                requests = requests.saturating_add(count);
            }
            cell.store(0, Ordering::Release);
        }
        requests
    }
}

/// The first of the cells that a peer may be noted in.
#[inline]
fn first_of(id: PeerId) -> usize {
    let spread = u64::from(id.line).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (spread as usize % SETS).wrapping_mul(SET)
}

/// A peer as a cell has it: never 0, for there is no peer in the first line of a table.
fn name_of(id: PeerId) -> u64 {
    u64::from(id.line) << 36 | u64::from(id.generation) << COUNT_BITS
}

fn peer_of(cell: u64) -> PeerId {
    PeerId {
        line: (cell >> 36) as u32,
        generation: (cell >> COUNT_BITS) as u8,
    }
}
