//! The memory a table lives in: words shared by processes, touched only through atomics.

use super::layout::{MAGIC, head};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// One shared word. `AtomicU64` in life; the race tests put in a word whose every ordering is explored.
pub trait Word {
    /// Reads the word.
    fn load(&self, order: Ordering) -> u64;
    /// Writes the word.
    fn store(&self, value: u64, order: Ordering);
    /// Adds (wrapping) and gives what was there.
    fn fetch_add(&self, value: u64, order: Ordering) -> u64;
    /// Writes `new` if the word is `current`; otherwise gives what is there.
    ///
    /// # Errors
    /// The word as found.
    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        ok: Ordering,
        failed: Ordering,
    ) -> Result<u64, u64>;
    /// A fence between this thread's accesses.
    fn fence(order: Ordering);
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }

    #[inline]
    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        AtomicU64::fetch_add(self, value, order)
    }

    #[inline]
    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        ok: Ordering,
        failed: Ordering,
    ) -> Result<u64, u64> {
        AtomicU64::compare_exchange(self, current, new, ok, failed)
    }

    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// A table's words by offset. An offset outside (only a broken table has one) reads as 0 and takes no write.
#[derive(Debug)]
pub(super) struct Mem<'a, W = AtomicU64> {
    pub(super) words: &'a [W],
}

impl<W> Clone for Mem<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Mem<'_, W> {}

impl<'a, W: Word> Mem<'a, W> {
    #[inline]
    pub(super) fn load(&self, at: usize) -> u64 {
        // Not in a release build of the tests: there instructions are counted.
        #[cfg(all(test, debug_assertions))]
        super::tests::hook::on_touch();
        self.words.get(at).map_or(0, |w| w.load(Ordering::Relaxed))
    }

    /// The word at `at`, and with it all that was written before it: see [`Mem::publish`].
    #[inline]
    pub(super) fn acquire(&self, at: usize) -> u64 {
        self.words.get(at).map_or(0, |w| w.load(Ordering::Acquire))
    }

    /// Whether the making of a table here has ended: then all of its header can be read.
    #[inline]
    pub(super) fn is_table(&self) -> bool {
        self.acquire(head::MAGIC) == MAGIC
    }

    #[inline]
    pub(super) fn slice(&self, at: usize, len: usize) -> Option<&'a [W]> {
        self.words.get(at..at.checked_add(len)?)
    }

    /// A writer's store. Test builds count these, so that a writer can be stopped at each of them.
    #[inline]
    pub(super) fn store(&self, at: usize, value: u64) {
        self.store_with(at, value, Ordering::Relaxed);
    }

    /// A writer's store that publishes everything stored before it.
    #[inline]
    pub(super) fn publish(&self, at: usize, value: u64) {
        self.store_with(at, value, Ordering::Release);
    }

    #[inline]
    fn store_with(&self, at: usize, value: u64, order: Ordering) {
        #[cfg(test)]
        super::tests::hook::on_store();
        if let Some(word) = self.words.get(at) {
            word.store(value, order);
        }
    }

    /// Adds a number of words to a writer's counter.
    #[inline]
    pub(super) fn add_words(&self, at: usize, words: usize) {
        self.add(at, i64::try_from(words).unwrap_or(0));
    }

    /// Takes a number of words off a writer's counter.
    #[inline]
    pub(super) fn sub_words(&self, at: usize, words: usize) {
        self.add(at, i64::try_from(words).unwrap_or(0).saturating_neg());
    }

    /// Adds to a writer's counter (one writer at a time: no need for an atomic sum).
    #[inline]
    pub(super) fn add(&self, at: usize, delta: i64) {
        self.store(at, self.load(at).wrapping_add_signed(delta));
    }
}
