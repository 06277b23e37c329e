//! What a request remembers of its lookups.

use super::conf::Lookup;
use super::session::Session;
use super::table::UpstreamTable;
use crate::Gatehouse;
use gatehouse_nginx::Request;
use gatehouse_nginx::http::piece::Piece;
use gatehouse_table::table::{LookupKind, RouteView};
use std::cell::Cell;

/// What this request has looked up. References only: every request on its way to an upstream has one of these.
#[derive(Default)]
pub(crate) struct Local<'r> {
    pub(super) remembered: Cell<Option<&'r Remembered<'r>>>,
    /// The last lookup that sent the main request to an upstream: shown and counted where it goes on without one.
    pub(super) last: Cell<Option<&'r Remembered<'r>>>,
    /// Where `upstream_variable` has read last.
    pub(super) read: Cell<Option<&'r Read<'r>>>,
    pub(super) cache_part: Cell<Option<&'r CachePart<'r>>>,
    /// Its connection was upgraded, and ends some time after its backend is drained.
    pub(super) drained: Cell<Option<&'r Drained<'r>>>,
}

/// What stands in front of a cache key.
pub(super) struct CachePart<'r> {
    /// For which upstream.
    pub(super) upstream: usize,
    pub(super) text: &'r [u8],
}

/// What a request's lookup found.
#[derive(Clone, Copy)]
pub(super) struct Found<'r> {
    /// The rule and the route; None is a miss.
    pub route: Option<(LookupKind, RouteView<'r>)>,
}

/// The lookup of a request, and what it was for: after an internal redirect, and for another `upstream`, it counts
/// no more.
pub(super) struct Remembered<'r> {
    pub(super) lookup: &'r Lookup,
    /// The lookup's.
    pub(super) table: &'r UpstreamTable,
    /// [`Request::upstream_mark`]
    pub(super) upstream: usize,
    pub(super) found: Found<'r>,
    /// Its session; None without `sticky=`, and for a miss.
    pub(super) session: Option<&'r Session>,
    /// Where the request keeps more; None for a miss.
    pub(super) piece: Option<&'r Piece<'r>>,
}

/// An upgraded connection of a table with `drain_timeout`.
pub(super) struct Drained<'r> {
    pub(super) known: &'r Remembered<'r>,
    /// Its host, as the table compares it.
    pub(super) key: &'r [u8],
    /// The table's generation when it was looked at last.
    pub(super) seen: Cell<u64>,
    /// Since when the backend serves the host no more; 0 as long as it does.
    pub(super) since_ms: Cell<u64>,
    /// Its backend's place in the route that it was looked up with.
    pub(super) backend: u16,
}

/// A route that variables were read from; all that a request reads there is of one version of the route.
pub(super) struct Read<'r> {
    /// The table's index.
    pub(super) table: usize,
    pub(super) key: &'r [u8],
    pub(super) found: Found<'r>,
}

/// The last lookup that sent a main request to an upstream, also before internal redirects.
pub(super) fn last<'r>(r: Request<'r>) -> Option<&'r Remembered<'r>> {
    let mut locals = r.kept_locals::<Gatehouse>();
    locals.find_map(|local| local.upstream.last.get())
}
