//! Changes that become visible together.
//!
//! A bulk is made a few changes at a time, while readers see nothing of it and others change other keys. Each change
//! leaves its slot *pending*: the slot's value has a bit set, and its offset is that of a pair,
//! `number of the bulk | what the slot had | what it is to have`, the last two as slots without their tag, or 0 for
//! nothing. A reader that meets one looks at [`head::VISIBLE`]: up to that number bulks are visible, and it takes the second;
//! otherwise the first. So one store shows a whole bulk. A request that meets no pending slot tests a bit for this.
//!
//! Afterwards each slot is *settled*: it gets what readers see in it already, and what they do not see is retired. A bulk
//! that comes to nothing is settled in the same way, without having been visible. Whoever else changes a pending key
//! settles it first: the maker finds out when it wants to show the bulk, and looks at that key again.
//!
//! There is one bulk at a time. Its maker says that it lives with every step; when it has not for [`LEASE_MS`](super::LEASE_MS), the next
//! writer repairs the table, as after any writer that was killed. A repair settles all slots.

use super::events::What;
use super::layout::{EMPTY, PENDING, head, slot_record};
use super::pages::Kind;
use super::parts::Parts;
use super::pending::BELOW_TAG;
use super::view::RouteView;
use super::writer::{Applied, ApplyError, Old, Writer};
use super::{Owner, Word};
use crate::route::Key;
use std::sync::atomic::Ordering;

/// A pair's block: the smallest there is.
const PAIR: Kind = Kind::Records(0);

/// A bulk that is being made, for its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkNumber(u64);

/// What came of showing a bulk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of it is visible.
    All,
    /// Others have changed some of its keys: what it has for these is to be made again.
    Disturbed,
}

impl<W: Word> Writer<'_, W> {
    /// Begins a bulk; `None` while there is another one. It ends with [`Writer::close_bulk`].
    pub fn open_bulk(&mut self) -> Option<BulkNumber> {
        let mem = self.table().mem;
        if mem.load(head::BULK) != 0 {
            return None;
        }
        let number = mem.load(head::LAST_BULK).wrapping_add(1);
        mem.store(head::LAST_BULK, number);
        mem.store(head::BULK_BEAT, self.now_ms);
        mem.publish(head::BULK, number);
        self.bulk = number;
        Some(BulkNumber(number))
    }

    /// Goes on with a bulk: the changes that follow are its. False: a repair has ended it, and nothing of it is pending.
    pub fn resume_bulk(&mut self, number: BulkNumber) -> bool {
        let mem = self.table().mem;
        if mem.load(head::BULK) != number.0 {
            return false;
        }
        mem.store(head::BULK_BEAT, self.now_ms);
        self.bulk = number.0;
        true
    }

    /// What the bulk is to do with a key, if that is still pending.
    #[must_use]
    pub fn pending(&self, key: &Key) -> Option<Applied> {
        let slot = self.table().mem.load(self.pending_slot(key)?);
        let pair = self.table().pair_of(slot);
        Some(match (pair.old, pair.new) {
            (EMPTY, _) => Applied::Created,
            (_, EMPTY) => Applied::Removed,
            _ => Applied::Replaced,
        })
    }

    /// Shows all changes of the bulk at once: one store. `count` of them were made (not those that changed nothing).
    pub fn show_bulk(&mut self, count: usize) -> Shown {
        let mem = self.table().mem;
        if mem.load(head::PENDING) != count as u64 {
            return Shown::Disturbed;
        }
        let counted = |at| mem.load(at) as i64;
        self.begin();
        // Those that come are looked for from here on, those that go for a moment longer.
        mem.add(head::WILDCARDS, counted(head::BULK_WILDCARDS));
        mem.publish(head::VISIBLE, self.bulk);
        mem.add(head::ROUTES, counted(head::BULK_ROUTES));
        let gone = counted(head::BULK_WILDCARDS_GONE);
        mem.add(head::WILDCARDS, gone.saturating_neg());
        if mem.load(head::BULK_NAMED) != 0 {
            self.table().note_named();
        }
        self.end();
        Shown::All
    }

    /// Settles a key of the bulk, if it is pending.
    pub fn settle(&mut self, key: &Key) {
        if let Some(slot_at) = self.pending_slot(key) {
            self.begin();
            self.settle_slot(slot_at);
            self.end_unseen();
        }
    }

    /// Ends the bulk, all of whose keys have been settled. Were one left, it would count as abandoned after a while.
    pub fn close_bulk(&mut self) {
        self.bulk = 0;
        if self.table().mem.load(head::PENDING) != 0 {
            return;
        }
        self.begin();
        self.table().forget_bulk();
        self.end_unseen();
    }

    fn pending_slot(&self, key: &Key) -> Option<usize> {
        let key = key.as_bytes();
        let found = self.table().find(key, self.table().hash(key))?;
        found.is_pending.then_some(found.slot_at)
    }

    /// Whether what is made is seen only with the rest of a bulk.
    pub(super) fn is_bulk(&self) -> bool {
        self.bulk != 0
    }

    /// Whether a pending slot is of the bulk that is being made here.
    pub(super) fn is_own(&self, slot: u64) -> bool {
        self.is_bulk() && self.table().pair_of(slot).bulk > self.table().visible_bulk()
    }

    /// A block for a pair, where one is needed.
    pub(super) fn take_pair(&self) -> Result<Option<usize>, ApplyError> {
        if !self.is_bulk() {
            return Ok(None);
        }
        let taken = self.table().pressing(|table| table.take_block(PAIR));
        taken.map(Some).ok_or(ApplyError::Full)
    }

    /// Gives one back that is not needed after all.
    pub(super) fn give_pair_back(&self, pair: Option<usize>) {
        if let Some(pair) = pair {
            self.table().free_block(pair);
        }
    }

    /// Leaves a change pending in its slot; `new` is the slot that it is to become.
    pub(super) fn pend(&self, key: &[u8], hash: u64, slot_at: usize, new: u64, pair: usize) {
        let mem = self.table().mem;
        let old = mem.load(slot_at);
        let words = [self.bulk, old & BELOW_TAG, new & BELOW_TAG];
        for (at, word) in (pair..).zip(words) {
            mem.store(at, word);
        }
        let version = mem.load(head::PENDED).wrapping_add(1);
        mem.store(head::PENDED, version);
        let slot = super::layout::slot(hash, version, pair) | PENDING;
        mem.publish(slot_at, slot);
        self.count_pending(key, old, new, 1);
    }

    fn count_pending(&self, key: &[u8], old: u64, new: u64, times: i64) {
        let mem = self.table().mem;
        mem.add(head::PENDING, times);
        let is_wildcard = self.table().is_wildcard(key);
        if old == EMPTY {
            mem.add(head::BULK_ROUTES, times);
            if is_wildcard {
                mem.add(head::BULK_WILDCARDS, times);
            }
        } else if new == EMPTY {
            mem.add(head::BULK_ROUTES, times.saturating_neg());
            if is_wildcard {
                mem.add(head::BULK_WILDCARDS_GONE, times);
            }
        }
    }

    /// Gives a slot what readers see in it, and frees the rest; between `begin` and `end`.
    pub(super) fn settle_slot(&mut self, slot_at: usize) {
        let table = *self.table();
        let slot = table.mem.load(slot_at);
        if slot & PENDING == 0 {
            return;
        }
        let pair = table.pair_of(slot);
        let is_visible = pair.bulk <= table.visible_bulk();
        let (stays, goes) = if is_visible {
            (pair.new, pair.old)
        } else {
            (pair.old, pair.new)
        };
        let (mut kept, mut words) = (Vec::new(), Vec::new());
        if stays != EMPTY {
            table.copy_record(slot_record(stays), &mut kept);
        }
        if goes != EMPTY {
            table.copy_record(slot_record(goes), &mut words);
        }
        let any = if kept.is_empty() { &words } else { &kept };
        // Its own copy: what is counted is so under it.
        let key = RouteView::from_words(any).key().to_vec();
        table.mem.publish(slot_at, stays);
        // Readers see that before they can see the pair or the record overwritten.
        W::fence(Ordering::Release);
        table.free_block(slot_record(slot));
        if !words.is_empty() {
            let successor = Parts::of(&kept);
            let old = Old {
                slot_at,
                record_at: slot_record(goes),
                parts: Parts::of(&words),
                words: &words,
            };
            self.retire_record(&old, &successor);
        }
        if is_visible {
            table.mem.add(head::PENDING, -1);
            let owner = RouteView::from_words(any).owner().unwrap_or(Owner::Api);
            self.note(
                if kept.is_empty() {
                    What::Remove(owner)
                } else {
                    What::Put(owner)
                },
                &key,
            );
        } else {
            self.count_pending(&key, pair.old, pair.new, -1);
        }
    }
}
