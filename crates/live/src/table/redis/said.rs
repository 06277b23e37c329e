//! What has been said about the store's keys: each thing once, and not many at once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Most lines in a second.
const LINES: usize = 10;
const SECOND_MS: u64 = 1_000;

/// Most keys whose faults are remembered.
const KNOWN: usize = 10_000;

/// Faults that were reported.
#[derive(Default)]
pub(super) struct Said {
    state: RandomState,
    /// What was last said about a key, both as hashes.
    known: HashMap<u64, u64>,
    since_ms: u64,
    lines: usize,
    held_back: usize,
}

impl Said {
    /// Whether this is news about the key, and a line of it may be written now.
    pub(super) fn is_news(&mut self, key: &[u8], text: &str, now_ms: u64) -> bool {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        let (key, text) = (self.state.hash_one(key), self.state.hash_one(text));
        if self.known.insert(key, text) == Some(text) {
            return false;
        }
        if now_ms.saturating_sub(self.since_ms) >= SECOND_MS {
            self.since_ms = now_ms;
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        let fits = self.lines <= LINES;
        self.held_back = self.held_back.saturating_add(usize::from(!fits));
        fits
    }

    /// The key has no fault any more.
    pub(super) fn is_well(&mut self, key: &[u8]) {
        if !self.known.is_empty() {
            self.known.remove(&self.state.hash_one(key));
        }
    }

    /// How many lines were held back, once their second is over.
    pub(super) fn take_held_back(&mut self, now_ms: u64) -> Option<usize> {
        let is_over = now_ms.saturating_sub(self.since_ms) >= SECOND_MS;
        let count = self.held_back;
        if count == 0 || !is_over {
            return None;
        }
        self.held_back = 0;
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_once_until_it_is_mended() {
        let mut said = Said::default();
        assert!(said.is_news(b"a", "x", 0) && !said.is_news(b"a", "x", 5_000));
        assert!(said.is_news(b"a", "y", 5_000) && said.is_news(b"b", "x", 5_000));
        said.is_well(b"a");
        assert!(said.is_news(b"a", "y", 5_000) && !said.is_news(b"b", "x", 5_000));
        assert_eq!(said.take_held_back(9_000), None);
    }

    #[test]
    fn a_million_faults_are_few_lines_and_little_memory() {
        let mut said = Said::default();
        let mut news = 0;
        for n in 0..1_000_000_u32 {
            news += usize::from(said.is_news(&n.to_le_bytes(), "x", 10));
        }
        assert_eq!(news, LINES);
        assert!(said.known.len() <= KNOWN);
        assert_eq!(said.take_held_back(500), None);
        assert_eq!(said.take_held_back(1_010), Some(1_000_000 - LINES));
        assert_eq!(said.take_held_back(9_999), None);
        assert!(said.is_news(b"new", "x", 2_000));
    }
}
