//! Pages and the blocks in them. Writers only; rebuilt from the index after a crash.
//!
//! A page's descriptor: `kind 8 | class 8 | leaving 1 | spare 15 | live 32`, `next 32 | previous 32` (page number + 1) in
//! the list of pages with room, then a bitmap of its blocks. `live` counts the blocks in use.

use super::layout::{
    CELL_BITMAP_BITS, CELL_BITMAP_WORDS, CELLS_PER_PAGE, CLASSES, DESC, LINE, PAGE, PEERS_PER_PAGE,
    class_words, head,
};
use super::{Table, Word};

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing yet, or nothing any more.
    Free,
    /// Blocks of a size class: records and what is attached to them.
    Records(usize),
    /// Peers.
    Peers,
    /// Balancing cells.
    Cells,
}

/// First bitmap word of a descriptor, and how many there are.
const BITMAP: usize = 2;
const BITMAP_WORDS: usize = DESC - BITMAP - 2;

impl Kind {
    pub(super) fn code(self) -> u64 {
        match self {
            Self::Free => 0,
            Self::Records(class) => 1 | (class as u64) << 8,
            Self::Peers => 2,
            Self::Cells => 3,
        }
    }

    pub(super) fn from_code(word: u64) -> Self {
        match (word & 0xff, (word >> 8 & 0xff) as usize) {
            (1, class) if class < CLASSES => Self::Records(class),
            (2, _) => Self::Peers,
            (3, _) => Self::Cells,
            _ => Self::Free,
        }
    }

    /// Header word of the list of such pages with room.
    fn list(self) -> usize {
        match self {
            Self::Free => head::FREE_HEAD,
            Self::Records(class) => head::CLASSES.saturating_add(class),
            Self::Peers => head::PEER_PAGES,
            Self::Cells => head::CELL_PAGES,
        }
    }

    /// Words from one block, or peer's line, to the next.
    fn block(self) -> usize {
        match self {
            Self::Records(class) => class_words(class),
            Self::Peers | Self::Cells | Self::Free => LINE,
        }
    }

    /// Bits used of a word of the bitmap.
    fn bitmap_bits(self) -> u32 {
        match self {
            Self::Cells => CELL_BITMAP_BITS,
            _ => 64,
        }
    }

    /// The word of the bitmap and the bit in it of a unit.
    fn bit_of(self, unit: u64) -> (usize, u64) {
        let bits = u64::from(self.bitmap_bits());
        let word = unit.checked_div(bits).unwrap_or(0);
        (word as usize, 1 << unit.checked_rem(bits).unwrap_or(0))
    }

    pub(super) fn capacity(self) -> u64 {
        match self {
            Self::Cells => CELLS_PER_PAGE,
            Self::Peers => PEERS_PER_PAGE as u64,
            Self::Records(_) | Self::Free => PAGE.checked_div(self.block()).unwrap_or(0) as u64,
        }
    }
}

/// In a descriptor's first word: the page is being emptied, and nothing is taken from it.
const LEAVING: u64 = 1 << 16;
/// Pages that only [`Table::take_scratch`] may take: a record is rewritten by way of one.
const RESERVE: u64 = 1;

impl<W: Word> Table<'_, W> {
    pub(super) fn page_kind(&self, page: usize) -> Kind {
        Kind::from_code(self.mem.load(self.geo.desc_at(page)))
    }

    pub(super) fn page_live(&self, page: usize) -> u64 {
        self.mem.load(self.geo.desc_at(page)) >> 32
    }

    pub(super) fn set_page(&self, page: usize, kind: Kind, live: u64) {
        self.mem
            .store(self.geo.desc_at(page), kind.code() | live << 32);
    }

    fn set_live(&self, page: usize, live: u64) {
        let at = self.geo.desc_at(page);
        self.mem
            .store(at, self.mem.load(at) & 0xffff_ffff | live << 32);
    }

    pub(super) fn is_leaving(&self, page: usize) -> bool {
        self.mem.load(self.geo.desc_at(page)) & LEAVING != 0
    }

    /// Whether the block, line or cell at this word is in a page that is being emptied.
    pub(super) fn leaves(&self, at: usize) -> bool {
        self.geo
            .page_of(at)
            .is_some_and(|page| self.is_leaving(page))
    }

    /// Whether a page is in the list of those with room.
    pub(super) fn has_room(&self, page: usize) -> bool {
        let (kind, live) = (self.page_kind(page), self.page_live(page));
        kind != Kind::Free && live < kind.capacity() && !self.is_leaving(page)
    }

    /// Begins to empty a page with room: nothing more is taken from it.
    pub(super) fn leave_page(&self, page: usize) {
        self.unlink_page(page, self.page_kind(page));
        let at = self.geo.desc_at(page);
        self.mem.store(at, self.mem.load(at) | LEAVING);
    }

    /// Takes that back.
    pub(super) fn keep_page(&self, page: usize) {
        let at = self.geo.desc_at(page);
        self.mem.store(at, self.mem.load(at) & !LEAVING);
        self.link_page(page, self.page_kind(page));
    }

    /// Puts every page on the free list (format).
    pub(super) fn link_free_pages(&self) {
        for page in (0..self.geo.pages).rev() {
            self.give_page(page);
        }
    }

    fn take_page(&self, kind: Kind) -> Option<usize> {
        (self.mem.load(head::FREE_PAGES) > RESERVE)
            .then(|| self.take_free_page(kind))
            .flatten()
    }

    /// A whole page for one record, for a short while.
    pub(super) fn take_scratch(&self) -> Option<usize> {
        let kind = Kind::Records(CLASSES.saturating_sub(1));
        self.take_free_page(kind)?;
        self.take_block(kind)
    }

    /// A free page becomes one of `kind`, first in its list.
    fn take_free_page(&self, kind: Kind) -> Option<usize> {
        let page = self.list_head(Kind::Free)?;
        let desc = self.geo.desc_at(page);
        self.mem.store(
            head::FREE_HEAD,
            self.mem.load(desc.saturating_add(1)) & 0xffff_ffff,
        );
        self.mem.add(head::FREE_PAGES, -1);
        self.clear_bitmap(page, kind);
        self.set_page(page, kind, 0);
        self.link_page(page, kind);
        Some(page)
    }

    pub(super) fn give_page(&self, page: usize) {
        let desc = self.geo.desc_at(page);
        self.set_page(page, Kind::Free, 0);
        self.mem
            .store(desc.saturating_add(1), self.mem.load(head::FREE_HEAD));
        self.mem.store(head::FREE_HEAD, page_number(page));
        self.mem.add(head::FREE_PAGES, 1);
    }

    fn list_head(&self, kind: Kind) -> Option<usize> {
        let page = (self.mem.load(kind.list()) as usize).checked_sub(1)?;
        (page < self.geo.pages).then_some(page)
    }

    /// A page of `kind` with room.
    pub(super) fn page_with_room(&self, kind: Kind) -> Option<usize> {
        self.list_head(kind).or_else(|| self.take_page(kind))
    }

    pub(super) fn link_page(&self, page: usize, kind: Kind) {
        let next = self.mem.load(kind.list());
        self.mem
            .store(self.geo.desc_at(page).saturating_add(1), next);
        if let Some(next) = (next as usize).checked_sub(1) {
            let links = self.geo.desc_at(next).saturating_add(1);
            self.mem.store(
                links,
                self.mem.load(links) & 0xffff_ffff | page_number(page) << 32,
            );
        }
        self.mem.store(kind.list(), page_number(page));
    }

    fn unlink_page(&self, page: usize, kind: Kind) {
        let links = self.mem.load(self.geo.desc_at(page).saturating_add(1));
        let (next, previous) = (links & 0xffff_ffff, links >> 32);
        match (previous as usize).checked_sub(1) {
            Some(p) => {
                let at = self.geo.desc_at(p).saturating_add(1);
                self.mem.store(at, self.mem.load(at) >> 32 << 32 | next);
            }
            None => self.mem.store(kind.list(), next),
        }
        if let Some(n) = (next as usize).checked_sub(1) {
            let at = self.geo.desc_at(n).saturating_add(1);
            self.mem
                .store(at, self.mem.load(at) & 0xffff_ffff | previous << 32);
        }
    }

    /// Where a page's bitmap is, and its words: cells have too many for the descriptor.
    fn bitmap(&self, page: usize, kind: Kind) -> (usize, usize) {
        match kind {
            Kind::Cells => (self.geo.page_at(page), CELL_BITMAP_WORDS),
            _ => (self.geo.desc_at(page).saturating_add(BITMAP), BITMAP_WORDS),
        }
    }

    pub(super) fn clear_bitmap(&self, page: usize, kind: Kind) {
        let (at, words) = self.bitmap(page, kind);
        for word in at..at.saturating_add(words) {
            self.mem.store(word, 0);
        }
    }

    /// Takes a free unit (block or cell) of a page of `kind`: page and number in it.
    pub(super) fn take_unit(&self, kind: Kind) -> Option<(usize, u64)> {
        let page = self.page_with_room(kind)?;
        let (at, words) = self.bitmap(page, kind);
        let (word, bit) = (at..at.saturating_add(words)).find_map(|word| {
            let free = self.mem.load(word).trailing_ones();
            (free < kind.bitmap_bits()).then_some((word, free))
        })?;
        let unit = (word.saturating_sub(at) as u64)
            .saturating_mul(kind.bitmap_bits().into())
            .saturating_add(bit.into());
        if unit >= kind.capacity() {
            return None;
        }
        self.mem.store(word, self.mem.load(word) | 1 << bit);
        let live = self.page_live(page).saturating_add(1);
        self.set_live(page, live);
        if live >= kind.capacity() {
            self.unlink_page(page, kind);
        }
        Some((page, unit))
    }

    /// Marks a unit as used, for the repair; false if it was already.
    pub(super) fn mark_unit(&self, page: usize, kind: Kind, unit: u64) -> bool {
        let (at, words) = self.bitmap(page, kind);
        let (word, mask) = kind.bit_of(unit);
        let at = at.saturating_add(word);
        if word >= words || self.mem.load(at) & mask != 0 {
            return false;
        }
        self.mem.store(at, self.mem.load(at) | mask);
        self.set_live(page, self.page_live(page).saturating_add(1));
        true
    }

    pub(super) fn free_unit(&self, page: usize, kind: Kind, unit: u64) {
        let (at, words) = self.bitmap(page, kind);
        let (word, mask) = kind.bit_of(unit);
        let at = at.saturating_add(word);
        if word >= words || self.mem.load(at) & mask == 0 {
            return;
        }
        self.mem.store(at, self.mem.load(at) & !mask);
        let before = self.page_live(page);
        let live = before.saturating_sub(1);
        self.set_live(page, live);
        if before >= kind.capacity() {
            self.link_page(page, kind);
        }
        if live == 0 {
            // A page that is being emptied is in no list.
            if !self.is_leaving(page) {
                self.unlink_page(page, kind);
            }
            self.give_page(page);
        }
    }

    /// A block for a record of `words`, or for a peer's line: its offset.
    pub(super) fn take_block(&self, kind: Kind) -> Option<usize> {
        let (page, unit) = self.take_unit(kind)?;
        let from = (unit as usize).checked_mul(kind.block())?;
        self.geo.page_at(page).checked_add(from)
    }

    /// The page, its kind and the number of the block at `at`.
    pub(super) fn block_of(&self, at: usize) -> Option<(usize, Kind, u64)> {
        let page = self.geo.page_of(at)?;
        let kind = self.page_kind(page);
        let from = at.checked_sub(self.geo.page_at(page))?;
        let unit = from.checked_div(kind.block())?;
        let whole = unit.checked_mul(kind.block())? == from && (unit as u64) < kind.capacity();
        (whole && kind != Kind::Free && kind != Kind::Cells).then_some((page, kind, unit as u64))
    }

    pub(super) fn free_block(&self, at: usize) {
        if let Some((page, kind, unit)) = self.block_of(at) {
            self.free_unit(page, kind, unit);
        }
    }
}

fn page_number(page: usize) -> u64 {
    (page as u64).saturating_add(1)
}
