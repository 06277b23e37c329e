//! Words that workers change: the health of peers and the balancing cells. They differ by their top byte from every
//! other word of a page, so a worker that comes late can harm nothing.
//!
//! A request may hold an old copy of a route for hours, or its process may be stopped between two instructions; by then
//! the memory of its route's peers and cells may hold a record. So workers never add to a word or store to it: they
//! replace, by compare-and-swap, a value whose top byte they have checked. A swap can only succeed while the word still
//! has that value, and no word of a record, of a block at rest, of a peer line's other fields or of a cell page's
//! bitmap has such a top byte: text is UTF-8, where these bytes do not occur, and all else leaves the byte's upper bits
//! free ([`encode`](super::record::encode) checks it in the end). What is left is a worker that meets another live word
//! of the same kind: another route's weight is nudged, which balancing evens out; health words carry their peer's
//! generation besides.

use super::Word;
use std::sync::atomic::Ordering;

/// Top byte of a word with two balancing cells.
pub(super) const CELL: u64 = 0xff;
/// Top byte of a health word.
pub(super) const HEALTH: u64 = 0xfe;

/// All of a word but its top byte.
pub(super) const BELOW: u64 = (1 << 56) - 1;

/// Whether workers may change a word of this value.
pub(super) fn is_live(word: u64) -> bool {
    word >> 56 >= HEALTH
}

/// Swaps before an update is given up: others changed the word each time, so it matters little.
const ATTEMPTS: usize = 100;

/// Replaces a word by `change` of it as long as that gives something: the value found and the one put there.
#[inline]
pub(super) fn update<W: Word>(word: &W, change: impl Fn(u64) -> Option<u64>) -> Option<(u64, u64)> {
    let mut found = word.load(Ordering::Relaxed);
    for _ in 0..ATTEMPTS {
        let new = change(found)?;
        match word.compare_exchange(found, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some((found, new)),
            Err(other) => found = other,
        }
    }
    None
}
