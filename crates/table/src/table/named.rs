//! Routes with names: their addresses come later, and change while the route stays.
//!
//! A record has the addresses of its names, and a backend that waits for one where a name has none. Whoever puts a route
//! without knowing a name's addresses keeps those that the stored route has of it. A number in the header tells the
//! leader, who asks for names, that it may not know all of them any more.

use super::layout::head;
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{Endpoint, Located, MAX_BACKENDS, Resolved};

/// The route with the addresses, at most so many, that `before` has of names without any; None where there is nothing to
/// take over.
pub(super) fn with_addresses_of<'r>(
    route: &Resolved<'r>,
    before: RouteView<'_>,
    most: usize,
) -> Option<Resolved<'r>> {
    if !route.endpoints.iter().any(Endpoint::is_waiting) || !before.has_names() {
        return None;
    }
    let mut endpoints: Vec<Endpoint<'r>> = Vec::with_capacity(route.endpoints.len());
    let mut to_come = route.endpoints.len();
    for endpoint in &route.endpoints {
        to_come = to_come.saturating_sub(1);
        let room = MAX_BACKENDS
            .saturating_sub(endpoints.len())
            .saturating_sub(to_come)
            .min(most);
        let mut found = Vec::new();
        if endpoint.is_waiting() {
            found = addresses_in(before, endpoint);
            found.truncate(room);
        }
        if found.is_empty() {
            endpoints.push(endpoint.clone());
        }
        endpoints.extend(found.iter().map(|to| endpoint.moved(to)));
    }
    Some(Resolved {
        endpoints,
        ..route.clone()
    })
}

/// The addresses that a route has of a backend's name, each once and in order.
fn addresses_in(route: RouteView<'_>, of: &Endpoint<'_>) -> Vec<Located> {
    let endpoints = route.backends().map(|backend| backend.endpoint());
    let known = endpoints.filter(|one| one.sought() == of.sought() && !one.is_waiting());
    let mut found: Vec<Located> = known.filter_map(|one| one.located()).collect();
    found.sort_unstable();
    found.dedup_by_key(|one| one.at);
    found
}

impl<W: Word> Table<'_, W> {
    /// Another number whenever a route with names may have come, changed or gone: what was there before such a change
    /// began to be read is known. 0 while there has been none.
    #[must_use]
    pub fn named(&self) -> u64 {
        self.mem.acquire(head::NAMED)
    }

    /// A route with names has been changed, and every reader can see it.
    pub(super) fn note_named(&self) {
        let next = self.mem.load(head::NAMED).wrapping_add(1);
        self.mem.publish(head::NAMED, next);
    }

    /// Notes how many names the leader knows, and how many of them do not resolve.
    pub fn note_names(&self, names: usize, unresolved: usize) {
        self.mem.publish(head::NAMES, names as u64);
        self.mem.publish(head::UNRESOLVED, unresolved as u64);
    }
}
