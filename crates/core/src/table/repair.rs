//! After a crash: the index is the truth, everything else is made anew from it.
//!
//! A writer killed between two stores has published its change or not; what it may leave behind are wrong free lists,
//! reference counts and totals. Health of peers and balancing cells stay.

use super::layout::{BUCKET, CLASSES, EMPTY, LINE, head, slot_record};
use super::pages::Kind;
use super::record::{First, NO_CELL};
use super::view::RouteView;
use super::{Table, Word};
use std::sync::atomic::Ordering;

impl<W: Word> Table<'_, W> {
    /// Rebuilds all that is derived. May itself be stopped anywhere and begun again.
    pub(super) fn repair(&self) {
        W::fence(Ordering::Release);
        self.forget_totals();
        for page in 0..self.geo.pages {
            self.forget_page(page);
        }
        for chain in 0..self.geo.chains {
            self.mem.store(self.geo.chains_at.saturating_add(chain), 0);
        }
        for bucket in 0..self.geo.buckets {
            self.recount_bucket(bucket);
        }
        for page in (0..self.geo.pages).rev() {
            self.relink_page(page);
        }
        self.mem.publish(
            head::GENERATION,
            self.mem.load(head::GENERATION).wrapping_add(1),
        );
        self.mem.publish(head::DIRTY, 0);
    }

    fn forget_totals(&self) {
        for at in [
            head::ROUTES,
            head::WILDCARDS,
            head::PEERS,
            head::CELLS,
            head::RECORD_WORDS,
            head::QUARANTINED,
            head::FREE_PAGES,
            head::FREE_HEAD,
            head::QUARANTINE_HEAD,
            head::QUARANTINE_TAIL,
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

    fn recount_bucket(&self, bucket: usize) {
        let at = self.geo.bucket_at(bucket);
        let mut buf = [0; super::MAX_RECORD_WORDS];
        for slot_at in at..at.saturating_add(BUCKET) {
            let slot = self.mem.load(slot_at);
            if slot != EMPTY && !self.recount_record(slot_record(slot), &mut buf) {
                self.mem.publish(slot_at, EMPTY);
            }
        }
    }

    /// Counts what a live record holds. False if it is none, or was counted (its entry was being moved): the entry goes.
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
        self.count_route(view.key(), 1);
        self.mem
            .add(head::RECORD_WORDS, i64::try_from(len).unwrap_or(0));
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
            Kind::Free => self.give_page(page),
            Kind::Records(_) if live == 0 => self.give_page(page),
            _ if live < kind.capacity() => self.link_page(page, kind),
            _ => {}
        }
    }
}

// A line number is an offset divided by a line: pages begin on lines.
const _: () = assert!(super::layout::PAGE % LINE == 0);
