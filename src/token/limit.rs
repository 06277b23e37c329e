//! `limit`: a token that is used too often, or from too many addresses, is refused.

use super::conf::Named;
use super::record::{CachedVerdict, Record};
use super::view::View;
use gatehouse_nginx::{Request, ffi::process};
use gatehouse_token::ledger::Use;
use gatehouse_token::{Reason, Verdict};
use std::cell::Cell;

/// Counts the use of a valid token, once for a request; gives the verdict that stands. None when that cannot be done.
pub(super) fn charge<'r>(
    record: &'r Record<'r>,
    r: Request<'r>,
    named: &'r Named,
    judged: &'r CachedVerdict<'r>,
) -> Option<&'r CachedVerdict<'r>> {
    let Some(limited) = &named.limited else {
        return Some(judged);
    };
    let Some(location) = judged.verdict.location.filter(|_| judged.verdict.is_ok()) else {
        return Some(judged);
    };
    if judged.charged.get() {
        return Some(judged);
    }
    let view = View::of(r, record, named)?;
    let charge = limited.charge(&Use {
        token: named
            .profile
            .identity(&named.name, &view, (location, judged.turn))?,
        address: r.client(),
        until: judged.until,
        now: process::now(),
    })?;
    // Only now: where it could not be counted, the request is not let in later either.
    judged.charged.set(true);
    if charge.is_admitted {
        return Some(judged);
    }
    let limited = r.place(CachedVerdict {
        profile: judged.profile,
        verdict: Verdict {
            refused: Some(Reason::Limited),
            ..judged.verdict
        },
        turn: judged.turn,
        until: judged.until,
        claims: None,
        key_id: judged.key_id,
        lacks: None,
        lacks_key: false,
        early: Cell::new(false),
        counted: Cell::default(),
        charged: Cell::new(true),
        previous: record.verdicts.get(),
    })?;
    record.verdicts.set(Some(limited));
    Some(limited)
}
