//! Two slots of bytes in a zone: a new file is put beside the old one and published at once.

use crate::ffi::process;
use crate::shm::{Locked, Zone, pages};
use crate::sys;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words before the slots, each with its name.
#[repr(usize)]
#[derive(Clone, Copy)]
enum Word {
    /// What was published, counted.
    Generation,
    /// The lengths of what the slots have.
    LeftLength,
    RightLength,
    /// Which file the published bytes came from.
    Stamp,
    /// Drafts begun so far: the latest one may write.
    Ticket,
    /// When the current generation was published, by the clock all processes share (milliseconds).
    Since,
    /// The same, seconds since 1970.
    Changed,
    /// When the file behind the bytes was last looked at, seconds since 1970.
    Checked,
    /// For the election of the process that replaces the bytes.
    Lease,
    /// When the master has laid a draft there that new workers are to publish, by the shared clock; 0 for none.
    Reserved,
    /// The generation beside which the idle slot has no pages; 0 once somebody writes there.
    Cleared,
}
const HEAD: usize = Word::Cleared as usize + 1;

/// The two slots of a zone. The generation counts what was published; its lowest bit says which
/// slot is current, 0 means none yet.
#[derive(Clone, Copy)]
pub struct Slots<'z> {
    head: &'z [AtomicU64; HEAD],
    bodies: [&'z [AtomicU64]; 2],
    zone: &'z Zone,
}

/// Bytes on their way into the idle slot, or out of it, a chunk at a time. Whoever begins later ends it.
#[derive(Clone, Debug)]
pub struct Draft {
    ticket: u64,
    len: usize,
}

impl Draft {
    /// Bytes appended or cleared so far.
    #[allow(clippy::len_without_is_empty)] // a position, not a collection
    pub const fn len(&self) -> usize {
        self.len
    }
}

/// The bytes of one published generation, lent by its zone.
///
/// What is guaranteed: they lie inside the slot, and this process does not write them while they are borrowed
/// ([`Slots::append`] and [`Slots::clear`] refuse). What is not: that no other process does. It empties the slot, or
/// writes it again, once the next generation is published, [`Slots::SETTLE_MS`] after it at the earliest ([`Slots::begin`]). So whoever borrows the
/// bytes must be done within that time, as a lookup is, and must compare the generation before and after: an answer
/// counts only when it has not moved. A process that is stopped in the middle of a lookup for longer than that reads
/// bytes while another one writes them, which is a data race and about which Rust promises nothing. What is relied on
/// then: the reader trusts no byte, so that nothing it reads leads outside the slot, and throws its answer away.
pub struct Published<'z> {
    bytes: &'z [u8],
    /// How many of these there are in this process.
    readers: &'z Cell<usize>,
    /// Which generation this is.
    pub generation: u64,
}

impl Drop for Published<'_> {
    fn drop(&mut self) {
        self.readers.set(self.readers.get().saturating_sub(1));
    }
}

impl AsRef<[u8]> for Published<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

/// What became of bytes to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are published.
    Done,
    /// What is published is too young to be replaced: try again later.
    TooSoon,
    /// They do not fit.
    TooLarge,
}

impl<'z> Slots<'z> {
    /// How long a generation stays untouched at least.
    pub const SETTLE_MS: u64 = 1_000;
    /// How long a draft of the master's is left alone by who has newer bytes. Those that are to publish it start within that
    /// time, or find the newer ones.
    const RESERVED_MS: u64 = 10_000;
    /// How long by who wants no more than its memory: a reload may take minutes, where names are slow to resolve.
    const KEPT_MS: u64 = 600_000;

    /// Bytes one slot holds in a zone of so many words.
    pub fn capacity_of(words: usize) -> usize {
        (words.saturating_sub(HEAD) / 2).saturating_mul(size_of::<u64>())
    }

    /// Bytes a zone has that is made for slots of `slot` bytes each.
    pub fn zone_size(slot: usize) -> usize {
        // SAFETY: a plain global.
        let page = unsafe { sys::ngx_pagesize };
        let body = slot.saturating_mul(2).saturating_add(64);
        // Slab bookkeeping: some words a page, and the pool's own head.
        body.saturating_add(body / 64)
            .saturating_add(page.saturating_mul(16))
    }

    /// The slots in a zone's words; None when there is no room for any.
    fn new(zone: &'z Zone) -> Option<Self> {
        let (head, body) = zone.words()?.split_first_chunk()?;
        let (left, right) = body.split_at_checked(body.len() / 2)?;
        Some(Self {
            head,
            bodies: [left, right],
            zone,
        })
    }

    #[inline]
    fn word(&self, word: Word) -> &'z AtomicU64 {
        #[allow(clippy::indexing_slicing)] // HEAD is one more than the last one
        &self.head[word as usize]
    }

    /// Bytes one slot holds.
    pub fn capacity(&self) -> usize {
        self.bodies[0].len().saturating_mul(size_of::<u64>())
    }

    /// What is published now; a changed number means [`Self::current`] has something new.
    pub fn generation(&self) -> u64 {
        self.word(Word::Generation).load(Ordering::Acquire)
    }

    /// A word the publisher keeps beside the bytes (which file they came from).
    pub fn stamp(&self) -> u64 {
        self.word(Word::Stamp).load(Ordering::Relaxed)
    }

    /// Sets that word: the same bytes came from another file.
    pub fn set_stamp(&self, _lock: &Locked<'_>, stamp: u64) {
        self.word(Word::Stamp).store(stamp, Ordering::Relaxed);
    }

    /// When the published bytes were published, seconds since 1970; 0 before any were.
    pub fn changed(&self) -> u64 {
        self.word(Word::Changed).load(Ordering::Relaxed)
    }

    /// When what the bytes come from was last looked at, seconds since 1970: at the latest when they were published.
    pub fn checked(&self) -> u64 {
        self.word(Word::Checked).load(Ordering::Relaxed)
    }

    /// What the bytes come from has been looked at now.
    pub fn check(&self) {
        self.word(Word::Checked).store(now(), Ordering::Relaxed);
    }

    /// A word for the election of the process that replaces the bytes; 0 in a new zone.
    pub fn lease(&self) -> &'z AtomicU64 {
        self.word(Word::Lease)
    }

    /// The published bytes.
    pub fn current(&self) -> Option<Published<'z>> {
        let generation = self.generation();
        if generation == 0 {
            return None;
        }
        let (body, length) = self.slot(generation);
        let len = usize::try_from(length.load(Ordering::Relaxed))
            .ok()?
            .min(self.capacity());
        // SAFETY: inside the zone, which is mapped for 'z; see the type's comment for who writes it and when.
        let bytes = unsafe { std::slice::from_raw_parts(body.as_ptr().cast::<u8>(), len) };
        let readers = &self.zone.known.readers;
        readers.set(readers.get().saturating_add(1));
        Some(Published {
            bytes,
            readers,
            generation,
        })
    }

    /// Begins to fill the idle slot; None while somebody may still read it (it was current until the last publication), and
    /// while it is reserved.
    pub fn begin(&self, lock: &Locked<'_>, now_ms: u64) -> Option<Draft> {
        let is_free = !self.is_reserved(Self::RESERVED_MS, now_ms);
        is_free.then(|| self.draft(lock, now_ms))?
    }

    /// Begins to empty it, under the same conditions.
    pub fn begin_to_clear(&self, lock: &Locked<'_>, now_ms: u64) -> Option<Draft> {
        let is_free = !self.is_reserved(Self::KEPT_MS, now_ms);
        is_free.then(|| self.draft(lock, now_ms))?
    }

    /// Whether the master has laid a draft there within that time, which nobody has published.
    fn is_reserved(&self, for_ms: u64, now_ms: u64) -> bool {
        let reserved = self.word(Word::Reserved).load(Ordering::Relaxed);
        reserved != 0 && now_ms.saturating_sub(reserved) < for_ms
    }

    /// Fills the idle slot, for other processes to publish it. Until then it is reserved, for some time. None while
    /// somebody may still read it, or where the bytes do not fit.
    pub fn lay(&self, lock: &Locked<'_>, bytes: &[u8], now_ms: u64) -> Option<Draft> {
        let mut draft = self.draft(lock, now_ms)?;
        if !self.append(lock, &mut draft, bytes) {
            return None;
        }
        self.word(Word::Reserved)
            .store(now_ms.max(1), Ordering::Relaxed);
        Some(draft)
    }

    /// Whose draft this is has the idle slot, and its content is unknown.
    fn draft(&self, lock: &Locked<'_>, now_ms: u64) -> Option<Draft> {
        if !lock.is_of(self.zone) {
            return None;
        }
        let age = now_ms.saturating_sub(self.word(Word::Since).load(Ordering::Relaxed));
        if self.generation() != 0 && age < Self::SETTLE_MS {
            return None;
        }
        let ticket = self
            .word(Word::Ticket)
            .load(Ordering::Relaxed)
            .wrapping_add(1);
        self.word(Word::Ticket).store(ticket, Ordering::Relaxed);
        self.word(Word::Cleared).store(0, Ordering::Relaxed);
        Some(Draft { ticket, len: 0 })
    }

    /// Whether the idle slot takes no memory.
    pub fn is_cleared(&self) -> bool {
        self.word(Word::Cleared).load(Ordering::Relaxed) == self.generation()
    }

    /// Gives so much of the idle slot's memory back to the system as lies in whole pages, a piece after what was given
    /// back before. It is begun ([`Self::begin_to_clear`]) only when nobody can still be reading there. False when that was the last
    /// piece, somebody else has begun meanwhile, or this process is reading published bytes.
    ///
    /// A reader that has stood still in this slot since then finds zeros, and as always that the generation has moved.
    pub fn clear(&self, lock: &Locked<'_>, draft: &mut Draft, most: usize) -> bool {
        let is_ours = lock.is_of(self.zone) && self.is_latest(draft);
        if !is_ours || self.zone.known.readers.get() > 0 || self.generation() == 0 {
            return false;
        }
        let (body, _) = self.slot(self.next());
        let end = draft.len.saturating_add(most).min(self.capacity());
        pages::give_back(body, draft.len, end);
        draft.len = end;
        let is_last = end == self.capacity();
        if is_last {
            self.word(Word::Cleared)
                .store(self.generation(), Ordering::Relaxed);
        }
        !is_last
    }

    /// Adds a chunk; false when there is no room for it, somebody else has begun meanwhile, or this process is reading
    /// published bytes.
    pub fn append(&self, lock: &Locked<'_>, draft: &mut Draft, chunk: &[u8]) -> bool {
        if !lock.is_of(self.zone) || self.zone.known.readers.get() > 0 {
            return false;
        }
        let end = draft.len.checked_add(chunk.len());
        let Some(end) = end.filter(|end| *end <= self.capacity() && self.is_latest(draft)) else {
            return false;
        };
        let (body, _) = self.slot(self.next());
        let at = body.as_ptr().cast::<u8>().cast_mut();
        // SAFETY: within the slot, since the draft ends before the slot does.
        let at = unsafe { at.add(draft.len) };
        // SAFETY: room for the chunk (checked), in shared memory that only a holder of the zone's
        // lock writes and nobody trusts before it is published.
        unsafe { at.copy_from_nonoverlapping(chunk.as_ptr(), chunk.len()) };
        draft.len = end;
        true
    }

    /// Publishes what was appended; false when somebody else has begun meanwhile.
    pub fn commit(&self, lock: &Locked<'_>, draft: &Draft, stamp: u64, now_ms: u64) -> bool {
        if !lock.is_of(self.zone) || !self.is_latest(draft) {
            return false;
        }
        let next = self.next();
        let (_, length) = self.slot(next);
        length.store(draft.len as u64, Ordering::Relaxed);
        self.word(Word::Stamp).store(stamp, Ordering::Relaxed);
        self.word(Word::Since).store(now_ms, Ordering::Relaxed);
        self.word(Word::Changed).store(now(), Ordering::Relaxed);
        self.word(Word::Reserved).store(0, Ordering::Relaxed);
        self.check();
        self.word(Word::Generation).store(next, Ordering::Release);
        true
    }

    /// Fills the idle slot and publishes it at once.
    pub fn publish(&self, lock: &Locked<'_>, bytes: &[u8], stamp: u64, now_ms: u64) -> Outcome {
        let Some(mut draft) = self.begin(lock, now_ms) else {
            return Outcome::TooSoon;
        };
        // Under one lock nobody else begins.
        if self.append(lock, &mut draft, bytes) && self.commit(lock, &draft, stamp, now_ms) {
            Outcome::Done
        } else {
            Outcome::TooLarge
        }
    }

    fn is_latest(&self, draft: &Draft) -> bool {
        self.word(Word::Ticket).load(Ordering::Relaxed) == draft.ticket
    }

    fn next(&self) -> u64 {
        self.generation().wrapping_add(1).max(2)
    }

    /// The body and the length of a generation's slot.
    fn slot(&self, generation: u64) -> (&'z [AtomicU64], &'z AtomicU64) {
        let [left, right] = self.bodies;
        if generation & 1 == 0 {
            (left, self.word(Word::LeftLength))
        } else {
            (right, self.word(Word::RightLength))
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    u64::try_from(process::now()).unwrap_or(0)
}

impl Zone {
    /// The zone seen as two slots.
    pub fn slots(&self) -> Option<Slots<'_>> {
        Slots::new(self)
    }
}
