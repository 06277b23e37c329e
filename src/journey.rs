//! A request's way through servers and locations, followed once for both checks.
//!
//! A request is in one place at a time. It comes to a server from its client or by an internal
//! redirect, then to a location of it; an internal redirect or a named location takes it away.

use crate::family::Family;
use crate::refusal::{Overrule, Standing};
use crate::{Gatehouse, refusal, token};
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::{Handler, HeaderFilter};
use gatehouse_nginx::{Outcome, Phase, Request};
use std::rc::Rc;

/// What both checks share; it has no directives.
pub(crate) const FAMILY: Family = Family {
    merge: |cf, _, _| {
        let satisfies_any = cf.satisfy_any();
        let main = cf.main();
        main.satisfies_any |= satisfies_any;
        if main.token.in_use() || main.geoip.in_use() || main.upstream.in_use() {
            let caches = Rc::clone(&main.caches);
            cf.guard_caches(&caches)?;
        }
        Ok(())
    },
    install: |installer| {
        if installer.main().token.in_use() || installer.main().geoip.in_use() {
            installer.phase::<EnterServer>()?;
            installer.phase::<EnterLocation>()?;
            if installer.main().satisfies_any {
                installer.last_in_phase::<Standing>()?;
            }
            installer.phase::<Overrule>()?;
            installer.header_filter::<Answering>();
        }
        Ok(())
    },
    ..Family::NONE
};

fn has_tokens(r: Request<'_>) -> bool {
    r.main_conf::<Gatehouse>().token.in_use()
}

/// None means that memory is short.
fn outcome<'r>(done: Option<()>) -> Outcome<'r> {
    done.map_or(Outcome::Failed, |()| Outcome::Declined)
}

/// Sees a request come to a server.
pub(crate) struct EnterServer;

impl Handler for EnterServer {
    const PHASE: Phase = Phase::ServerRewrite;
    const NAME: &'static str = "entering a server";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if !r.is_main() {
            return Outcome::Declined;
        }
        let done = refusal::enter_server(r);
        if !has_tokens(r) {
            return outcome(done);
        }
        outcome(done.and_then(|()| enter_server(r)))
    }
}

#[inline(never)]
fn enter_server(r: Request<'_>) -> Option<()> {
    token::enter_server(r, &r.record::<Gatehouse>()?.token)
}

/// Sees a request come to a location.
pub(crate) struct EnterLocation;

impl Handler for EnterLocation {
    const PHASE: Phase = Phase::Rewrite;
    const NAME: &'static str = "entering a location";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if !r.is_main() {
            return Outcome::Declined;
        }
        let is_named = r.is_at_named();
        let done = refusal::enter_location(r, is_named);
        if !has_tokens(r) {
            return outcome(done);
        }
        outcome(done.and_then(|()| enter_location(r, is_named)))
    }
}

#[inline(never)]
fn enter_location(r: Request<'_>, is_named: bool) -> Option<()> {
    token::enter_location(r, &r.record::<Gatehouse>()?.token, is_named)
}

/// Sees the headers of an answer before they are sent.
pub(crate) struct Answering;

impl HeaderFilter for Answering {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        refusal::keep_out_of_caches(r);
        if r.is_main() && has_tokens(r) {
            token::strip_rest(r);
        }
    }
}
