//! The index: buckets of eight slots, searched from a hash's home bucket until a bucket has an empty slot.
//!
//! An entry never moves while it lives, so a reader walking along cannot miss it. A removed entry leaves `EMPTY` when
//! no other entry's search passes its bucket, else `TOMB`, which becomes `EMPTY` as soon as nobody passes any more.

use super::layout::{BUCKET, EMPTY, TOMB, slot_record, slot_tag_is};
use super::record::First;
use super::{Table, Word};

/// A live entry of the index.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) slot_at: usize,
    pub(super) record_at: usize,
}

impl<W: Word> Table<'_, W> {
    /// Whether the record at `at` is of this key. A reader must validate a no as well as a yes.
    #[inline]
    pub(super) fn record_has_key(&self, at: usize, key: &[u8]) -> bool {
        if First(self.mem.load(at)).key_len() != key.len() {
            return false;
        }
        let Some(words) = self.mem.slice(at.saturating_add(1), key.len().div_ceil(8)) else {
            return false;
        };
        words.iter().zip(key.chunks(8)).all(|(word, chunk)| {
            let word = word
                .load(std::sync::atomic::Ordering::Relaxed)
                .to_ne_bytes();
            match <[u8; 8]>::try_from(chunk) {
                Ok(whole) => whole == word,
                Err(_) => word.starts_with(chunk),
            }
        })
    }

    fn bucket_slots(&self, bucket: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let at = self.geo.bucket_at(bucket);
        (at..at.saturating_add(BUCKET)).map(|slot_at| (slot_at, self.mem.load(slot_at)))
    }

    fn bucket_has(&self, bucket: usize, value: u64) -> bool {
        self.bucket_slots(bucket).any(|(_, slot)| slot == value)
    }

    /// The entry of a key (writers: nothing changes meanwhile).
    pub(super) fn find(&self, key: &[u8], hash: u64) -> Option<Found> {
        let mut bucket = self.geo.home(hash);
        for _ in 0..self.geo.buckets {
            for (slot_at, slot) in self.bucket_slots(bucket) {
                if slot_tag_is(slot, hash) && self.record_has_key(slot_record(slot), key) {
                    return Some(Found {
                        slot_at,
                        record_at: slot_record(slot),
                    });
                }
            }
            if self.bucket_has(bucket, EMPTY) {
                return None;
            }
            bucket = self.geo.next(bucket);
        }
        None
    }

    /// The first slot a new entry of this hash can take. The index is never filled above 15/16.
    pub(super) fn free_slot(&self, hash: u64) -> Option<usize> {
        let slots = (self.geo.buckets as u64).checked_mul(BUCKET as u64)?;
        if self.mem.load(super::layout::head::ROUTES) >= slots.saturating_sub(slots / 16) {
            return None;
        }
        let mut bucket = self.geo.home(hash);
        for _ in 0..self.geo.buckets {
            if let Some((slot_at, _)) = self.bucket_slots(bucket).find(|(_, slot)| *slot <= TOMB) {
                return Some(slot_at);
            }
            bucket = self.geo.next(bucket);
        }
        None
    }

    /// Takes an entry out of the index: one store, then tombstones nobody needs any more go.
    pub(super) fn vacate(&self, slot_at: usize) {
        let bucket = slot_at
            .saturating_sub(super::layout::HEADER)
            .checked_div(BUCKET)
            .unwrap_or(0);
        let open = self.bucket_has(bucket, EMPTY);
        self.mem.publish(slot_at, if open { EMPTY } else { TOMB });
        let mut bucket = if open {
            self.geo.previous(bucket)
        } else {
            bucket
        };
        for _ in 0..self.geo.buckets {
            if self.bucket_has(bucket, EMPTY) {
                return;
            }
            if self.bucket_has(bucket, TOMB) && !self.is_passed(bucket) {
                self.open(bucket);
            }
            bucket = self.geo.previous(bucket);
        }
    }

    /// Makes the tombstones of a bucket nobody's search passes empty.
    fn open(&self, bucket: usize) {
        for (slot_at, slot) in self.bucket_slots(bucket) {
            if slot == TOMB {
                self.mem.publish(slot_at, EMPTY);
            }
        }
    }

    /// Whether the search for any entry goes past `bucket`: one further along is at home there or before.
    fn is_passed(&self, bucket: usize) -> bool {
        let mut at = bucket;
        for _ in 1..self.geo.buckets {
            at = self.geo.next(at);
            let passing =
                |(_, slot): (usize, u64)| slot > TOMB && self.passes(slot_record(slot), bucket, at);
            if self.bucket_slots(at).any(passing) {
                return true;
            }
            if self.bucket_has(at, EMPTY) {
                return false;
            }
        }
        true
    }

    /// Whether the search for the record, found in bucket `at`, goes past `bucket`.
    fn passes(&self, record_at: usize, bucket: usize, at: usize) -> bool {
        let home = self.geo.home(self.record_hash(record_at));
        let distance = |from: usize| match at.checked_sub(from) {
            Some(d) => d,
            None => at.saturating_add(self.geo.buckets).saturating_sub(from),
        };
        distance(home) >= distance(bucket)
    }

    /// The hash of a record's key (writers).
    fn record_hash(&self, at: usize) -> u64 {
        let len = First(self.mem.load(at)).key_len();
        let mut key = Vec::with_capacity(len.saturating_add(8));
        for word in 0..len.div_ceil(8) {
            key.extend(
                self.mem
                    .load(at.saturating_add(1).saturating_add(word))
                    .to_ne_bytes(),
            );
        }
        key.truncate(len);
        self.hash(&key)
    }
}
