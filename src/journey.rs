//! A request's way through servers and locations, followed once for both checks.
//!
//! A request is in one place at a time. It comes to a server from its client or by an internal
//! redirect, then to a location of it; an internal redirect or a named location takes it away.

use crate::family::Family;
use crate::refusal::{Overrule, Standing};
use crate::{Gatehouse, Local, Record, refusal, token};
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::{Handler, HeaderFilter};
use gatehouse_nginx::{Outcome, Phase, Request};
use std::rc::Rc;

/// What both checks share; it has no directives.
pub(crate) const FAMILY: Family = Family {
    merge: |cf, _, _| {
        let main = cf.main();
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
            installer.last_in_phase::<Standing>()?;
            installer.phase::<Overrule>()?;
            installer.header_filter::<Answering>();
        }
        Ok(())
    },
    ..Family::NONE
};

/// What a handler of a main request works with; the outcome to return with where there is nothing to do.
fn states<'r>(r: Request<'r>) -> Result<(&'r Record<'r>, &'r Local<'r>), Outcome<'r>> {
    if !r.is_main() {
        return Err(Outcome::Declined);
    }
    match (r.record::<Gatehouse>(), r.local::<Gatehouse>()) {
        (Some(record), Some(local)) => Ok((record, local)),
        _ => Err(Outcome::Failed),
    }
}

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
        let (record, local) = match states(r) {
            Ok(states) => states,
            Err(outcome) => return outcome,
        };
        local.through_server.set(true);
        refusal::enter_server(r, &record.refusal);
        if !has_tokens(r) {
            return Outcome::Declined;
        }
        outcome(token::enter_server(r, &record.token))
    }
}

/// Sees a request come to a location.
pub(crate) struct EnterLocation;

impl Handler for EnterLocation {
    const PHASE: Phase = Phase::Rewrite;
    const NAME: &'static str = "entering a location";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let (record, local) = match states(r) {
            Ok(states) => states,
            Err(outcome) => return outcome,
        };
        let is_named = !local.through_server.replace(true);
        refusal::enter_location(r, &record.refusal, is_named);
        if !has_tokens(r) {
            return Outcome::Declined;
        }
        outcome(token::enter_location(r, &record.token, is_named))
    }
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
