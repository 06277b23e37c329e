//! News that are no change of a route, for those who follow the table's events: they wait here until the zone's lock is
//! to be had.

use gatehouse_table::table::{BackendView, What};
use std::collections::VecDeque;

/// Most news that wait: beyond that the oldest are dropped.
const MOST: usize = 256;

/// What waits to be told.
#[derive(Default)]
pub(super) struct Telling(VecDeque<(What, String)>);

impl Telling {
    pub(super) fn push(&mut self, what: What, text: String) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((what, text));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in order; nothing waits then.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (What, String)> + '_ {
        self.0.drain(..)
    }
}

/// What a backend's URL begins with.
#[must_use]
pub fn scheme(tls: bool) -> &'static str {
    if tls { "https://" } else { "http://" }
}

/// A backend, as events name it.
#[must_use]
pub fn url_of(backend: &BackendView<'_>) -> String {
    format!("{}{}", scheme(backend.tls()), backend.address)
}
