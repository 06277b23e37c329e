//! What name servers said last, for whoever puts a route.

use gatehouse_table::route::{Located, Sought};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Names and their addresses. The leader's are as fresh as name servers want them; no other worker has any.
#[derive(Default)]
pub(in crate::table) struct Answers {
    all: BTreeMap<Rc<str>, Rc<[Located]>>,
    /// Every name of the table has been asked for.
    pub(super) is_complete: bool,
}

impl Answers {
    /// The addresses of a name: sorted, each once, at least one.
    pub(in crate::table) fn get(&self, sought: Sought<'_>) -> Option<&Rc<[Located]>> {
        self.all.get(sought.text().as_ref())
    }

    /// Whether a name that is not here has been asked for, or is no name of the table.
    pub(in crate::table) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Notes the addresses of a name; whether they are others than before.
    pub(super) fn set(&mut self, text: &Rc<str>, found: Vec<Located>) -> bool {
        if self.all.get(text).is_some_and(|before| **before == *found) {
            return false;
        }
        self.all.insert(Rc::clone(text), found.into());
        true
    }

    pub(super) fn forget(&mut self, text: &str) {
        self.all.remove(text);
    }

    /// Frees some; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        self.is_complete = false;
        (0..super::book::FREED).all(|_| self.all.pop_first().is_some())
    }
}
