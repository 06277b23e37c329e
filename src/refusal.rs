//! What both checks share: how a request is refused.

use crate::{Gatehouse, Record};
use gatehouse_nginx::phase::{Handler, HeaderFilter, NextFilter};
use gatehouse_nginx::{Outcome, Phase, Request};
use std::cell::Cell;

/// The refusal of a main request; 0: none, or overruled.
#[derive(Default)]
pub struct Refusal {
    status: Cell<u16>,
    /// The upstream the request had then ([`Request::upstream_mark`]).
    upstream: Cell<usize>,
}

/// Whether the request was refused where it is now; forgotten by an internal redirect.
#[derive(Default)]
pub struct Here(Cell<bool>);

/// Refuses a request with `status`. Under `satisfy any` somebody else may still allow it.
pub fn refuse<'r>(r: Request<'r>, record: &Record<'r>, status: u16) -> Outcome<'r> {
    let Some(local) = r.local::<Gatehouse>() else {
        return Outcome::Failed;
    };
    local.refusal.0.set(true);
    record.refusal.status.set(status);
    record.refusal.upstream.set(r.upstream_mark());
    Outcome::Refused(status)
}

/// Whether the request is now at the page that `error_page` shows for a refusal of ours: that page
/// is not refused again, by neither check. Once an upstream has answered for that page, where it
/// sends the request (X-Accel-Redirect) is a place like any other.
pub fn is_page(r: Request<'_>) -> bool {
    r.existing_record::<Gatehouse>().is_some_and(|record| {
        record.refusal.status.get() != 0
            && record.refusal.upstream.get() == r.main().upstream_mark()
    }) && !is_here(r)
}

fn is_here(r: Request<'_>) -> bool {
    r.local::<Gatehouse>().is_some_and(|l| l.refusal.0.get())
}

/// Forgets a refusal before the request starts again at its clean path, where it is judged again.
pub fn start_again(record: &Record<'_>) {
    record.refusal.status.set(0);
}

/// Forgets a refusal that `satisfy any` overruled: what follows is no page for it.
pub struct Overrule;

impl Handler for Overrule {
    const PHASE: Phase = Phase::PreContent;
    const NAME: &'static str = "passing a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) {
            if record.refusal.status.get() != 0 && is_here(r) {
                record.refusal.status.set(0);
            }
        }
        Outcome::Declined
    }
}

/// Keeps refusals out of caches: one URL answers differently by token and country.
pub struct NoStore;

impl HeaderFilter for NoStore {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) else {
            return;
        };
        if record.refusal.status.get() != 0 {
            // Without memory the refusal goes out as it is.
            let _ = r.add_response_header("Cache-Control", "cache-control", b"no-store");
        }
    }
}
