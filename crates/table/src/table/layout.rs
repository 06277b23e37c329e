//! Where things are in a table's memory, in 8-byte words from its start.
//!
//! ```text
//! header            HEADER words
//! index             buckets of 8 slots: tag 16 | version 16 | pending 1 | record offset 31 (see `bulk` for pending)
//! peer chains       one head per word: first peer line of each hash chain (writers only)
//! events            what has changed lately, a ring
//! page descriptors  DESC words per page (writers only)
//! pages             PAGE words each: blocks of one size (records and what is attached to them), peers, or cells
//! ```
//! A page of peers begins with their live lines, which workers change; what only writers use of a peer is behind these.
//! The index takes a twelfth of the memory: at 1,000,000 routes in 128 MiB it is 72 % full. Everything else comes from
//! pages; an empty page is free for any use again. Workers change words of peers and cells without a lock and perhaps
//! late: see `live` for why that cannot harm what such a page holds by then.

/// `gatehous` as a word.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"gatehous");
/// Raised with every change of this layout, of a record's encoding or of the hash.
pub(super) const VERSION: u64 = 8;

/// [`head::DIRTY`] of a table that a writer is changing.
pub(super) const WRITING: u64 = 1;

/// Words of a page: 8 KiB.
pub(super) const PAGE: usize = 1024;
/// Bits used of a word of a cell page's bitmap: such a word must not look like a word of cells.
pub(super) const CELL_BITMAP_BITS: u32 = 56;
/// Words of a cell page's bitmap, at its start: a bit for every half word of the page.
pub(super) const CELL_BITMAP_WORDS: usize = 36;
/// Cells of a page.
pub(super) const CELLS_PER_PAGE: u64 = ((PAGE - CELL_BITMAP_WORDS) * 2) as u64;

const _: () = assert!(CELL_BITMAP_WORDS as u64 * CELL_BITMAP_BITS as u64 >= CELLS_PER_PAGE);

/// Words of a page's descriptor.
pub(super) const DESC: usize = 8;
/// Slots of an index bucket: one cache line.
pub(super) const BUCKET: usize = 8;
/// Words of a peer's live line: one cache line, which nothing else shares.
pub(super) const LINE: usize = 8;
/// Words of a peer that only writers use.
pub(super) const PEER_TAIL: usize = 3;
/// Peers of a page.
pub(super) const PEERS_PER_PAGE: usize = PAGE / (LINE + PEER_TAIL);
/// Longest record in words (8 KiB): one page.
pub const MAX_RECORD_WORDS: usize = PAGE;
/// No more of the memory is used than cell numbers reach: 8 GiB.
pub(super) const MAX_WORDS: usize = 1 << 30;
/// Fewest pages that make a table of any use.
const MIN_PAGES: usize = 8;

/// Words of the header.
pub(super) const HEADER: usize = 128;

/// Header words.
pub(super) mod head {
    /// [`super::MAGIC`], written last by a format.
    pub(crate) const MAGIC: usize = 0;
    /// [`super::VERSION`].
    pub(crate) const VERSION: usize = 1;
    /// Words of memory the geometry was made for.
    pub(crate) const WORDS: usize = 2;
    /// How keys are compared: 1 = host, 2 = exact.
    pub(crate) const MODE: usize = 3;
    /// The hash's seed.
    pub(crate) const SEED: usize = 4;
    /// 0, or [`super::WRITING`] while a writer is at work (the next one finds it: it was killed), or the step of a repair
    /// between two slices.
    pub(crate) const DIRTY: usize = 5;
    /// Raised by every change.
    pub(crate) const GENERATION: usize = 6;
    /// Not 0 once a newer table has taken over.
    pub(crate) const SUPERSEDED: usize = 7;
    /// Routes in the table.
    pub(crate) const ROUTES: usize = 8;
    /// Routes with a key `*.parent`.
    pub(crate) const WILDCARDS: usize = 9;
    /// Peers in use.
    pub(crate) const PEERS: usize = 10;
    /// Balancing cells in use.
    pub(crate) const CELLS: usize = 11;
    /// Words in records that serve, and in what is attached to them.
    pub(crate) const RECORD_WORDS: usize = 12;
    /// Words in retired blocks, which wait to be used again.
    pub(crate) const RETIRED: usize = 13;
    /// Pages of no use yet.
    pub(crate) const FREE_PAGES: usize = 14;
    /// First of them (page number + 1).
    pub(crate) const FREE_HEAD: usize = 15;
    /// The block that was retired first, and the one that was retired last.
    pub(crate) const RETIRED_HEAD: usize = 16;
    pub(crate) const RETIRED_TAIL: usize = 17;
    /// The feeders' lease.
    pub(crate) const LEASE: usize = 18;
    /// Raised whenever an entry of the index moves.
    pub(crate) const MOVES: usize = 19;
    /// How far the present step of a repair has come.
    pub(crate) const REPAIR_AT: usize = 20;
    /// Routes with a key `*.parent` that the repair has found so far: readers go on with the old count.
    pub(crate) const REPAIR_WILDCARDS: usize = 21;
    /// How many readings of files have begun, and the last one that was applied (see `fed`).
    pub(crate) const TICKETS: usize = 22;
    pub(crate) const FED: usize = 23;
    /// Which file the table was last written to, and at which generation (see `saved`).
    pub(crate) const SAVED: usize = 26;
    /// Peer and cell pages with room (page number + 1).
    pub(crate) const PEER_PAGES: usize = 24;
    pub(crate) const CELL_PAGES: usize = 25;
    /// Raised by every change of a route with names, once it can be seen (see `named`).
    pub(crate) const NAMED: usize = 27;
    /// Names that the leader knows, and those of them that have no address or are not found any more.
    pub(crate) const NAMES: usize = 28;
    pub(crate) const UNRESOLVED: usize = 29;
    /// Record pages with room, one list per size.
    pub(crate) const CLASSES: usize = 32;
    /// The bulk that is being made, 0 for none (see `bulk`); the last number given to one; the last one that readers see.
    pub(crate) const BULK: usize = 80;
    pub(crate) const LAST_BULK: usize = 81;
    pub(crate) const VISIBLE: usize = 82;
    /// When the bulk's maker was last at work.
    pub(crate) const BULK_BEAT: usize = 83;
    /// Slots that are pending, and how many slots ever were.
    pub(crate) const PENDING: usize = 84;
    pub(crate) const PENDED: usize = 85;
    /// What the bulk will do when it becomes visible: routes more (or less), wildcards that come and that go, and whether
    /// there are routes with names among them.
    pub(crate) const BULK_ROUTES: usize = 86;
    pub(crate) const BULK_WILDCARDS: usize = 87;
    pub(crate) const BULK_WILDCARDS_GONE: usize = 88;
    pub(crate) const BULK_NAMED: usize = 89;
    /// Where the oldest event is, and where the next one will be (see `events`); when somebody looked for one last.
    pub(crate) const EVENTS_BEGIN: usize = 90;
    pub(crate) const EVENTS_END: usize = 91;
    pub(crate) const EVENTS_WATCHED: usize = 92;
    /// Not 0 while so many backends fail their checks that checks take none out.
    pub(crate) const PANIC: usize = 93;
    /// What the texts of routes are hashed with (see `imprint`).
    pub(crate) const IMPRINT_KEY: [usize; 2] = [94, 95];
}

/// Record sizes in words. The smallest holds a retired block's link and time, and lets four words of bitmap cover a
/// page; small steps waste little of a record, few sizes waste few pages of a small zone; the upper ones divide a page.
const SIZES: [usize; 44] = [
    4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48,
    52, 56, 60, 64, 68, 73, 78, 85, 93, 102, 113, 128, 146, 170, 204, 256, 341, 512, PAGE,
];
/// How many record sizes there are.
pub(super) const CLASSES: usize = SIZES.len();

const _: () = assert!(head::CLASSES + CLASSES <= head::BULK);
const _: () = assert!(head::IMPRINT_KEY[1] < HEADER);

/// The size class of a record of `words`; `None` when it is longer than a page.
pub(super) fn class_of(words: usize) -> Option<usize> {
    let class = SIZES.partition_point(|size| *size < words);
    (class < CLASSES).then_some(class)
}

/// Words of a record block of `class`.
pub(super) fn class_words(class: usize) -> usize {
    SIZES.get(class).copied().unwrap_or(PAGE)
}

/// Words for events: a 256th of the memory, within 16 KiB and 1 MiB; in a table of less than 512 KiB a 32nd.
fn events_of(words: usize) -> usize {
    let (least, most) = ((words / 32).min(16 * 1024 / 8), 1024 * 1024 / 8);
    (words / 256).clamp(least, most) & !(LINE - 1)
}

/// Offsets computed from the memory's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) words: usize,
    pub(super) buckets: usize,
    pub(super) chains_at: usize,
    pub(super) chains: usize,
    pub(super) events_at: usize,
    pub(super) events: usize,
    pub(super) descs_at: usize,
    pub(super) pages_at: usize,
    pub(super) pages: usize,
}

impl Geometry {
    pub(super) fn new(words: usize) -> Option<Self> {
        let words = words.min(MAX_WORDS);
        let buckets = words.checked_div(12 * BUCKET)?;
        let chains = words.checked_div(160 * 8)?.checked_mul(8)?;
        let chains_at = buckets.checked_mul(BUCKET)?.checked_add(HEADER)?;
        let events_at = chains_at.checked_add(chains)?;
        let events = events_of(words);
        let descs_at = events_at.checked_add(events)?;
        let pages = words.checked_sub(descs_at)?.checked_div(PAGE + DESC)?;
        let pages_at = pages.checked_mul(DESC)?.checked_add(descs_at)?;
        (pages >= MIN_PAGES && buckets > 0 && chains > 0).then_some(Self {
            words,
            buckets,
            chains_at,
            chains,
            events_at,
            events,
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
        // Two numbers of 64 bits have a product of 128, whose upper half is below `buckets`.
        let product = u128::from(hash).wrapping_mul(self.buckets as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// The other bucket of an entry with this tag, from either of its two.
    #[inline]
    pub(super) fn other(&self, bucket: usize, tag: u64) -> usize {
        // The sum of an entry's two buckets (modulo their number) depends on its tag alone.
        let spread = (tag | 1 << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sum = self.home(spread);
        sum.checked_sub(bucket)
            .unwrap_or_else(|| sum.wrapping_add(self.buckets).wrapping_sub(bucket))
    }

    pub(super) fn page_at(&self, page: usize) -> usize {
        self.pages_at.saturating_add(page.saturating_mul(PAGE))
    }

    pub(super) fn desc_at(&self, page: usize) -> usize {
        self.descs_at.saturating_add(page.saturating_mul(DESC))
    }

    /// The words of the peer at `line` that only writers use; nowhere if there is no such line.
    pub(super) fn peer_tail_at(&self, line: u32) -> usize {
        let at = (line as usize).saturating_mul(LINE);
        let tail = |page: usize| {
            let first = self.page_at(page);
            let unit = at.checked_sub(first)?.checked_div(LINE)?;
            let tails = first.checked_add(PEERS_PER_PAGE.checked_mul(LINE)?)?;
            tails.checked_add(unit.checked_mul(PEER_TAIL)?)
        };
        self.page_of(at).and_then(tail).unwrap_or(usize::MAX)
    }

    /// The page a word is in.
    pub(super) fn page_of(&self, at: usize) -> Option<usize> {
        let page = at.checked_sub(self.pages_at)?.checked_div(PAGE)?;
        (page < self.pages).then_some(page)
    }
}

/// An index slot without an entry.
pub(super) const EMPTY: u64 = 0;

/// In a slot's value: what is there is a pair of records, of which the reader is to take one.
pub(super) const PENDING: u64 = 1 << 31;
/// The part of a slot's value that is an offset.
const OFFSET: u64 = PENDING - 1;

const _: () = assert!(MAX_WORDS as u64 <= OFFSET);

/// A slot's value for a record at `at`. Never [`EMPTY`]: offset 0 is the header's.
pub(super) fn slot(hash: u64, version: u64, at: usize) -> u64 {
    (hash & 0xffff) << 48 | (version & 0xffff) << 32 | (at as u64 & OFFSET)
}

#[inline]
pub(super) fn slot_tag_is(slot: u64, hash: u64) -> bool {
    slot >> 48 == hash & 0xffff && slot != EMPTY
}

#[inline]
pub(super) fn slot_record(slot: u64) -> usize {
    (slot & OFFSET) as usize
}

#[cfg(test)]
mod tests {
    use super::{Geometry, PAGE, class_of, events_of};

    #[test]
    fn a_record_is_no_longer_than_a_page() {
        assert_eq!(class_of(1), Some(0));
        assert_eq!(class_of(4), Some(0));
        assert_eq!(class_of(5), Some(1));
        assert!(class_of(PAGE).is_some());
        assert_eq!(class_of(PAGE + 1), None);
    }

    #[test]
    fn events_have_a_part_of_the_memory() {
        let kib = 1024 / 8;
        for (memory, events) in [
            (64, 2),
            (256, 8),
            (512, 16),
            (4096, 16),
            (8192, 32),
            (256 * 1024, 1024),
            (4 << 20, 1024),
        ] {
            assert_eq!(events_of(memory * kib), events * kib, "{memory} KiB");
        }
    }

    #[test]
    fn a_word_behind_the_last_page_is_in_none() {
        let geo = Geometry::new(64 * 1024).unwrap();
        assert_eq!(geo.page_of(geo.pages_at), Some(0));
        assert_eq!(geo.page_of(geo.pages_at - 1), None);
        assert_eq!(geo.page_of(geo.page_at(geo.pages) - 1), Some(geo.pages - 1));
        assert_eq!(geo.page_of(geo.page_at(geo.pages)), None);
    }
}
