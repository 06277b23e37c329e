//! Where things are in a table's memory, in 8-byte words from its start.
//!
//! ```text
//! header            HEADER words
//! index             buckets of 8 slots: tag 16 | version 16 | record offset 32; linear to the next bucket
//! peer chains       one head per word: first peer line of each hash chain (writers only)
//! page descriptors  DESC words per page (writers only)
//! pages             PAGE words each: records of one size, or peer lines, or balancing cells
//! ```
//! The index takes a twelfth of the memory: at 1,000,000 routes in 128 MiB it is 72 % full. Everything else comes from
//! pages. A page of peer lines or cells stays one for ever (type-stable: a late writer's atomic add can only reach
//! another peer's or route's counter); an empty record page is free for any size again.

/// `gatehous` as a word.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"gatehous");
/// Raised with every change of this layout, of a record's encoding or of the hash.
pub(super) const VERSION: u64 = 1;

/// Words of a page: 8 KiB.
pub(super) const PAGE: usize = 1024;
/// Words of a page's descriptor.
pub(super) const DESC: usize = 8;
/// Slots of an index bucket: one cache line.
pub(super) const BUCKET: usize = 8;
/// Words of a peer's line.
pub(super) const LINE: usize = 8;
/// Longest record in words (8 KiB): one page.
pub const MAX_RECORD_WORDS: usize = PAGE;
/// No more of the memory is used than cell numbers reach: 8 GiB.
const MAX_WORDS: usize = 1 << 30;
/// Fewest pages that make a table of any use.
const MIN_PAGES: usize = 8;

/// Words of the header.
pub(super) const HEADER: usize = 128;

/// Header words.
pub(super) mod head {
    /// [`super::MAGIC`], written last by a format.
    pub const MAGIC: usize = 0;
    /// [`super::VERSION`].
    pub const VERSION: usize = 1;
    /// Words of memory the geometry was made for.
    pub const WORDS: usize = 2;
    /// 0 = host, 1 = exact.
    pub const MODE: usize = 3;
    /// The hash's seed.
    pub const SEED: usize = 4;
    /// 1 while a writer is at work: found 1 by the next one, it was killed.
    pub const DIRTY: usize = 5;
    /// Raised by every change.
    pub const GENERATION: usize = 6;
    /// Not 0 once a newer table has taken over.
    pub const SUPERSEDED: usize = 7;
    /// Routes in the table.
    pub const ROUTES: usize = 8;
    /// Routes with a key `*.parent`.
    pub const WILDCARDS: usize = 9;
    /// Peers in use.
    pub const PEERS: usize = 10;
    /// Balancing cells in use.
    pub const CELLS: usize = 11;
    /// Words in records that serve.
    pub const RECORD_WORDS: usize = 12;
    /// Words in records waiting to be reused.
    pub const QUARANTINED: usize = 13;
    /// Pages of no use yet.
    pub const FREE_PAGES: usize = 14;
    /// First of them (page number + 1).
    pub const FREE_HEAD: usize = 15;
    /// Oldest and newest quarantined record.
    pub const QUARANTINE_HEAD: usize = 16;
    pub const QUARANTINE_TAIL: usize = 17;
    /// The feeders' lease.
    pub const LEASE: usize = 18;
    /// Peer and cell pages with room (page number + 1).
    pub const PEER_PAGES: usize = 24;
    pub const CELL_PAGES: usize = 25;
    /// Record pages with room, one list per size.
    pub const CLASSES: usize = 32;
}

/// Record sizes above 64 words: what divides a page best. Up to 64 words each size has pages of its own.
const BIG: [usize; 15] = [
    68, 73, 78, 85, 93, 102, 113, 128, 146, 170, 204, 256, 341, 512, PAGE,
];
/// Smallest record size: a quarantined record holds its link and time; four words of bitmap cover a page.
const SMALLEST: usize = 4;
/// Record sizes that exist.
pub(super) const CLASSES: usize = 64 - SMALLEST + 1 + BIG.len();

const _: () = assert!(head::CLASSES + CLASSES <= HEADER);

/// The size class of a record of `words`.
pub(super) fn class_of(words: usize) -> Option<usize> {
    match words {
        0..=SMALLEST => Some(0),
        5..=64 => words.checked_sub(SMALLEST),
        _ => BIG
            .iter()
            .position(|&big| words <= big)?
            .checked_add(64 - SMALLEST + 1),
    }
}

/// Words of a record block of `class`.
pub(super) fn class_words(class: usize) -> usize {
    match class.checked_sub(64 - SMALLEST + 1) {
        Some(big) => BIG.get(big).copied().unwrap_or(PAGE),
        None => class.saturating_add(SMALLEST),
    }
}

/// Offsets computed from the memory's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) words: usize,
    pub(super) buckets: usize,
    pub(super) chains_at: usize,
    pub(super) chains: usize,
    pub(super) descs_at: usize,
    pub(super) pages_at: usize,
    pub(super) pages: usize,
}

/// Fewest words a table needs.
pub(super) const MIN_WORDS: usize = 10 * PAGE + HEADER;

impl Geometry {
    pub(super) fn new(words: usize) -> Option<Self> {
        let words = words.min(MAX_WORDS);
        let buckets = words.checked_div(12 * BUCKET)?;
        let chains = words.checked_div(160 * 8)?.checked_mul(8)?;
        let chains_at = buckets.checked_mul(BUCKET)?.checked_add(HEADER)?;
        let descs_at = chains_at.checked_add(chains)?;
        let pages = words.checked_sub(descs_at)?.checked_div(PAGE + DESC)?;
        let pages_at = pages.checked_mul(DESC)?.checked_add(descs_at)?;
        (pages >= MIN_PAGES && buckets > 0 && chains > 0).then_some(Self {
            words,
            buckets,
            chains_at,
            chains,
            descs_at,
            pages_at,
            pages,
        })
    }

    /// First word of bucket `n` (modulo their number).
    #[inline]
    pub(super) fn bucket_at(&self, n: usize) -> usize {
        HEADER.saturating_add(n.saturating_mul(BUCKET))
    }

    /// The bucket a hash begins at.
    #[inline]
    pub(super) fn home(&self, hash: u64) -> usize {
        // The product's upper half is below `buckets`.
        usize::try_from((u128::from(hash) * self.buckets as u128) >> 64).unwrap_or(0)
    }

    /// The bucket after `n`.
    #[inline]
    pub(super) fn next(&self, n: usize) -> usize {
        let next = n.saturating_add(1);
        if next >= self.buckets { 0 } else { next }
    }

    /// The bucket before `n`.
    pub(super) fn previous(&self, n: usize) -> usize {
        n.checked_sub(1).unwrap_or(self.buckets.saturating_sub(1))
    }

    pub(super) fn page_at(&self, page: usize) -> usize {
        self.pages_at.saturating_add(page.saturating_mul(PAGE))
    }

    pub(super) fn desc_at(&self, page: usize) -> usize {
        self.descs_at.saturating_add(page.saturating_mul(DESC))
    }

    /// The page a word is in.
    pub(super) fn page_of(&self, at: usize) -> Option<usize> {
        let page = at.checked_sub(self.pages_at)?.checked_div(PAGE)?;
        (page < self.pages).then_some(page)
    }
}

/// An index slot: nothing here, and nothing further along this probe.
pub(super) const EMPTY: u64 = 0;
/// An index slot: nothing here, but the probe goes on.
pub(super) const TOMB: u64 = 1;

/// A slot's value for a record at `at`. Offsets are never 0 or 1: the header is there.
pub(super) fn slot(hash: u64, version: u64, at: usize) -> u64 {
    (hash & 0xffff) << 48 | (version & 0xffff) << 32 | (at as u64 & 0xffff_ffff)
}

#[inline]
pub(super) fn slot_tag_is(slot: u64, hash: u64) -> bool {
    slot >> 48 == hash & 0xffff && slot > TOMB
}

#[inline]
pub(super) fn slot_record(slot: u64) -> usize {
    (slot & 0xffff_ffff) as usize
}
