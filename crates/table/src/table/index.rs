//! The index: every key has two buckets of eight slots, its home and one given by its tag, and is in one of them.
//!
//! So a lookup reads two cache lines at most, however full the table, and a removal leaves no trace. When both buckets
//! are full, entries move to their other bucket until there is room (cuckoo hashing). A mover first writes the new
//! place, then raises `MOVES`, then clears the old one: a reader that missed a moving entry finds `MOVES` changed and
//! looks again.

use super::layout::{BUCKET, EMPTY, HEADER, PENDING, head, slot_tag_is};
use super::record::First;
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// A live entry of the index.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) slot_at: usize,
    /// The record that readers see; nowhere where there is none yet, or none any more.
    pub(super) record_at: usize,
    pub(super) is_pending: bool,
}

/// Most slots looked at in search of room; enough for an index 95 % full.
const SEARCH: usize = 2048;

/// A slot whose entry could move on; the entry of step `from` would take its place.
struct Step {
    slot_at: usize,
    from: Option<usize>,
}

/// Whether the first bytes of a word are `rest`, which a key of more bytes may end with: one to seven.
#[inline]
fn starts_with(word: u64, rest: &[u8], key: &[u8]) -> bool {
    let bytes = word.to_ne_bytes();
    match key.last_chunk::<8>() {
        Some(last) => {
            // The last eight bytes of the key, of which these are the upper ones.
            let unused = 64_u32.wrapping_sub((rest.len() as u32).wrapping_mul(8));
            let (word, last) = (u64::from_le_bytes(bytes), u64::from_le_bytes(*last));
            word.checked_shl(unused) == last.checked_shr(unused).and_then(|r| r.checked_shl(unused))
        }
        None => bytes.starts_with(rest),
    }
}

impl<W: Word> Table<'_, W> {
    /// Whether the record at `at` is of this key. A reader must validate a no as well as a yes.
    #[inline]
    pub(super) fn record_has_key(&self, at: usize, key: &[u8]) -> bool {
        self.has_key(First(self.mem.load(at)), at, key)
    }

    /// The same of a record with this first word.
    #[inline]
    pub(super) fn has_key(&self, first: First, at: usize, key: &[u8]) -> bool {
        if first.key_len() != key.len() {
            return false;
        }
        let Some(words) = self.mem.slice(at.saturating_add(1), key.len().div_ceil(8)) else {
            return false;
        };
        let whole = key.chunks_exact(8);
        let rest = whole.remainder();
        let same = whole.zip(words).all(|(chunk, word)| {
            let chunk = chunk.first_chunk::<8>();
            chunk.is_some_and(|c| u64::from_ne_bytes(*c) == word.load(Ordering::Relaxed))
        });
        let last = words.last().filter(|_| !rest.is_empty());
        same && last.is_none_or(|word| starts_with(word.load(Ordering::Relaxed), rest, key))
    }

    /// Both buckets of a hash.
    #[inline]
    pub(super) fn buckets_of(&self, hash: u64) -> [usize; 2] {
        let home = self.geo.home(hash);
        [home, self.geo.other(home, hash & 0xffff)]
    }

    fn slots(&self, bucket: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let at = self.geo.bucket_at(bucket);
        (at..at.saturating_add(BUCKET)).map(|slot_at| (slot_at, self.mem.load(slot_at)))
    }

    /// The entry of a key (writers: nothing changes meanwhile).
    pub(super) fn find(&self, key: &[u8], hash: u64) -> Option<Found> {
        let mut slots = self
            .buckets_of(hash)
            .into_iter()
            .flat_map(|bucket| self.slots(bucket));
        slots.find_map(|(slot_at, slot)| {
            let same = slot_tag_is(slot, hash) && self.record_has_key(self.named_at(slot), key);
            same.then(|| Found {
                slot_at,
                record_at: self.shown_at(slot),
                is_pending: slot & PENDING != 0,
            })
        })
    }

    fn free_in(&self, bucket: usize) -> Option<usize> {
        self.slots(bucket)
            .find(|(_, slot)| *slot == EMPTY)
            .map(|(at, _)| at)
    }

    /// A free slot for a new entry of this hash, made by moving others if need be.
    pub(super) fn free_slot(&self, hash: u64) -> Option<usize> {
        let buckets = self.buckets_of(hash);
        buckets
            .into_iter()
            .find_map(|bucket| self.free_in(bucket))
            .or_else(|| self.make_room(buckets))
    }

    /// Searches breadth first for entries that can move on, and moves the shortest chain of them. No bucket is met
    /// twice, so no entry of the chain moves before its turn.
    fn make_room(&self, buckets: [usize; 2]) -> Option<usize> {
        let (mut steps, mut seen) = (Vec::new(), Vec::new());
        for bucket in buckets {
            self.add_steps(bucket, None, &mut steps, &mut seen);
        }
        let mut next = 0;
        while let Some(step) = steps.get(next) {
            let other = self.other_bucket(step.slot_at);
            if let Some(free) = self.free_in(other) {
                return Some(self.move_chain(&steps, next, free));
            }
            if steps.len() < SEARCH {
                self.add_steps(other, Some(next), &mut steps, &mut seen);
            }
            next = next.saturating_add(1);
        }
        None
    }

    fn add_steps(
        &self,
        bucket: usize,
        from: Option<usize>,
        steps: &mut Vec<Step>,
        seen: &mut Vec<usize>,
    ) {
        if !seen.contains(&bucket) {
            seen.push(bucket);
            steps.extend(
                self.slots(bucket)
                    .map(|(slot_at, _)| Step { slot_at, from }),
            );
        }
    }

    /// The other bucket of the entry in a slot.
    pub(super) fn other_bucket(&self, slot_at: usize) -> usize {
        let bucket = slot_at
            .saturating_sub(HEADER)
            .checked_div(BUCKET)
            .unwrap_or(0);
        self.geo.other(bucket, self.mem.load(slot_at) >> 48)
    }

    /// Moves the entry of step `last` to `free`, the one before it to its place, and so on: the first one's slot is
    /// free then.
    fn move_chain(&self, steps: &[Step], last: usize, mut free: usize) -> usize {
        let mut at = Some(last);
        while let Some(step) = at.and_then(|n| steps.get(n)) {
            self.move_entry(step.slot_at, free);
            free = step.slot_at;
            at = step.from;
        }
        free
    }

    pub(super) fn move_entry(&self, from: usize, to: usize) {
        self.mem.publish(to, self.mem.load(from));
        self.mem
            .publish(head::MOVES, self.mem.load(head::MOVES).wrapping_add(1));
        self.mem.publish(from, EMPTY);
    }
}
