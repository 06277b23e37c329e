//! A large set of keys.

use gatehouse_base::hashes::{Hash128, HashShards};

/// The keys of one file, of several, or of a store, as hashes.
#[derive(Debug, Default)]
pub struct KeySet {
    hash: Hash128,
    hashes: HashShards,
}

impl KeySet {
    /// Frees a part of the memory; false when there is none left. All at once would take long.
    pub fn shrink(&mut self) -> bool {
        self.hashes.shrink()
    }

    /// Adds a key of a file; gives the number of the file that has it already.
    pub(super) fn insert(&mut self, key: &[u8], file: u32) -> Result<(), u32> {
        self.hashes.insert_tagged(self.hash.of(key), file)
    }

    /// Adds a key of a store (in normal form); false when it was there.
    pub fn add(&mut self, key: &[u8]) -> bool {
        self.insert(key, 0).is_ok()
    }

    /// Whether this key (in normal form) is among them.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.hashes.contains(self.hash.of(key))
    }
}
