//! Balancing cells: the current weight of one backend in one route, shared by all workers.
//!
//! Two cells share a word as the sum `high * 2^32 + low` of two signed numbers, so that one `fetch_add` moves either
//! without a lock. They are only ever added to, and their memory never becomes anything else: an add by a worker that
//! holds an old copy of a route nudges a weight, and the algorithm evens it out.

use super::layout::PAGE;
use super::pages::Kind;
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// Words of a cell page's bitmap, at its start: a bit for every half word of the page.
pub(super) const BITMAP_WORDS: usize = PAGE * 2 / 64;
/// Cells of a page.
pub(super) const PER_PAGE: u64 = ((PAGE - BITMAP_WORDS) * 2) as u64;

fn low(word: u64) -> i32 {
    (word & 0xffff_ffff) as u32 as i32
}

fn high(word: u64) -> i32 {
    (word.wrapping_sub(i64::from(low(word)) as u64) >> 32) as u32 as i32
}

impl<W: Word> Table<'_, W> {
    /// Adds to a cell; gives its new value. A cell is a half word's number.
    pub(super) fn add_to_cell(&self, cell: u32, delta: i32) -> i32 {
        let upper = cell & 1 == 1;
        let delta = (i64::from(delta) as u64) << if upper { 32 } else { 0 };
        let Some(word) = self.mem.words.get((cell >> 1) as usize) else {
            return 0;
        };
        let now = word.fetch_add(delta, Ordering::Relaxed).wrapping_add(delta);
        if upper { high(now) } else { low(now) }
    }

    /// A cell at zero.
    pub(super) fn take_cell(&self) -> Option<u32> {
        let (page, unit) = self.take_unit(Kind::Cells)?;
        let word = self.geo.page_at(page).checked_add(BITMAP_WORDS)?;
        let cell = u32::try_from((word as u64).checked_mul(2)?.checked_add(unit)?).ok()?;
        let old = self.add_to_cell(cell, 0);
        self.add_to_cell(cell, old.wrapping_neg());
        self.mem.add(super::layout::head::CELLS, 1);
        Some(cell)
    }

    /// The page of a cell and its number there; `None` for what is no cell.
    pub(super) fn cell_unit(&self, cell: u32) -> Option<(usize, u64)> {
        let word = (cell >> 1) as usize;
        let page = self
            .geo
            .page_of(word)
            .filter(|&page| self.page_kind(page) == Kind::Cells)?;
        let first = self.geo.page_at(page).checked_add(BITMAP_WORDS)?;
        let unit = (word.checked_sub(first)? as u64)
            .checked_mul(2)?
            .checked_add(u64::from(cell & 1))?;
        Some((page, unit))
    }

    pub(super) fn free_cell(&self, cell: u32) {
        if let Some((page, unit)) = self.cell_unit(cell) {
            self.free_unit(page, Kind::Cells, unit);
            self.mem.add(super::layout::head::CELLS, -1);
        }
    }
}
