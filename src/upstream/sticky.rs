//! `sticky=`: sets the cookie of a session.

use super::memo::last;
use super::session::Session;
use gatehouse_nginx::Request;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;

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
        let Some(sid) = known.session.and_then(Session::tell) else {
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
