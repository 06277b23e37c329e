//! A walk over the table for who writes all of it down: routes with their keys, and only those that it has not seen.

use super::attached::Keys;
use super::layout::{BUCKET, EMPTY};
use super::reader::{ATTEMPTS, Cursor};
use super::view::RouteView;
use super::{MAX_RECORD_WORDS, Table, Word};
use zeroize::Zeroizing;

/// What [`Table::scan_wanted`] asks and tells.
pub trait Walk {
    /// Whether the route in this slot, which holds this, is to be shown.
    fn wants(&mut self, slot: usize, holds: u64) -> bool;

    /// A wanted route.
    fn show(&mut self, route: &RouteView<'_>, keys: &Keys<'_>);
}

impl<W: Word> Table<'_, W> {
    /// As [`Table::scan`], for a caller that knows the table's slots: `walk` is told the number of each slot in use and
    /// what it holds, and of those that it wants the route is shown, with its keys.
    ///
    /// What a slot holds differs whenever its route does, and stays the same when the entry moves. Of a bulk that is not
    /// visible it is told nothing.
    pub fn scan_wanted(&self, cursor: &mut Cursor, buckets: usize, walk: &mut dyn Walk) -> bool {
        let mut buf = [0; MAX_RECORD_WORDS];
        let to = cursor
            .bucket
            .saturating_add(buckets.max(1))
            .min(self.geo.buckets);
        let first = cursor.bucket.saturating_mul(BUCKET);
        for (number, word) in (first..).zip(self.slots_of(cursor.bucket, to)) {
            let slot = self.shown_in(word);
            if slot != EMPTY && walk.wants(number, slot) {
                self.show_slot(word, &mut buf, walk);
            }
        }
        cursor.bucket = to;
        to < self.geo.buckets
    }

    /// Shows the route of a slot and its keys, unless it is gone by now.
    fn show_slot(&self, word: &W, buf: &mut [u64; MAX_RECORD_WORDS], walk: &mut dyn Walk) {
        for _ in 0..ATTEMPTS {
            let Some(len) = self.copy_slot(word, buf) else {
                return;
            };
            let route = RouteView::from_words(buf.get(..len).unwrap_or(&[]));
            let mut keys = Zeroizing::new(vec![0; route.key_words()]);
            // None: it has been replaced meanwhile.
            if let Ok(Some(keys)) = self.keys(&route, &mut keys) {
                walk.show(&route, &keys);
                return;
            }
        }
    }
}
