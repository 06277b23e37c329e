//! Header lines as they were received, of those that stripping has changed.

use gatehouse_nginx::Request;
use gatehouse_nginx::http::header::Header;
use std::cell::Cell;

/// A header line as it was before stripping, and the one after it.
pub(super) struct Saved<'r> {
    pub name: &'r [u8],
    pub value: &'r [u8],
    /// What is left of its value; empty when the line is gone.
    now: Cell<&'r [u8]>,
    next: Cell<Option<&'r Saved<'r>>>,
}

/// The saved lines of a request. Those of which something is left stand in the order that they have
/// in the request, so that both can be walked in step: a client may send thousands of lines.
#[derive(Default)]
pub(super) struct SavedLines<'r> {
    first: Cell<Option<&'r Saved<'r>>>,
}

impl<'r> SavedLines<'r> {
    /// Whether all lines are as they were received.
    pub(super) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'r Saved<'r>> {
        std::iter::successors(self.first.get(), |one| one.next.get())
    }

    /// Begins at the first line; the request's lines are to be shown to it in their order.
    pub(super) fn walk(&self) -> Walk<'_, 'r> {
        Walk { next: &self.first }
    }
}

/// A place among the saved lines: behind those of the lines it was shown.
pub(super) struct Walk<'s, 'r> {
    next: &'s Cell<Option<&'r Saved<'r>>>,
}

impl<'r> Walk<'_, 'r> {
    /// The saved line of which `line` is left; None when it is as it was received.
    pub(super) fn pass(&mut self, line: Header<'r>) -> Option<&'r Saved<'r>> {
        while let Some(gone) = self.next.get().filter(|one| one.now.get().is_empty()) {
            self.next = &gone.next;
        }
        let here = self.next.get();
        let known = here.filter(|one| std::ptr::eq(one.now.get(), line.value))?;
        self.next = &known.next;
        Some(known)
    }

    /// Keeps a line as received before it becomes `now`, or goes (empty). None when memory is short.
    pub(super) fn save(&mut self, r: Request<'r>, line: Header<'r>, now: &'r [u8]) -> Option<()> {
        // Stripped before, for another profile: what was received is there.
        if let Some(known) = self.pass(line) {
            known.now.set(now);
            return Some(());
        }
        let saved: &Saved<'_> = r.place(Saved {
            name: line.name,
            value: line.value,
            now: Cell::new(now),
            next: Cell::new(self.next.get()),
        })?;
        self.next.set(Some(saved));
        self.next = &saved.next;
        Some(())
    }
}
