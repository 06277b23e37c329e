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
    /// The place of the backend that serves it, where the client is to be told.
    told: Cell<Option<u16>>,
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
    pub(super) fn goes_to(&self, index: usize) {
        let index = u16::try_from(index).ok();
        self.told.set(index.filter(|_| index != self.backend()));
    }

    /// Nobody is sent to its last backend again: that one has failed.
    pub(super) fn goes_nowhere(&self) {
        self.told.set(None);
    }

    /// What the client is to be told, once: a filter of an internal redirect may ask again.
    pub(super) fn tell(&self, route: &RouteView<'_>) -> Option<Sid> {
        let sid = Sids::sid_at(route, self.told.take()?)?;
        // Two of a route may have one name.
        let is_new = self.named.is_none_or(|(named, _)| named != sid);
        is_new.then_some(sid)
    }
}

/// The backend of the route that the request's cookie names, and its place there; a cookie that names none is ignored.
fn named(r: Request<'_>, rules: &Sticky, route: &RouteView<'_>) -> Option<(Sid, u16)> {
    let mut left = MOST;
    let mut sids = None;
    for line in r.cookie_values() {
        for sid in Sid::in_cookies(line, rules.name()) {
            left = left.checked_sub(1)?;
            let sids = sids.get_or_insert_with(|| Sids::of(route));
            if let Some(index) = sids.find(route, sid) {
                return Some((sid, index));
            }
        }
    }
    None
}
