//! Replaced records rest: their blocks wait in a queue before they are used again.

use super::layout::head;
use super::live::BELOW;
use super::writer::as_delta;
use super::{Table, Word};

/// How long a replaced record's memory rests before it is used again, unless memory is short. Readers do not need it
/// (they validate what they copy); it makes their doubt rare.
const REST_MS: u64 = 1000;

impl<W: Word> Table<'_, W> {
    /// Puts a record's block last in the queue of those at rest: `next`, `words`, `since`.
    pub(super) fn rest(&self, at: usize, words: usize, now_ms: u64) {
        self.mem.store(at, 0);
        self.mem.store(at.saturating_add(1), words as u64);
        self.mem.store(at.saturating_add(2), now_ms & BELOW);
        let tail = self.mem.load(head::QUARANTINE_TAIL) as usize;
        self.mem.store(
            if tail == 0 {
                head::QUARANTINE_HEAD
            } else {
                tail
            },
            at as u64,
        );
        self.mem.store(head::QUARANTINE_TAIL, at as u64);
        self.mem.add(head::QUARANTINED, as_delta(words));
    }

    /// Frees the block that has rested longest: if it did so long enough by `now_ms`, or in any case. False when there
    /// is none to free.
    pub(super) fn release_rested(&self, now_ms: Option<u64>) -> bool {
        let at = self.mem.load(head::QUARANTINE_HEAD) as usize;
        let since = self.mem.load(at.saturating_add(2));
        if at == 0 || now_ms.is_some_and(|now| now.saturating_sub(since) < REST_MS) {
            return false;
        }
        let next = self.mem.load(at);
        let words = self.mem.load(at.saturating_add(1));
        self.mem.store(head::QUARANTINE_HEAD, next);
        if next == 0 {
            self.mem.store(head::QUARANTINE_TAIL, 0);
        }
        self.mem
            .add(head::QUARANTINED, as_delta(words as usize).saturating_neg());
        self.free_block(at);
        true
    }
}
