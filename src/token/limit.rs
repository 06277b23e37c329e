//! `limit`: a token that is used too often, or from too many addresses, is refused.

use super::conf::Named;
use super::record::{CachedVerdict, Record};
use super::view::View;
use gatehouse_nginx::{Request, ffi::process};
use gatehouse_token::ledger::Use;
use gatehouse_token::{Reason, Verdict};
use std::cell::Cell;

/// Counts the use of the first valid token that may be used, once for a request; gives the verdict that stands. `next` judges the
/// tokens behind that of a location and turn. None when it cannot be done.
pub(super) fn charge<'r>(
    record: &'r Record<'r>,
    r: Request<'r>,
    named: &'r Named,
    judged: &'r CachedVerdict<'r>,
    next: impl Fn((usize, usize)) -> Option<&'r CachedVerdict<'r>>,
) -> Option<&'r CachedVerdict<'r>> {
    let Some(limited) = &named.limited else {
        return Some(judged);
    };
    if !judged.verdict.is_ok() || judged.charged.get() {
        return Some(judged);
    }
    let mut one = judged;
    while let Some(location) = one.verdict.location.filter(|_| one.verdict.is_ok()) {
        let at = (location, one.turn);
        let view = View::of(r, record, named)?;
        let charge = limited.charge(&Use {
            token: named.profile.identity(&named.name, &view, at)?,
            address: r.client(),
            until: one.until,
            now: process::now(),
        })?;
        if charge.is_admitted {
            // Only now: where it could not be counted, the request is not let in later either.
            one.charged.set(true);
            if !std::ptr::eq(one, judged) {
                record.verdicts.set(Some(one));
            }
            return Some(one);
        }
        // An old cookie does not lock out somebody with a fresh link.
        one = next(at)?;
    }
    if judged.verdict.location.is_none() {
        return Some(judged);
    }
    let limited = r.place(CachedVerdict {
        verdict: Verdict {
            refused: Some(Reason::Limited),
            ..judged.verdict
        },
        claims: None,
        lacks: None,
        lacks_key: false,
        early: Cell::new(false),
        counted: Cell::default(),
        charged: Cell::new(true),
        previous: record.verdicts.get(),
        ..*judged
    })?;
    record.verdicts.set(Some(limited));
    Some(limited)
}
