//! After a crash: the index is the truth, everything else is made anew from it, in slices while readers go on.
//!
//! A writer that was killed between two stores has either published its change or not. It may leave wrong free lists,
//! reference counts and totals behind. Health of peers and balancing cells stay.

use super::layout::{BUCKET, CLASSES, EMPTY, LINE, WRITING, head, slot_record};
use super::pages::Kind;
use super::record::{First, NO_CELL};
use super::view::RouteView;
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// The steps of a repair, as [`head::DIRTY`] has them between two slices.
mod step {
    pub(super) const FORGET: u64 = 2;
    pub(super) const CHAINS: u64 = 3;
    pub(super) const COUNT: u64 = 4;
    pub(super) const LINK: u64 = 5;
}

/// Pages, and chains, of a slice.
const PAGES: usize = 256;
const CHAINS: usize = 16 * 1024;
/// Records of a slice; a backend counts as one. The last bucket may bring more.
const RECORDS: usize = 1024;

impl<W: Word> Table<'_, W> {
    /// Rebuilds a slice of all that is derived, in a millisecond or two; true once everything is in order. A process that
    /// is killed in a slice leaves [`WRITING`], and the next one begins again from the start.
    pub(super) fn repair_slice(&self) -> bool {
        let found = self.mem.load(head::DIRTY);
        let from = self.mem.load(head::REPAIR_AT) as usize;
        self.mem.publish(head::DIRTY, WRITING);
        W::fence(Ordering::Release);
        let (next, at) = match found {
            step::FORGET => self.forget_pages(from),
            step::CHAINS => self.forget_chains(from),
            step::COUNT => self.recount_buckets(from),
            step::LINK => self.relink_pages(from),
            _ => {
                self.forget_totals();
                (step::FORGET, 0)
            }
        };
        self.mem.store(head::REPAIR_AT, at as u64);
        if next == 0 {
            let wildcards = self.mem.load(head::REPAIR_WILDCARDS);
            self.mem.publish(head::WILDCARDS, wildcards);
            let generation = self.mem.load(head::GENERATION).wrapping_add(1);
            self.mem.publish(head::GENERATION, generation);
            // Whoever was killed may have changed a route with names.
            self.note_named();
        }
        self.mem.publish(head::DIRTY, next);
        next == 0
    }

    /// Each step gives the next one and where that begins.
    fn forget_pages(&self, from: usize) -> (u64, usize) {
        let to = from.saturating_add(PAGES).min(self.geo.pages);
        for page in from..to {
            self.forget_page(page);
        }
        go_on(step::FORGET, to, self.geo.pages, step::CHAINS)
    }

    fn forget_chains(&self, from: usize) -> (u64, usize) {
        let to = from.saturating_add(CHAINS).min(self.geo.chains);
        for chain in from..to {
            self.mem.store(self.geo.chains_at.saturating_add(chain), 0);
        }
        go_on(step::CHAINS, to, self.geo.chains, step::COUNT)
    }

    fn recount_buckets(&self, from: usize) -> (u64, usize) {
        let mut buf = [0; super::MAX_RECORD_WORDS];
        let (mut bucket, mut counted) = (from, 0_usize);
        while bucket < self.geo.buckets && counted < RECORDS {
            counted = counted.saturating_add(self.recount_bucket(bucket, &mut buf));
            bucket = bucket.saturating_add(1);
        }
        go_on(step::COUNT, bucket, self.geo.buckets, step::LINK)
    }

    /// From the last page to the first, so that the first ones are used first.
    fn relink_pages(&self, from: usize) -> (u64, usize) {
        let to = from.saturating_add(PAGES).min(self.geo.pages);
        for n in from..to {
            self.relink_page(self.geo.pages.saturating_sub(n).saturating_sub(1));
        }
        go_on(step::LINK, to, self.geo.pages, 0)
    }

    fn forget_totals(&self) {
        self.forget_bulk();
        self.forget_events();
        for at in [
            head::ROUTES,
            head::REPAIR_WILDCARDS,
            head::PEERS,
            head::CELLS,
            head::RECORD_WORDS,
            head::RETIRED,
            head::FREE_PAGES,
            head::FREE_HEAD,
            head::RETIRED_HEAD,
            head::RETIRED_TAIL,
            head::PEER_PAGES,
            head::CELL_PAGES,
        ] {
            self.mem.store(at, 0);
        }
        for class in 0..CLASSES {
            self.mem.store(head::CLASSES.saturating_add(class), 0);
        }
    }

    fn forget_page(&self, page: usize) {
        let kind = self.page_kind(page);
        self.set_page(page, kind, 0);
        self.mem.store(self.geo.desc_at(page).saturating_add(1), 0);
        self.clear_bitmap(page, kind);
        if kind == Kind::Peers {
            self.forget_references(page);
        }
    }

    /// Gives how much there was to count: records and their backends, and one for the bucket.
    fn recount_bucket(&self, bucket: usize, buf: &mut [u64]) -> usize {
        let at = self.geo.bucket_at(bucket);
        let mut counted = 1_usize;
        for slot_at in at..at.saturating_add(BUCKET) {
            // Of a bulk that is visible all stays, of any other nothing.
            let slot = self.settle_uncounted(slot_at);
            if slot == EMPTY {
                continue;
            }
            let backends = First(self.mem.load(slot_record(slot))).backends();
            counted = counted.saturating_add(backends).saturating_add(1);
            if !self.recount_record(slot_record(slot), buf) {
                self.mem.publish(slot_at, EMPTY);
            }
        }
        counted
    }

    /// Counts what a live record holds. False if it is no record, or was counted before
    /// because its entry was being moved; the caller then clears the entry.
    fn recount_record(&self, at: usize, buf: &mut [u64]) -> bool {
        let Some((page, kind @ Kind::Records(class), unit)) = self.block_of(at) else {
            return false;
        };
        let len = First(self.mem.load(at)).words();
        if len > super::layout::class_words(class) || !self.mark_unit(page, kind, unit) {
            return false;
        }
        for (to, word) in buf.iter_mut().zip(at..at.saturating_add(len)) {
            *to = self.mem.load(word);
        }
        let view = RouteView::from_words(buf.get(..len).unwrap_or(&[]));
        for packed in view.packed() {
            self.recount_peer(packed.peer());
            if packed.cell() != NO_CELL {
                self.recount_cell(packed.cell());
            }
        }
        for block in view.attached() {
            self.recount_attached(block);
        }
        self.count_route(view.key(), 1, head::REPAIR_WILDCARDS);
        self.mem.add_words(head::RECORD_WORDS, len);
        true
    }

    fn recount_cell(&self, cell: u32) {
        if let Some((page, unit)) = self.cell_unit(cell) {
            if self.mark_unit(page, Kind::Cells, unit) {
                self.mem.add(head::CELLS, 1);
            }
        }
    }

    fn relink_page(&self, page: usize) {
        let (kind, live) = (self.page_kind(page), self.page_live(page));
        match kind {
            _ if live == 0 => self.give_page(page),
            _ if live < kind.capacity() => self.link_page(page, kind),
            _ => {}
        }
    }
}

/// The step goes on at `to`, or is over at `end` and the next one begins.
fn go_on(step: u64, to: usize, end: usize, next: u64) -> (u64, usize) {
    if to < end { (step, to) } else { (next, 0) }
}

// A line number is an offset divided by a line: pages begin on lines.
const _: () = assert!(super::layout::PAGE % LINE == 0);
