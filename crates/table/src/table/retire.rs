//! Retired blocks: a replaced record's memory waits in a queue before it is used again.

use super::layout::head;
use super::live::BELOW;
use super::{Table, Word};

/// How long a block waits after it was retired, unless memory is short. Readers do not need this time, since they
/// validate what they copied; it makes a second attempt rare.
const GRACE_MS: u64 = 1000;

impl<W: Word> Table<'_, W> {
    /// Puts a block of `words` last in the queue of retired ones. Its first words become `next`, `words`, `since`.
    pub(super) fn retire(&self, at: usize, words: usize, now_ms: u64) {
        self.mem.store(at, 0);
        self.mem.store(at.saturating_add(1), words as u64);
        self.mem.store(at.saturating_add(2), now_ms & BELOW);
        let tail = self.mem.load(head::RETIRED_TAIL) as usize;
        self.mem
            .store(if tail == 0 { head::RETIRED_HEAD } else { tail }, at as u64);
        self.mem.store(head::RETIRED_TAIL, at as u64);
        self.mem.add_words(head::RETIRED, words);
    }

    /// Frees the block that was retired first: if that was long enough before `now_ms`, or in any case. False when there
    /// is none to free.
    pub(super) fn release_retired(&self, now_ms: Option<u64>) -> bool {
        let at = self.mem.load(head::RETIRED_HEAD) as usize;
        let since = self.mem.load(at.saturating_add(2));
        if at == 0 || now_ms.is_some_and(|now| now.saturating_sub(since) < GRACE_MS) {
            return false;
        }
        let next = self.mem.load(at);
        let words = self.mem.load(at.saturating_add(1));
        self.mem.store(head::RETIRED_HEAD, next);
        if next == 0 {
            self.mem.store(head::RETIRED_TAIL, 0);
        }
        self.mem.sub_words(head::RETIRED, words as usize);
        self.free_block(at);
        true
    }
}
