//! What both checks share: how a request is refused.

mod record;

pub(crate) use record::Refusal;

use crate::metric::Count;
use crate::{Gatehouse, Record};
use gatehouse_nginx::ffi::log::LineRoom;
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use record::Place;
use std::fmt::Display;

/// Refuses a request with `status`. Under `satisfy any` somebody else may still allow it.
pub(crate) fn refuse<'r>(r: Request<'r>, record: &Record<'r>, status: u16) -> Outcome<'r> {
    let Some(local) = r.local::<Gatehouse>() else {
        return Outcome::Failed;
    };
    local.refused_here.set(true);
    record.refusal.status.set(status);
    record.refusal.upstream.set(r.upstream_mark());
    record.refusal.is_final.set(!r.satisfy_any());
    Outcome::Refused(status)
}

/// Notes what a refusal with 401 asks for: a token of that scheme, or another one than was presented.
pub(crate) fn challenge(record: &Record<'_>, scheme: Option<&'static str>, presented: bool) {
    let challenge = match (scheme, presented) {
        (None, _) => None,
        (Some("Bearer"), true) => Some("Bearer error=\"invalid_token\""),
        (scheme, _) => scheme,
    };
    record.refusal.challenge.set(challenge);
}

/// Says in the error log that a request is refused, or in a dry run would be. Under `satisfy any`
/// nothing is said before nobody has allowed the request ([`Standing`]).
pub(crate) fn log<'r>(r: Request<'r>, record: &Record<'r>, level: Level, text: &dyn Display) {
    say(r, record, level, text, r.satisfy_any());
}

/// Says something once for a request, whoever comes upon it again.
pub(crate) fn log_once<'r>(r: Request<'r>, record: &Record<'r>, level: Level, text: &dyn Display) {
    say(r, record, level, text, false);
}

/// What no log takes is not even put together.
fn say<'r>(r: Request<'r>, record: &Record<'r>, level: Level, text: &dyn Display, deferred: bool) {
    if !r.logs(level) {
        return;
    }
    let mut room = LineRoom::empty();
    let line = room.line(text);
    if record.refusal.has_line(line) {
        return;
    }
    let kept = record.refusal.keep_line(r, level, line, !deferred);
    if !deferred || !kept {
        r.log_line(level, line);
    }
}

/// Counts a refusal, or what in a dry run would be one. Under `satisfy any` that waits as its line does.
pub(crate) fn count<'r>(r: Request<'r>, record: &Record<'r>, count: Count<'r>) {
    if !r.satisfy_any() || !record.refusal.keep_count(r, count) {
        count.make();
    }
}

/// Whether the request is now at the page that `error_page` shows for a refusal of ours: that page
/// is not refused again, by neither check. Once an upstream has answered for that page, where it
/// sends the request (X-Accel-Redirect) is a place like any other. So is the place to which another
/// module sends a request before nginx answers with our refusal (`satisfy any`).
pub(crate) fn is_page(r: Request<'_>) -> bool {
    let record = r.existing_record::<Gatehouse>();
    record.is_some_and(|record| shows_page(r, record))
}

/// The same of a request whose record is known.
pub(crate) fn shows_page(r: Request<'_>, record: &Record<'_>) -> bool {
    let refusal = &record.refusal;
    refusal.status.get() != 0
        && refusal.is_final.get()
        && refusal.upstream.get() == r.main().upstream_mark()
        && !is_here(r)
}

/// Notes that a check says no, also where nothing comes of it: a configuration may act on it by itself, as with
/// `if ($token_auth_status != ok) { return 403; }`.
pub(crate) fn doubt(record: &Record<'_>) {
    record.refusal.is_doubted.set(true);
}

/// Whether what the request shows now is for those who were refused. No cache may be used for it: under the key of the
/// refused request lies, or would come to lie, what others are allowed to see.
pub(crate) fn shows_refusal(r: Request<'_>) -> bool {
    r.existing_record::<Gatehouse>()
        .is_some_and(|record| record.refusal.is_shown())
}

/// The request has come to a location, in which a check is in force or not; `is_named`: without a way through its server.
pub(crate) fn enter_location(refusal: &Refusal<'_>, is_named: bool, is_checked: bool) {
    if is_named {
        refusal.leave();
    }
    refusal.place.set(Place::Entered { is_checked });
}

fn is_here(r: Request<'_>) -> bool {
    r.local::<Gatehouse>()
        .is_some_and(|local| local.refused_here.get())
}

/// Forgets a refusal before the request starts again at its clean path, where it is judged again.
pub(crate) fn start_again(record: &Record<'_>) {
    record.refusal.status.set(0);
    record.refusal.place.set(Place::Passed);
    record.refusal.drop_pending();
    record.geoip.overrule();
}

/// Comes after everybody else who may allow a request: under `satisfy any` the refusal stands. Elsewhere it does at once.
pub(crate) struct Standing;

impl Handler for Standing {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "answering with a refusal";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) {
            if is_here(r) {
                record.refusal.is_final.set(true);
            }
            record.refusal.stand(r);
        }
        Outcome::Declined
    }
}

/// Access control has let the request pass. Forgets a refusal that `satisfy any` overruled: what follows is no page for it.
pub(crate) struct Overrule;

impl Handler for Overrule {
    const PHASE: Phase = Phase::PreContent;
    const NAME: &'static str = "passing a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        if let Some(record) = r.existing_record::<Gatehouse>().filter(|_| r.is_main()) {
            pass(r, record);
        }
        Outcome::Declined
    }
}

// What follows is kept out of its callers, which are asked for every request: most have no record, and for them that
// has to be seen quickly.

#[inline(never)]
fn pass<'r>(r: Request<'r>, record: &'r Record<'r>) {
    record.refusal.drop_pending();
    record.refusal.place.set(Place::Passed);
    if record.refusal.status.get() != 0 && is_here(r) {
        record.refusal.status.set(0);
        record.token.overrule();
        record.geoip.overrule();
    }
}

/// Keeps refusals out of caches: one URL answers differently by token and country.
pub(crate) fn keep_out_of_caches(r: Request<'_>) {
    if let Some(record) = r.existing_record::<Gatehouse>() {
        keep_out(r, &record.refusal);
    }
}

#[inline(never)]
fn keep_out(r: Request<'_>, refusal: &Refusal<'_>) {
    if refusal.is_shown() {
        // `proxy_store` is a cache too, one without conditions.
        r.do_not_store();
    }
    if !r.is_main() {
        return;
    }
    // Somebody else has ended the request before all were asked.
    refusal.stand(r);
    if refusal.status.get() != 0 {
        // Without memory the refusal goes out as it is.
        let _ = r.set_cache_control(b"no-store");
        if let Some(challenge) = refusal.challenge.get().filter(|_| r.status() == 401) {
            let _ = r.add_challenge(challenge.as_bytes());
        }
    }
}
