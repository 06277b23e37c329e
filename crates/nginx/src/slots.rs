//! Two slots of bytes in a zone: a new file is put beside the old one and published at once.

use crate::shm::{Locked, Zone};
use std::sync::atomic::{AtomicU64, Ordering};

/// Words before the slots: generation, length of slot 0, length of slot 1, stamp.
const HEAD: usize = 4;

/// The two slots of a zone. The generation counts what was published; its lowest bit says which
/// slot is current, 0 means none yet.
#[derive(Clone, Copy)]
pub struct Slots<'z> {
    generation: &'z AtomicU64,
    lengths: [&'z AtomicU64; 2],
    stamp: &'z AtomicU64,
    bodies: [&'z [AtomicU64]; 2],
}

/// The bytes of one published generation, for as long as the configuration lives.
///
/// A slot is written again only by the second replacement after it was published, and a
/// replacement is refused until the one before is [`Slots::SETTLE_MS`] old; a reader that was
/// stopped for longer sees the generation move and asks again.
#[derive(Clone, Copy)]
pub struct Published {
    at: *const u8,
    len: usize,
    /// Which generation this is.
    pub generation: u64,
}

impl AsRef<[u8]> for Published {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: inside the zone, which is mapped as long as the configuration lives; see the
        // type's comment for who writes it and when.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }
}

impl<'z> Slots<'z> {
    /// How long a generation stays untouched at least.
    pub const SETTLE_MS: u64 = 1_000;

    /// Bytes a zone needs for slots of `slot` bytes each.
    pub fn zone_size(slot: usize) -> usize {
        // SAFETY: a plain global.
        let page = unsafe { nginx_sys::ngx_pagesize };
        let body = slot.saturating_mul(2).saturating_add(64);
        // Slab bookkeeping: some words a page, and the pool's own head.
        body.saturating_add(body / 64).saturating_add(16 * page)
    }

    /// The slots in a zone's words; None when there is no room for any.
    pub fn new(words: &'z [AtomicU64]) -> Option<Self> {
        let (head, body) = words.split_at_checked(HEAD)?;
        let [generation, first, second, stamp] = head else {
            return None;
        };
        let (left, right) = body.split_at_checked(body.len() / 2)?;
        Some(Self {
            generation,
            lengths: [first, second],
            stamp,
            bodies: [left, right],
        })
    }

    /// Bytes one slot holds.
    pub fn capacity(&self) -> usize {
        self.bodies[0].len() * size_of::<u64>()
    }

    /// What is published now; a changed number means [`Self::current`] has something new.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// A word the publisher keeps beside the bytes (which file they came from).
    pub fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed)
    }

    /// The published bytes.
    pub fn current(&self) -> Option<Published> {
        let generation = self.generation();
        let [left, right] = self.bodies;
        let [first, second] = self.lengths;
        let (body, length) = match generation {
            0 => return None,
            n if n & 1 == 0 => (left, first),
            _ => (right, second),
        };
        let len = usize::try_from(length.load(Ordering::Relaxed))
            .ok()?
            .min(self.capacity());
        Some(Published {
            at: body.as_ptr().cast(),
            len,
            generation,
        })
    }

    /// Fills the idle slot and publishes it; false when `bytes` are larger than a slot.
    pub fn publish(&self, _lock: &Locked<'_>, bytes: &[u8], stamp: u64) -> bool {
        if bytes.len() > self.capacity() {
            return false;
        }
        let next = self.generation().wrapping_add(1).max(2);
        let [left, right] = self.bodies;
        let [first, second] = self.lengths;
        let (body, length) = if next & 1 == 0 {
            (left, first)
        } else {
            (right, second)
        };
        let at = body.as_ptr().cast::<u8>().cast_mut();
        // SAFETY: the idle slot is as large as `bytes` at least (checked), in shared memory that
        // only a holder of the zone's lock writes.
        unsafe { at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        length.store(bytes.len() as u64, Ordering::Relaxed);
        self.stamp.store(stamp, Ordering::Relaxed);
        self.generation.store(next, Ordering::Release);
        true
    }
}

impl Zone {
    /// The zone seen as two slots.
    pub fn slots(&self) -> Option<Slots<'_>> {
        Slots::new(self.words()?)
    }
}
