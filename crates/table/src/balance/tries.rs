//! Which backends of a route a request has tried and may still try.

use crate::route::MAX_BACKENDS;
use crate::table::{Packed, RouteView};

/// Which backends a request may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    /// Those that speak in clear text.
    pub http: bool,
    /// Those that speak TLS.
    pub https: bool,
}

impl Schemes {
    /// `http` backends only.
    pub const HTTP: Self = Self {
        http: true,
        https: false,
    };
    /// Any.
    pub const BOTH: Self = Self {
        http: true,
        https: true,
    };

    /// Whether one that speaks TLS, or does not, may be used.
    #[must_use]
    pub fn admit(self, tls: bool) -> bool {
        if tls { self.https } else { self.http }
    }
}

/// A request's tries so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tries {
    schemes: Schemes,
    /// The one backend that is usable, when there is no other.
    pub(super) only: Option<u16>,
    /// It is the backups' turn.
    pub(super) backup: bool,
    /// How many backends are usable.
    pub(super) count: u16,
    tried: [u64; MAX_BACKENDS / 64],
}

impl Tries {
    pub(super) fn new(route: &RouteView<'_>, schemes: Schemes) -> Self {
        let mut usable = (0u16..)
            .zip(route.packed())
            .filter(|(_, packed)| usable(*packed, schemes));
        let first = usable.next().map(|(index, _)| index);
        let others = u16::try_from(usable.count()).unwrap_or(u16::MAX);
        Self {
            schemes,
            only: first.filter(|_| others == 0),
            backup: false,
            count: others.saturating_add(u16::from(first.is_some())),
            tried: [0; MAX_BACKENDS / 64],
        }
    }

    /// Whether this backend is of the group whose turn it is, usable, and not tried yet.
    pub(super) fn admits(&self, index: usize, packed: Packed) -> bool {
        packed.backup() == self.backup && usable(packed, self.schemes) && !self.was_tried(index)
    }

    fn was_tried(&self, index: usize) -> bool {
        self.tried
            .get(index / 64)
            .is_none_or(|word| word & (1 << (index % 64)) != 0)
    }

    /// Whether sessions may be at a backend: drained or not, as long as it has an address.
    pub(super) fn may_have_sessions(
        &self,
        route: &RouteView<'_>,
        index: u16,
        packed: Packed,
    ) -> bool {
        let has_address = || {
            let backend = route.backend(index.into());
            backend.is_some_and(|backend| !backend.endpoint().is_waiting())
        };
        self.schemes.admit(packed.tls()) && (packed.plain().is_some() || has_address())
    }

    pub(super) fn mark(&mut self, index: usize) {
        if let Some(word) = self.tried.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }
}

fn usable(packed: Packed, schemes: Schemes) -> bool {
    !packed.drain() && schemes.admit(packed.tls())
}
