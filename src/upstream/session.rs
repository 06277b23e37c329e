//! The session of a request: which backend its client has named, and what the client is to be told.

use super::conf::Sticky;
use gatehouse_nginx::Request;
use gatehouse_table::balance::sticky::{Sid, Sids};
use gatehouse_table::table::RouteView;
use std::cell::Cell;

/// Cookies of the name that are looked at: a page of another host of the same domain may have set some more.
const MOST: usize = 8;

/// Only requests of an `upstream_lookup` with `sticky=` have one.
pub(super) struct Session {
    /// The backend that the client's cookie names, and its place in the route.
    named: Option<(Sid, u16)>,
    /// The backend that serves it, where the client is to be told.
    told: Cell<Option<Sid>>,
}

impl Session {
    /// Reads the request's cookies.
    pub(super) fn of(r: Request<'_>, rules: &Sticky, route: &RouteView<'_>) -> Self {
        Self {
            named: named(r, rules, route),
            told: Cell::new(None),
        }
    }

    /// The place in the route of the backend that the client has named.
    pub(super) fn backend(&self) -> Option<u16> {
        self.named.map(|(_, index)| index)
    }

    /// The request goes to the backend at this place of the route now.
    pub(super) fn goes_to(&self, route: &RouteView<'_>, index: usize) {
        let is_there = self.backend().is_some_and(|own| usize::from(own) == index);
        let backend = route.backend(index).filter(|_| !is_there);
        let sid = backend.map(|backend| Sids::of(route).sid(&backend));
        // Two of a route may have one name.
        let is_new = |sid: &Sid| self.named.is_none_or(|(named, _)| named != *sid);
        self.told.set(sid.filter(is_new));
    }

    /// Nobody is sent to its last backend again: that one has failed.
    pub(super) fn goes_nowhere(&self) {
        self.told.set(None);
    }

    /// What the client is to be told, once: a filter of an internal redirect may ask again.
    pub(super) fn tell(&self) -> Option<Sid> {
        self.told.take()
    }
}

/// The backend of the route that the request's cookie names, and its place there; a cookie that names none is ignored.
fn named(r: Request<'_>, rules: &Sticky, route: &RouteView<'_>) -> Option<(Sid, u16)> {
    let name = rules.cookie.as_bytes();
    let sids = Sids::of(route);
    let named = r.cookies();
    let named = named.flat_map(|line| Sid::in_cookies(line.value, name));
    named
        .take(MOST)
        .find_map(|sid| Some((sid, sids.find(route, sid)?)))
}
