//! `sticky=`: reads a session's cookie, and sets it.

use super::conf::Lookup;
use super::memo::last;
use gatehouse_nginx::Request;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;
use gatehouse_table::balance::sticky::{Sid, Sids};
use gatehouse_table::table::RouteView;

/// Cookies of the name that are looked at: a page of another host of the same domain may have set some more.
const MOST: usize = 8;

/// The backend of the route that the request's cookie names; a cookie that names none is ignored.
pub(super) fn of_request(r: Request<'_>, lookup: &Lookup, route: &RouteView<'_>) -> Option<Sid> {
    let name = lookup.balance.sticky.as_ref()?.cookie.as_bytes();
    let sids = Sids::of(route);
    let named = r.cookies();
    let named = named.flat_map(|line| Sid::in_cookies(line.value, name));
    named
        .take(MOST)
        .find(|sid| sids.find(route, *sid).is_some())
}

/// Tells the client which backend its session is at, where it does not know that yet. A page for nginx's cache
/// belongs to nobody's session: it goes out without.
pub(super) struct Telling;

impl HeaderFilter for Telling {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        if !r.is_main() || r.is_for_cache() {
            return;
        }
        let Some(known) = last(r) else { return };
        let Some(sticky) = &known.lookup.balance.sticky else {
            return;
        };
        // A filter of an internal redirect may come here again.
        let Some(sid) = known.session.take() else {
            return;
        };
        let is_secure = sticky.scheme.eval(r) == Some(b"https");
        let secure: &[u8] = if is_secure { b"; Secure" } else { b"" };
        let text = sid.text();
        let rest = b"; Path=/; HttpOnly; SameSite=Lax";
        let pieces = [sticky.cookie.as_bytes(), b"=", &text, rest, secure];
        // Without memory the session may go elsewhere, and is told then.
        let _ = r.concat(&pieces).and_then(|value| r.add_cookie(value));
    }
}
