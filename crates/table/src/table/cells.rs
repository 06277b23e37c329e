//! Balancing cells: the current weight of one backend in one route, shared by all workers.
//!
//! Two cells share a word: `tag 8 | upper 28 | lower 28`, signed ([`live`]). A route with two backends has one cell for
//! both, since their current weights are each other's opposites.

use super::layout::{CELL_BITMAP_WORDS, head};
use super::live::{self, CELL};
use super::pages::Kind;
use super::{Lines, Table, Word};

const BITS: u32 = 28;
const MASK: u64 = (1 << BITS) - 1;
/// A weight stays within what fits: eight times the largest sum of a route's weights.
const MOST: i32 = (1 << (BITS - 1)) - 1;

/// Cells of a route with so many backends: one alone needs none, two share one.
pub(super) fn cells_for(backends: usize) -> usize {
    if backends > 2 {
        backends
    } else {
        backends.saturating_sub(1)
    }
}

#[inline]
fn shift(cell: u32) -> u32 {
    if cell & 1 == 0 { 0 } else { BITS }
}

#[inline]
fn weight_in(word: u64, cell: u32) -> i32 {
    let bits = (word >> shift(cell) & MASK) as u32;
    // The sign is the highest of the bits.
    ((bits << (32 - BITS)) as i32) >> (32 - BITS)
}

/// The word with another weight in it (which must be within bounds); `None` for what is no word of cells.
#[inline]
fn with_weight(word: u64, cell: u32, weight: i32) -> Option<u64> {
    let bits = (u64::from(weight as u32) & MASK) << shift(cell);
    (word >> 56 == CELL).then_some(word & !(MASK << shift(cell)) | bits)
}

impl<W: Word> Lines<'_, W> {
    /// Adds to a cell; gives its new value, or `delta` when the cell is gone. A cell is a half word's number.
    #[inline]
    pub(crate) fn add_to_cell(&self, cell: u32, delta: i32) -> i32 {
        let Some(word) = self.mem.words.get((cell >> 1) as usize) else {
            return delta;
        };
        // Neither overflows 32 bits: a cell has 28, the sum of a route's weights 25.
        let added = |old| weight_in(old, cell).wrapping_add(delta).clamp(-MOST, MOST);
        live::update(word, |old| with_weight(old, cell, added(old)))
            .map_or(delta, |(_, new)| weight_in(new, cell))
    }

    /// One round of smooth weighted round robin between the two backends of a route, whose cell has the current weight
    /// of the first; true when the first is chosen.
    pub(crate) fn turn_of_two(&self, cell: u32, (first, second): (u16, u16)) -> bool {
        let (first, second) = (i32::from(first), i32::from(second));
        // Neither overflows 32 bits: a cell has 28, a weight 16.
        let first_is_next = |a: i32| a.wrapping_add(first) >= second.wrapping_sub(a);
        let after = |a: i32| {
            let next = if first_is_next(a) {
                a.wrapping_sub(second)
            } else {
                a.wrapping_add(first)
            };
            next.clamp(-MOST, MOST)
        };
        let Some(word) = self.mem.words.get((cell >> 1) as usize) else {
            return true;
        };
        live::update(word, |old| {
            with_weight(old, cell, after(weight_in(old, cell)))
        })
        .is_none_or(|(old, _)| first_is_next(weight_in(old, cell)))
    }

    /// The same with one that is chosen already, within so many times the sum of the weights.
    pub(crate) fn take_turn_of_two(
        &self,
        cell: u32,
        (first, second): (u16, u16),
        is_first: bool,
        rounds: i32,
    ) {
        let most = i32::from(first)
            .wrapping_add(i32::from(second))
            .saturating_mul(rounds);
        let delta = if is_first {
            i32::from(second).wrapping_neg()
        } else {
            i32::from(first)
        };
        self.add_within(cell, delta, most);
    }

    /// Adds to a cell as long as that stays within `most` on both sides of 0; gives its new value as
    /// [`Lines::add_to_cell`] does.
    pub(crate) fn add_within(&self, cell: u32, delta: i32, most: i32) -> i32 {
        let Some(word) = self.mem.words.get((cell >> 1) as usize) else {
            return delta;
        };
        let most = most.clamp(0, MOST);
        // Neither overflows 32 bits, as above.
        let added = |old| {
            weight_in(old, cell)
                .wrapping_add(delta)
                .clamp(most.wrapping_neg(), most)
        };
        live::update(word, |old| with_weight(old, cell, added(old)))
            .map_or(delta, |(_, new)| weight_in(new, cell))
    }
}

impl<W: Word> Table<'_, W> {
    /// Gives a cell a weight, whatever its word was; the word's other cell is kept if there is one.
    fn set_cell(&self, cell: u32, weight: i32) {
        let at = (cell >> 1) as usize;
        let new = |old| {
            let old = if old >> 56 == CELL { old } else { CELL << 56 };
            with_weight(old, cell, weight)
        };
        let word = self.mem.words.get(at);
        if word.is_some_and(|word| live::update(word, new).is_none()) {
            self.mem.store(at, new(0).unwrap_or(0));
        }
    }

    /// A cell of this weight.
    pub(super) fn take_cell(&self, weight: i32) -> Option<u32> {
        let (page, unit) = self.take_unit(Kind::Cells)?;
        let word = self.geo.page_at(page).checked_add(CELL_BITMAP_WORDS)?;
        let cell = u32::try_from((word as u64).checked_mul(2)?.checked_add(unit)?).ok()?;
        self.set_cell(cell, weight);
        self.mem.add(head::CELLS, 1);
        Some(cell)
    }

    /// The weight in a cell.
    pub(super) fn cell_weight(&self, cell: u32) -> i32 {
        weight_in(self.mem.load((cell >> 1) as usize), cell)
    }

    /// The page of a cell and its number there; `None` for what is no cell.
    pub(super) fn cell_unit(&self, cell: u32) -> Option<(usize, u64)> {
        let word = (cell >> 1) as usize;
        let page = self
            .geo
            .page_of(word)
            .filter(|&page| self.page_kind(page) == Kind::Cells)?;
        let first = self.geo.page_at(page).checked_add(CELL_BITMAP_WORDS)?;
        let unit = (word.checked_sub(first)? as u64)
            .checked_mul(2)?
            .checked_add(u64::from(cell & 1))?;
        Some((page, unit))
    }

    pub(super) fn free_cell(&self, cell: u32) {
        if let Some((page, unit)) = self.cell_unit(cell) {
            self.free_unit(page, Kind::Cells, unit);
            self.mem.add(head::CELLS, -1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MOST;
    use crate::route::Match;
    use crate::table::Table;
    use crate::table::tests::{memory, put, route};

    /// A weight that has grown for ever stays what it is, and so does the one beside it in the same word.
    #[test]
    fn a_weight_never_overflows() {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        put(&table, "a", &route(&[1, 2, 3, 4])).unwrap();
        let mut buf = [0; 256];
        let hit = table.lookup(b"a", &mut buf).unwrap().unwrap();
        let cells: Vec<u32> = hit.route.packed().map(|packed| packed.cell()).collect();
        for most in [MOST, -MOST] {
            let step = most.signum() * 65_535;
            for (n, cell) in cells.iter().enumerate() {
                table.set_cell(*cell, most - step * n as i32);
            }
            for (n, cell) in cells.iter().enumerate() {
                let sums = [1, 2, 3, 4].map(|_| table.add_to_cell(*cell, step));
                let wanted = [1, 2, 3, 4].map(|more| most - step * (n as i32 - more).max(0));
                assert_eq!(sums, wanted, "{n}");
            }
            for cell in &cells {
                assert_eq!(table.cell_weight(*cell), most);
                assert_eq!(table.add_to_cell(*cell, -step), most - step);
            }
        }
    }
}
