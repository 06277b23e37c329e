//! `sticky=`: sets the cookie of a session.

use super::conf::Sticky;
use super::memo::last;
use gatehouse_nginx::Request;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;
use gatehouse_table::balance::sticky::SID_LEN;

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
        let (Some(session), Some((_, route))) = (known.session, &known.found.route) else {
            return;
        };
        let Some(sid) = session.tell(route) else {
            return;
        };
        // Without memory the session may go elsewhere, and is told then.
        let _ = r.add_cookie_with(sticky.line(r.is_tls()), sticky.value_at(), &sid.text());
    }
}

impl Sticky {
    /// `sticky=NAME`
    pub(super) fn new(name: &str) -> Self {
        let nothing = "0".repeat(SID_LEN);
        let line = format!("{name}={nothing}; Path=/; HttpOnly; SameSite=Lax{SECURE}");
        Self {
            name_len: name.len(),
            line: line.into_boxed_str().into_boxed_bytes(),
        }
    }

    /// The cookie's name.
    pub(super) fn name(&self) -> &[u8] {
        self.line.get(..self.name_len).unwrap_or_default()
    }

    /// Where the value stands in the line.
    fn value_at(&self) -> usize {
        self.name_len.saturating_add(1)
    }

    /// What `Set-Cookie` says, but for the value.
    fn line(&self, is_tls: bool) -> &[u8] {
        let unsaid = if is_tls { 0 } else { SECURE.len() };
        let len = self.line.len().saturating_sub(unsaid);
        self.line.get(..len).unwrap_or_default()
    }
}

/// What is said over TLS only, at the end.
const SECURE: &str = "; Secure";
