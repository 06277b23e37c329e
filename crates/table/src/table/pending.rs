//! What readers see of a slot that is pending: see [`bulk`](super::bulk).

use super::layout::{EMPTY, PENDING, head, slot_record};
use super::lease::LEASE_MS;
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// No offset: it reads as 0.
pub(super) const NOWHERE: usize = usize::MAX;

/// A slot without its tag.
pub(super) const BELOW_TAG: u64 = (1 << 48) - 1;
/// Readings of a slot before it counts as empty: each failed one means that it changed at that very moment.
const ATTEMPTS: usize = 1000;

/// What a pending slot has, as slots.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) bulk: u64,
    pub(super) old: u64,
    pub(super) new: u64,
}

impl<W: Word> Table<'_, W> {
    /// Where the record is that readers of a slot are to see.
    #[inline]
    pub(super) fn shown_at(&self, slot: u64) -> usize {
        if slot & PENDING == 0 {
            return slot_record(slot);
        }
        self.pending_at(slot)
    }

    #[cold]
    fn pending_at(&self, slot: u64) -> usize {
        match self.shown(slot) {
            EMPTY => NOWHERE,
            shown => slot_record(shown),
        }
    }

    /// Where any record of a slot is: it has the slot's key, whether readers see it or not.
    pub(super) fn named_at(&self, slot: u64) -> usize {
        if slot & PENDING == 0 {
            return slot_record(slot);
        }
        let pair = self.pair_of(slot);
        slot_record(if pair.new == EMPTY {
            pair.old
        } else {
            pair.new
        })
    }

    /// What readers are to see in a slot: as if nothing were pending. They must validate it, as all that they read.
    pub(super) fn shown(&self, slot: u64) -> u64 {
        if slot & PENDING == 0 {
            return slot;
        }
        // After the slot and before the pair's records: whoever has seen one new record sees the others.
        let visible = self.visible_bulk();
        let pair = self.pair_of(slot);
        if pair.bulk <= visible {
            pair.new
        } else {
            pair.old
        }
    }

    /// The same of a slot as it is now, validated.
    pub(super) fn shown_in(&self, word: &W) -> u64 {
        for _ in 0..ATTEMPTS {
            let slot = word.load(Ordering::Acquire);
            let shown = self.shown(slot);
            W::fence(Ordering::Acquire);
            if slot & PENDING == 0 || word.load(Ordering::Relaxed) == slot {
                return shown;
            }
        }
        EMPTY
    }

    pub(super) fn pair_of(&self, slot: u64) -> Pair {
        let at = slot_record(slot);
        let of_tag = |word: u64| match word & BELOW_TAG {
            0 => EMPTY,
            below => slot & !BELOW_TAG | below,
        };
        Pair {
            bulk: self.mem.load(at),
            old: of_tag(self.mem.load(at.saturating_add(1))),
            new: of_tag(self.mem.load(at.saturating_add(2))),
        }
    }

    /// The last bulk that is visible.
    pub(super) fn visible_bulk(&self) -> u64 {
        self.mem.acquire(head::VISIBLE)
    }

    /// Whether a bulk was left behind by its maker.
    pub(super) fn is_bulk_abandoned(&self, now_ms: u64) -> bool {
        let beat = self.mem.load(head::BULK_BEAT);
        self.mem.load(head::BULK) != 0 && now_ms.saturating_sub(beat) > LEASE_MS
    }

    /// No bulk is being made any more, and nothing of one is counted (repair).
    pub(super) fn forget_bulk(&self) {
        for at in [
            head::BULK,
            head::PENDING,
            head::BULK_ROUTES,
            head::BULK_WILDCARDS,
            head::BULK_WILDCARDS_GONE,
            head::BULK_NAMED,
        ] {
            self.mem.store(at, 0);
        }
    }

    /// A slot gets what readers see in it (repair): what else there was is not counted any more.
    pub(super) fn settle_uncounted(&self, slot_at: usize) -> u64 {
        let slot = self.mem.load(slot_at);
        let shown = self.shown(slot);
        if shown != slot {
            self.mem.publish(slot_at, shown);
        }
        shown
    }
}
