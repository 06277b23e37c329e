//! The backends that are checked, and when each is the next time.

use super::asked::Target;
use gatehouse_table::check::Check;
use gatehouse_table::table::PeerId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

/// A backend that is checked.
pub(super) struct Entry {
    pub(super) target: Target,
    /// How it is checked. Two ways would make two backends.
    pub(super) check: Rc<Check>,
    /// Whether it is up, once that is known.
    pub(super) up: Option<bool>,
    /// When the check under way has begun.
    pub(super) began_ms: Option<u64>,
    /// When the next one is due, if none is under way.
    due_ms: u64,
    /// The number of the last walk that has found it in a route.
    pub(super) seen: u32,
    /// And of the last one that has found it under these names.
    pub(super) named: u32,
}

/// All of them. Nothing in here takes long, however many there are.
#[derive(Default)]
pub(super) struct Book {
    entries: BTreeMap<PeerId, Entry>,
    /// When each is the next time. Some are of entries that are gone: they are passed over.
    due: BinaryHeap<Reverse<(u64, PeerId)>>,
    /// How many are known to be up or down, and how many of those are down.
    known: usize,
    down: usize,
    open: usize,
}

impl Book {
    /// A walk of this number has found it, under names that are those of a target or not; false if it is not among them.
    pub(super) fn see(
        &mut self,
        id: PeerId,
        walk: u32,
        has_names: impl FnOnce(&Target) -> bool,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        entry.seen = walk;
        if entry.named != walk && has_names(&entry.target) {
            entry.named = walk;
        }
        true
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many checks are under way.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Those that are known to be up or down, and those of them that are down.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.known, self.down)
    }

    /// One that this walk has found.
    pub(super) fn add(
        &mut self,
        id: PeerId,
        walk: u32,
        (target, check, up): (Target, Rc<Check>, Option<bool>),
        due_ms: u64,
    ) {
        self.count(up, 1);
        let entry = Entry {
            target,
            check,
            up,
            began_ms: None,
            due_ms,
            seen: walk,
            named: walk,
        };
        self.entries.insert(id, entry);
        self.due.push(Reverse((due_ms, id)));
    }

    /// When the next one is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due_ms, _))| *due_ms)
    }

    /// Takes the next one that is due; it is under way from now on.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<PeerId> {
        loop {
            self.next_ms().filter(|due_ms| *due_ms <= now_ms)?;
            let Reverse((due_ms, id)) = self.due.pop()?;
            let entry = self.entries.get_mut(&id);
            let is_meant = |entry: &&mut Entry| entry.began_ms.is_none() && entry.due_ms == due_ms;
            if let Some(entry) = entry.filter(is_meant) {
                entry.began_ms = Some(now_ms);
                self.open = self.open.saturating_add(1);
                return Some(id);
            }
        }
    }

    /// The check under way has ended, and the next one is due then; `up`: what is known now.
    pub(super) fn ended(&mut self, id: PeerId, up: Option<bool>, due_ms: u64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.began_ms.take().is_some() {
            self.open = self.open.saturating_sub(1);
            entry.due_ms = due_ms;
            self.due.push(Reverse((due_ms, id)));
        }
        let before = std::mem::replace(&mut entry.up, up);
        self.count(before, -1);
        self.count(up, 1);
    }

    /// It is not checked any more.
    pub(super) fn remove(&mut self, id: PeerId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        if entry.began_ms.is_some() {
            self.open = self.open.saturating_sub(1);
        }
        self.count(entry.up, -1);
    }

    fn count(&mut self, up: Option<bool>, by: isize) {
        if up.is_some() {
            self.known = self.known.saturating_add_signed(by);
        }
        if up == Some(false) {
            self.down = self.down.saturating_add_signed(by);
        }
    }

    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        const PART: usize = 256;
        self.due = BinaryHeap::new();
        for _ in 0..PART {
            if self.entries.pop_first().is_none() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::Place;
    use super::*;
    use crate::tests::check::peers;

    fn target() -> Target {
        Target {
            place: Place::Unix("/s".into()),
            tls: None,
            name: None,
        }
    }

    #[test]
    fn one_that_comes_again_is_due_once() {
        let ids = peers(2);
        let mut book = Book::default();
        book.add(ids[0], 1, (target(), Rc::default(), None), 10);
        book.add(ids[1], 1, (target(), Rc::default(), None), 30);
        book.remove(ids[0]);
        book.add(ids[0], 1, (target(), Rc::default(), None), 20);
        assert_eq!(book.take_due(15), None, "that of before is not meant");
        assert_eq!(book.take_due(20), Some(ids[0]));
        assert_eq!((book.take_due(29), book.open()), (None, 1));
        book.ended(ids[0], Some(true), 40);
        assert_eq!(book.take_due(50), Some(ids[1]));
        assert_eq!(book.take_due(50), Some(ids[0]));
        assert_eq!(book.take_due(u64::MAX), None);
    }

    #[test]
    fn what_is_known_is_counted() {
        let ids = peers(3);
        let mut book = Book::default();
        for (id, up) in ids.iter().zip([None, Some(true), Some(false)]) {
            book.add(*id, 1, (target(), Rc::default(), up), 0);
        }
        assert_eq!(book.counts(), (2, 1));
        book.ended(ids[0], Some(false), 1);
        book.ended(ids[2], Some(true), 1);
        assert_eq!(book.counts(), (3, 1));
        book.remove(ids[0]);
        assert_eq!(book.counts(), (2, 0));
        while book.shrink() {}
        assert_eq!(book.len(), 0);
    }
}
