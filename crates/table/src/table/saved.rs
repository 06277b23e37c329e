//! Whether the table's file has what the table has: known to all workers, whoever wrote it.
//!
//! One word: `file 32 | generation 32`. The file is its path's fingerprint, so that another path is one that has nothing.

use super::layout::head;
use super::{Table, Word};
use rapidhash::v3::rapidhash_v3;

/// What a file has that was written from here on, whenever that comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved(u64);

impl<W: Word> Table<'_, W> {
    /// What is true of a file of that path that has all of the table.
    #[must_use]
    pub fn to_be_saved(&self, path: &[u8]) -> Saved {
        let file = rapidhash_v3(path) >> 32;
        Saved(file << 32 | self.generation() & 0xffff_ffff)
    }

    /// Whether the table has not changed since it was written to that file. A new table without a route need not be
    /// written.
    #[must_use]
    pub fn is_saved(&self, path: &[u8]) -> bool {
        let saved = self.mem.load(head::SAVED);
        saved == self.to_be_saved(path).0 || (saved == 0 && self.generation() == 0)
    }

    /// The file is there and has something else.
    pub fn set_unsaved(&self) {
        self.mem.publish(head::SAVED, 1);
    }

    /// The file has been written.
    pub fn set_saved(&self, saved: Saved) {
        self.mem.publish(head::SAVED, saved.0);
    }
}
