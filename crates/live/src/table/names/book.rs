//! Which names there are, and when each is to be asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

/// An answer holds so long at least, and at most: a name server may say anything.
const LEAST_MS: u64 = 1_000;
const MOST_MS: u64 = 3_600_000;
/// After a failure a name is asked for again so much later; twice as long each time, up to the second figure.
const AGAIN_MS: u64 = 1_000;
const LATEST_MS: u64 = 30_000;
/// Questions under way at a time, and of those at most so many about names that failed the last time: a name server
/// that keeps silent about some delays no others.
const MOST_OPEN: usize = 64;
const MOST_DOUBTFUL: usize = 32;
/// No more names are known: their memory is the leader's own.
pub(super) const MOST: usize = 250_000;
/// Names freed in one step.
pub(super) const FREED: usize = 512;

/// The names of a table.
pub(super) struct Book {
    names: BTreeMap<Rc<str>, Name>,
    /// Those that are not being asked for, by when they are due.
    due: BTreeSet<(u64, Rc<str>)>,
    /// The same for names that failed.
    doubtful: BTreeSet<(u64, Rc<str>)>,
    open: usize,
    open_doubtful: usize,
    failing: usize,
    unasked: usize,
    most: usize,
    /// There are names that it has no room for.
    pub(super) has_more: bool,
    random: RandomState,
}

impl Default for Book {
    fn default() -> Self {
        Self::of_at_most(MOST)
    }
}

/// A name.
struct Name {
    due_ms: u64,
    is_open: bool,
    /// Nobody has answered for it yet, well or badly.
    is_new: bool,
    /// Failures in a row.
    fails: u32,
    /// The walk that has seen it last.
    seen: u32,
    /// Some route has addresses of it.
    is_placed: bool,
    /// Its failure has been reported, by the master.
    is_reported: bool,
    /// The first route it was seen in, until its first answer.
    route: Vec<u8>,
}

/// What is to be said about a name after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    None,
    /// It is not found any more: where it was seen first, if that is known, and whether it has addresses.
    Lost {
        route: Vec<u8>,
        is_placed: bool,
    },
    /// It is found again.
    Found,
}

impl Book {
    fn of_at_most(most: usize) -> Self {
        Self {
            names: BTreeMap::new(),
            due: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            open: 0,
            open_doubtful: 0,
            failing: 0,
            unasked: 0,
            most,
            has_more: false,
            random: RandomState::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// How many are not found.
    pub(super) fn failing(&self) -> usize {
        self.failing
    }

    /// Whether each has been asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.unasked == 0
    }

    /// A walk has come upon a name in a route; `was_reported`: the master has said that it is not found.
    pub(super) fn see(
        &mut self,
        text: &str,
        walk: u32,
        seen: &Seen<'_>,
        was_reported: impl FnOnce() -> bool,
    ) {
        if let Some(name) = self.names.get_mut(text) {
            name.seen = walk;
            name.is_placed |= seen.is_placed;
            return;
        }
        if self.names.len() >= self.most {
            self.has_more = true;
            return;
        }
        let text: Rc<str> = text.into();
        let name = Name {
            due_ms: 0,
            is_open: false,
            is_new: true,
            fails: 0,
            seen: walk,
            is_placed: seen.is_placed,
            is_reported: was_reported(),
            route: seen.route.to_vec(),
        };
        self.due.insert((0, Rc::clone(&text)));
        self.names.insert(text, name);
        self.unasked = self.unasked.saturating_add(1);
    }

    /// Forgets the next of the names, behind `after`, if this walk has not seen it. Gives it, and whether it is
    /// forgotten.
    pub(super) fn drop_unseen(
        &mut self,
        after: Option<&Rc<str>>,
        walk: u32,
    ) -> Option<(Rc<str>, bool)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, |after| Excluded(Rc::clone(after)));
        let (text, name) = self.names.range((from, Unbounded)).next()?;
        let (text, is_old) = (Rc::clone(text), name.seen != walk);
        if is_old {
            self.remove(&text);
        }
        Some((text, is_old))
    }

    fn remove(&mut self, text: &Rc<str>) {
        let Some(name) = self.names.remove(text) else {
            return;
        };
        if name.is_open {
            self.close(name.fails);
        } else {
            self.queue(name.fails)
                .remove(&(name.due_ms, Rc::clone(text)));
        }
        self.failing = self.failing.saturating_sub(usize::from(name.fails > 0));
        self.unasked = self.unasked.saturating_sub(usize::from(name.is_new));
    }

    fn queue(&mut self, fails: u32) -> &mut BTreeSet<(u64, Rc<str>)> {
        if fails == 0 {
            &mut self.due
        } else {
            &mut self.doubtful
        }
    }

    fn close(&mut self, fails: u32) {
        self.open = self.open.saturating_sub(1);
        self.open_doubtful = self.open_doubtful.saturating_sub(usize::from(fails > 0));
    }

    /// When the next name may be asked for; None while none may.
    pub(super) fn due_ms(&self) -> Option<u64> {
        if self.open >= MOST_OPEN {
            return None;
        }
        let first = |queue: &BTreeSet<(u64, Rc<str>)>| queue.first().map(|(due_ms, _)| *due_ms);
        let doubtful = first(&self.doubtful).filter(|_| self.open_doubtful < MOST_DOUBTFUL);
        [first(&self.due), doubtful].into_iter().flatten().min()
    }

    /// How many are being asked for.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// The next name that is due; it is being asked for from now on.
    pub(super) fn next(&mut self, now_ms: u64) -> Option<Rc<str>> {
        self.due_ms().filter(|due_ms| *due_ms <= now_ms)?;
        let is_due = |queue: &BTreeSet<(u64, Rc<str>)>| {
            queue.first().is_some_and(|(due_ms, _)| *due_ms <= now_ms)
        };
        let (_, text) = if is_due(&self.due) {
            self.due.pop_first()?
        } else {
            self.doubtful.pop_first()?
        };
        let name = self.names.get_mut(&text)?;
        name.is_open = true;
        self.open = self.open.saturating_add(1);
        self.open_doubtful = self
            .open_doubtful
            .saturating_add(usize::from(name.fails > 0));
        Some(text)
    }

    /// Whether somebody waits for the answer about a name.
    pub(super) fn is_open(&self, text: &str) -> bool {
        self.names.get(text).is_some_and(|name| name.is_open)
    }

    /// A name has been answered for: for so long, or not at all.
    pub(super) fn answered(&mut self, text: &Rc<str>, holds_ms: Option<u64>, now_ms: u64) -> News {
        let Some(name) = self.names.get(text).filter(|name| name.is_open) else {
            return News::None;
        };
        let (before, was_new) = (name.fails, name.is_new);
        self.close(before);
        let fails = match holds_ms {
            Some(_) => 0,
            None => before.saturating_add(1),
        };
        let pause_ms = match holds_ms {
            Some(holds_ms) => holds_ms.clamp(LEAST_MS, MOST_MS),
            None => self.pause_ms(text, fails),
        };
        let due_ms = now_ms.saturating_add(pause_ms);
        self.queue(fails).insert((due_ms, Rc::clone(text)));
        self.unasked = self.unasked.saturating_sub(usize::from(was_new));
        let Some(name) = self.names.get_mut(text) else {
            return News::None;
        };
        name.due_ms = due_ms;
        name.is_open = false;
        name.is_new = false;
        name.fails = fails;
        name.is_placed |= fails == 0;
        let route = std::mem::take(&mut name.route);
        let is_placed = name.is_placed;
        match (before, fails) {
            (0, 0) => {
                let was_reported = std::mem::take(&mut name.is_reported);
                if was_reported {
                    News::Found
                } else {
                    News::None
                }
            }
            (0, _) => {
                self.failing = self.failing.saturating_add(1);
                let name = self.names.get_mut(text);
                let is_reported = name.is_some_and(|name| std::mem::take(&mut name.is_reported));
                if is_reported {
                    News::None
                } else {
                    News::Lost { route, is_placed }
                }
            }
            (_, 0) => {
                self.failing = self.failing.saturating_sub(1);
                News::Found
            }
            _ => News::None,
        }
    }

    /// The pause after so many failures, give or take a quarter: names that failed together do not come back together.
    fn pause_ms(&self, text: &str, fails: u32) -> u64 {
        let doublings = fails.saturating_sub(1).min(16);
        let pause = AGAIN_MS.saturating_mul(1 << doublings).min(LATEST_MS);
        let spread = (pause / 2).max(1);
        let random = self.random.hash_one((text, fails));
        let shift = random.checked_rem(spread).unwrap_or(0);
        pause.saturating_sub(pause / 4).saturating_add(shift)
    }

    /// Frees some names; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        let mut is_more = false;
        for _ in 0..FREED {
            is_more = [
                self.names.pop_first().is_some(),
                self.due.pop_first().is_some(),
                self.doubtful.pop_first().is_some(),
            ]
            .contains(&true);
        }
        is_more
    }
}

/// Where a walk has seen a name.
pub(super) struct Seen<'s> {
    /// The route.
    pub(super) route: &'s [u8],
    /// It has addresses there.
    pub(super) is_placed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(book: &mut Book, text: &str, walk: u32) {
        let seen = Seen {
            route: b"a.test",
            is_placed: false,
        };
        book.see(text, walk, &seen, || false);
    }

    #[test]
    fn a_full_book_takes_no_more_until_some_are_forgotten() {
        let mut book = Book::of_at_most(2);
        for text in ["a", "b", "c", "a"] {
            see(&mut book, text, 1);
        }
        assert_eq!((book.len(), book.has_more), (2, true));
        see(&mut book, "b", 2);
        let mut kept = None;
        while let Some((text, is_forgotten)) = book.drop_unseen(kept.as_ref(), 2) {
            assert_eq!(is_forgotten, text.as_ref() == "a");
            kept = Some(text);
        }
        see(&mut book, "c", 3);
        assert_eq!(book.len(), 2);
        let asked: Vec<_> = std::iter::from_fn(|| book.next(0)).collect();
        assert_eq!(asked, [Rc::from("b"), Rc::from("c")]);
    }

    #[test]
    fn a_name_that_is_forgotten_while_it_is_asked_for_leaves_nothing() {
        let mut book = Book::default();
        see(&mut book, "a", 1);
        let text = book.next(0).unwrap();
        assert_eq!((book.open(), book.due_ms()), (1, None));
        assert!(book.drop_unseen(None, 2).is_some());
        assert_eq!(book.answered(&text, None, 0), News::None);
        let counts = (book.open(), book.len(), book.failing(), book.is_asked());
        assert_eq!(counts, (0, 0, 0, true));
    }

    /// Failures of one moment do not come back at one moment.
    #[test]
    fn pauses_grow_and_differ() {
        let book = Book::default();
        let pauses: Vec<u64> = (1..12).map(|fails| book.pause_ms("a", fails)).collect();
        for (fails, pause) in pauses.iter().enumerate() {
            let middle = (AGAIN_MS << fails).min(LATEST_MS);
            assert!(
                (middle * 3 / 4..=middle * 5 / 4).contains(pause),
                "{pauses:?}"
            );
        }
        let names = (0..100).map(|n| book.pause_ms(&n.to_string(), 6));
        let different: BTreeSet<u64> = names.collect();
        assert!(different.len() > 80, "{different:?}");
    }
}
