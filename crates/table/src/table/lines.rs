//! The live words of a table: those of its peers and cells.

use super::Known;
use super::word::{Mem, Word};
use std::sync::atomic::AtomicU64;

/// What requests read and write of a table once they have their route: a record says where it is, so that nothing of the
/// table's layout is needed.
#[derive(Debug)]
pub struct Lines<'a, W = AtomicU64> {
    pub(super) mem: Mem<'a, W>,
}

impl<W> Clone for Lines<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Lines<'_, W> {}

impl<'a, W: Word> Lines<'a, W> {
    /// Those of the table of which this is what is known, if it is still in this memory.
    #[inline]
    #[must_use]
    pub fn of_known(words: &'a [W], known: &Known) -> Option<Self> {
        let mem = Mem { words };
        known.is_of(mem).then_some(Self { mem })
    }
}
