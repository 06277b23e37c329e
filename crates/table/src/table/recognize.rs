//! A file's entries that the table knows: where an entry has the text that the route of its key was read from, there is
//! nothing to parse, to resolve or to compare.
//!
//! The hash ([`Imprinter`]) is keyed with random bits that never leave the table, and 63 bits of it are kept. So nobody
//! who writes an entry, and sees all that the table ever answers, can make a changed one look like the one before; by
//! chance it does once in 2^63 times. What a text means depends on the build alone: a table is never used by two, since
//! nginx keeps a zone only for the very module that made it. Names are asked for again with each reading, so routes with
//! names have no imprint.

use super::layout::head;
use super::prepared::Prepared;
use super::record::Owner;
use super::view::RouteView;
use super::{Table, Word, Writer};
use crate::route::{Imprint, Imprinter, Key};
use std::hash::{BuildHasher, RandomState};

impl<W: Word> Table<'_, W> {
    /// A new table's key.
    pub(super) fn make_imprint_key(&self) {
        for at in head::IMPRINT_KEY {
            self.mem.store(at, RandomState::new().hash_one(at));
        }
    }

    /// What hashes the texts of this table's routes.
    #[must_use]
    pub fn imprinter(&self) -> Imprinter {
        let [first, second] = head::IMPRINT_KEY;
        Imprinter::new([self.mem.load(first), self.mem.load(second)])
    }

    /// The file's route of this key, if it was read from a text of this hash. Any process may ask.
    pub fn recognize<'b>(
        &self,
        key: &Key,
        imprint: Imprint,
        buf: &'b mut [u64],
    ) -> Option<RouteView<'b>> {
        let len = self.probe(key.as_bytes(), buf).ok()??;
        let view = RouteView::from_words(buf.get(..len)?);
        let is_it = view.owner() == Some(Owner::File) && view.imprint() == Some(imprint);
        is_it.then_some(view)
    }
}

impl<W: Word> Writer<'_, W> {
    /// Notes that a route, which the table has from another text ([`There::Same`](super::There::Same)), was read from
    /// this one as well. For readers nothing changes.
    pub fn note_imprint(&mut self, prepared: &Prepared) {
        let table = *self.table();
        let wanted = RouteView::from_words(prepared.words());
        let found = table.find(wanted.key(), table.hash(wanted.key()));
        let Some(found) = found.filter(|found| !found.is_pending) else {
            return;
        };
        let mut words = Vec::new();
        table.copy_record(found.record_at, &mut words);
        let there = RouteView::from_words(&words);
        let len = there.words().len();
        let (Some(_), Some(new)) = (there.imprint(), wanted.imprint()) else {
            return;
        };
        if table.has_route(prepared, &mut words) {
            let last = found.record_at.saturating_add(len).saturating_sub(1);
            table.mem.store(last, new.word());
        }
    }
}
