//! A request's way through servers and locations, followed once for both checks.
//!
//! A request is in one place at a time. It comes to a server from its client or by an internal
//! redirect, then to a location of it; an internal redirect or a named location takes it away.

use crate::family::Family;
use crate::noted::{self, lose_place};
use crate::refusal::{Overrule, Standing};
use crate::{Gatehouse, Record, refusal, token};
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

/// A record is made for a request that was in places without any until now: it is as if it had had one all the time.
pub(crate) fn record_begins(record: &Record<'_>, noted: u8) {
    if let Some(changes_left) = noted::changes_left(noted) {
        record.changes_left.set(Some(changes_left));
        refusal::enter_location(&record.refusal, false, false);
        record.token.has_nothing_to_strip();
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
        if !r.is_main() {
            return Outcome::Declined;
        }
        // It comes from its client. Whatever brings it here later is an internal redirect, and so is the way to its error
        // page of one that nginx has refused before it found a location.
        let comes_first = !r.is_internal();
        let is_let_go = || r.existing_record::<Gatehouse>().is_none() && noted::is_unchecked(r, 1);
        if comes_first || is_let_go() {
            noted::nowhere(r);
            return Outcome::Declined;
        }
        outcome(come_again(r))
    }
}

/// Not a part of its caller, which most requests only pass by.
#[inline(never)]
fn come_again(r: Request<'_>) -> Option<()> {
    let record = r.record::<Gatehouse>()?;
    lose_place(r, record, 1);
    record.changes_left.set(None);
    record.refusal.leave();
    if has_tokens(r) {
        token::come_again(r, &record.token)?;
    }
    Some(())
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
        let loc = r.loc::<Gatehouse>();
        let is_checked = loc.token.is_checked() || loc.geoip.is_checked();
        let is_named = r.is_at_named();
        // To a named location nginx sends also those that it has refused before it found one.
        let was_let_in = || !is_named || noted::is_unchecked(r, 1);
        if !is_checked && was_let_in() && noted::unchecked(r) {
            return Outcome::Declined;
        }
        outcome(enter_location(r, is_named, is_checked))
    }
}

/// As above.
#[inline(never)]
fn enter_location(r: Request<'_>, is_named: bool, is_checked: bool) -> Option<()> {
    let record = r.record::<Gatehouse>()?;
    if is_named {
        lose_place(r, record, 1);
    }
    record.changes_left.set(Some(r.changes_left()));
    refusal::enter_location(&record.refusal, is_named, is_checked);
    if has_tokens(r) {
        token::enter_location(r, &record.token, is_named)?;
    }
    Some(())
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
