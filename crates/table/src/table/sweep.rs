//! A walk over the routes of one owner, in no order: routes that move meanwhile may be missed, and are found by the
//! next walk. Of other routes it reads one word.

use super::layout::EMPTY;
use super::record::First;
use super::view::RouteView;
use super::{MAX_RECORD_WORDS, Owner, Table, Word};
use std::sync::atomic::Ordering;

/// Buckets of one step: some hundred microseconds.
const BUCKETS: usize = 512;

/// A walk, and how far it has come.
#[derive(Debug, Default)]
pub struct Sweep {
    bucket: usize,
}

impl Sweep {
    /// Goes on for some hundred microseconds; false at the end.
    pub fn step<W: Word>(
        &mut self,
        table: &Table<'_, W>,
        owner: Owner,
        show: &mut dyn FnMut(RouteView<'_>),
    ) -> bool {
        let to = self.bucket.saturating_add(BUCKETS).min(table.geo.buckets);
        let mut buffer = vec![0; MAX_RECORD_WORDS];
        for word in table.slots_of(self.bucket, to) {
            let slot = word.load(Ordering::Acquire);
            if slot == EMPTY {
                continue;
            }
            // Only a hint: the record may be going.
            let first = First(table.mem.load(table.shown_at(slot)));
            if first.owner() != Some(owner) {
                continue;
            }
            let copied = table.copy_slot(word, &mut buffer);
            if let Some(words) = copied.and_then(|len| buffer.get(..len)) {
                let view = RouteView::from_words(words);
                if view.owner() == Some(owner) {
                    show(view);
                }
            }
        }
        self.bucket = to;
        to < table.geo.buckets
    }
}
