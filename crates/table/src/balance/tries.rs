//! Which backends of a route a request has tried and may still try.

use crate::route::MAX_BACKENDS;
use crate::table::{Packed, RouteView};

/// A request's tries so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tries {
    allow_tls: bool,
    /// One backend alone is usable.
    pub(super) single: bool,
    /// It is the backups' turn.
    pub(super) backup: bool,
    /// How many backends are usable.
    pub(super) count: u16,
    tried: [u64; MAX_BACKENDS / 64],
}

impl Tries {
    pub(super) fn new(route: &RouteView<'_>, allow_tls: bool) -> Self {
        let usable = route.packed().filter(|p| usable(*p, allow_tls)).count();
        Self {
            allow_tls,
            single: usable == 1,
            backup: false,
            count: u16::try_from(usable).unwrap_or(u16::MAX),
            tried: [0; MAX_BACKENDS / 64],
        }
    }

    /// Whether this backend is of the group whose turn it is, usable, and not tried yet.
    pub(super) fn admits(&self, index: usize, packed: Packed) -> bool {
        packed.backup() == self.backup
            && usable(packed, self.allow_tls)
            && (self.single || !self.was_tried(index))
    }

    fn was_tried(&self, index: usize) -> bool {
        self.tried
            .get(index / 64)
            .is_none_or(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn mark(&mut self, index: usize) {
        if let Some(word) = self.tried.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }
}

fn usable(packed: Packed, allow_tls: bool) -> bool {
    !packed.drain() && (allow_tls || !packed.tls())
}
