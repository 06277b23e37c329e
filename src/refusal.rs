//! What both checks share: how a request is refused.

use crate::{Gatehouse, Record};
use gatehouse_nginx::phase::{HeaderFilter, NextFilter};
use gatehouse_nginx::{Outcome, Request};
use std::cell::Cell;

/// The refusal of a main request.
#[derive(Default)]
pub struct Refusal {
    status: Cell<u16>,
    /// Under `satisfy any` somebody else may still allow the request.
    deferred: Cell<bool>,
}

/// Refuses a request with `status`.
pub fn refuse<'r>(r: Request<'r>, record: &Record<'r>, status: u16) -> Outcome<'r> {
    record.refusal.status.set(status);
    record.refusal.deferred.set(r.satisfy_any());
    Outcome::Refused(status)
}

/// Whether the request is now at the page that `error_page` shows for our refusal: that page is
/// not refused again.
pub fn is_page(r: Request<'_>, record: &Record<'_>) -> bool {
    !record.refusal.deferred.get() || r.in_error_page()
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
        let status = record.refusal.status.get();
        let ours = !record.refusal.deferred.get() || [status, 401, 403].contains(&r.status());
        if status != 0 && ours {
            // Without memory the refusal goes out as it is.
            let _ = r.add_response_header("Cache-Control", "cache-control", b"no-store");
        }
    }
}
