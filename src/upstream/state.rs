//! How a backend is, as this nginx sees it.

use super::table::UpstreamTable;
use gatehouse_nginx::ffi::process;
use gatehouse_table::balance::Checks;
use gatehouse_table::table::{BackendView, Passive, Peer, RouteView, Table};

/// When a backend of a table is left out.
pub(super) struct States {
    passive: Passive,
    /// What active checks have to say.
    pub(super) checks: Checks,
}

impl States {
    pub(super) fn of(table: &UpstreamTable) -> Self {
        Self {
            passive: *table.passive(),
            checks: table.checks(),
        }
    }

    /// Whether requests may go to a route's peer, as far as its health goes.
    pub(super) fn is_up(&self, routes: &Table<'_>, route: &RouteView<'_>, peer: &Peer<'_>) -> bool {
        peer.available(process::now_ms(), &self.passive)
            && (self.checks.of(route).allow(peer) || routes.is_in_panic())
    }

    /// The state of a route's backend in a word.
    pub(super) fn word(
        &self,
        routes: &Table<'_>,
        route: &RouteView<'_>,
        backend: &BackendView<'_>,
        peer: Option<&Peer<'_>>,
    ) -> &'static str {
        if backend.endpoint().is_waiting() {
            return "waiting";
        }
        if backend.drain {
            return "draining";
        }
        match peer {
            Some(peer) if !self.is_up(routes, route, peer) => "down",
            _ => "up",
        }
    }
}
