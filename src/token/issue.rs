//! `issue_cookie`: hands a valid token back as a cookie.

use super::conf::{Main, Named};
use super::record::{CachedVerdict, Issued, Record};
use super::view::View;
use crate::{Gatehouse, refusal};
use gatehouse_nginx::Request;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;

/// Whether any profile hands tokens back.
pub(super) fn in_use(main: &Main) -> bool {
    let mut profiles = main.profiles.iter();
    profiles.any(|named| named.profile.issues_cookies())
}

/// Prepares the cookie for a token that lets the request in. Without memory there is none.
pub(super) fn prepare<'r>(
    record: &'r Record<'r>,
    r: Request<'r>,
    named: &'r Named,
    judged: &'r CachedVerdict<'r>,
) {
    record.issued.set(None);
    let location = judged.verdict.location.filter(|_| judged.verdict.is_ok());
    let Some(location) = location.filter(|_| named.profile.issues_cookies()) else {
        return;
    };
    let view = View::of(r, record, named).and_then(|view| r.place(view));
    let Some(view) = view else { return };
    let at = (location, judged.turn);
    let _ = named
        .profile
        .issue(&*view, at, process::now(), &mut |value| {
            let before = record.issued.get();
            let issued = r.place(Issued { value, before });
            record.issued.set(issued.map(|issued| &*issued));
        });
}

/// Sets the cookie in the answer that the token has opened.
pub(super) struct Issuing;

impl HeaderFilter for Issuing {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        if !r.is_main() || r.status() >= 400 || refusal::shows_refusal(r) {
            return;
        }
        let Some(all) = r.existing_record::<Gatehouse>() else {
            return;
        };
        let mut issued = all.token.issued.take();
        // It is one viewer's: a cache in front must not give it to another. If that cannot be said, it is not given.
        if issued.is_none() || r.set_cache_control(b"no-store").is_none() {
            return;
        }
        while let Some(one) = issued {
            // Without memory it is set another time.
            let _ = r.add_cookie(one.value);
            issued = one.before;
        }
    }
}
