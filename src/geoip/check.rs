//! Checking requests against the rules of their location.

use super::Loc;
use crate::{Gatehouse, refusal};
use gatehouse_core::geo::{Action, Facts, Rule};
use gatehouse_nginx::phase::Handler;
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use std::cell::Cell;
use std::net::IpAddr;
use std::ptr;

/// What was refused; kept for the log after an internal redirect.
#[derive(Default)]
pub struct Record<'r> {
    refused: Cell<Option<Refused<'r>>>,
    /// The rule of the last line in the log, and whether that was a dry run.
    logged: Cell<Option<(&'r Rule, bool)>>,
}

impl<'r> Record<'r> {
    /// Whether the log has the refusal already: internal redirects come to the same rule again.
    fn is_logged(&self, rule: &'r Rule, dry_run: bool) -> bool {
        let before = self.logged.replace(Some((rule, dry_run)));
        before.is_some_and(|(one, dry)| ptr::eq(one, rule) && dry == dry_run)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Refused<'r> {
    pub rule: &'r Rule,
}

/// The verdict of a location's rules.
#[derive(Clone, Copy)]
pub(super) enum Verdict<'r> {
    /// No rules, none matched, or a bypass.
    Nothing,
    /// The first rule that matched.
    Rule(&'r Rule),
}

/// Enforces the rules.
pub struct Access;

impl Handler for Access {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "checking a country";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let loc = &r.loc::<Gatehouse>().geoip;
        if loc.rules.is_none() || !r.is_main() {
            return Outcome::Declined;
        }
        if refusal::is_page(r) {
            return Outcome::Declined;
        }
        match judge(r) {
            Verdict::Nothing => Outcome::Declined,
            Verdict::Rule(rule) => enforce(r, loc, rule),
        }
    }
}

fn enforce<'r>(r: Request<'r>, loc: &Loc, rule: &'r Rule) -> Outcome<'r> {
    let dry_run = loc.dry_run == Some(true);
    if rule.action() == Action::Allow {
        return if dry_run {
            Outcome::Declined
        } else {
            Outcome::Allowed
        };
    }
    let Some(all) = r.record::<Gatehouse>() else {
        return Outcome::Failed;
    };
    if !all.geoip.is_logged(rule, dry_run) {
        log_refusal(r, loc, rule, dry_run);
    }
    if dry_run {
        return Outcome::Declined;
    }
    all.geoip.refused.set(Some(Refused { rule }));
    refusal::refuse(r, all, loc.status.unwrap_or(403))
}

fn log_refusal(r: Request<'_>, loc: &Loc, rule: &Rule, dry_run: bool) {
    let facts = address(r).map_or(Facts::UNKNOWN, |address| facts(r, address));
    let country = facts
        .country
        .map_or_else(|| "unknown".to_owned(), |code| code.to_string());
    let prefix = if dry_run { "dry run, " } else { "" };
    let text = format!(
        "{prefix}country refused: {country}, rule \"{}\" in {}",
        rule.text(),
        rule.place()
    );
    r.log(loc.log_level.unwrap_or(Level::Error), &text);
}

/// The refusal this request has met.
pub(super) fn refused(r: Request<'_>) -> Option<Refused<'_>> {
    r.existing_record::<Gatehouse>()?.geoip.refused.get()
}

/// What the rules of the request's location say.
pub(super) fn judge(r: Request<'_>) -> Verdict<'_> {
    let loc = &r.loc::<Gatehouse>().geoip;
    let Some(rules) = &loc.rules else {
        return Verdict::Nothing;
    };
    if bypassed(r, loc) {
        return Verdict::Nothing;
    }
    let address = address(r);
    let found = rules.evaluate(address, || {
        address.map_or(Facts::UNKNOWN, |address| facts(r, address))
    });
    match found.and_then(|(_, at)| rules.rules().get(at)) {
        Some(rule) => Verdict::Rule(rule),
        None => Verdict::Nothing,
    }
}

/// As nginx's `proxy_cache_bypass`: one string that is neither empty nor "0". A string that
/// cannot be computed bypasses nothing.
fn bypassed(r: Request<'_>, loc: &Loc) -> bool {
    loc.bypass
        .iter()
        .flat_map(|strings| strings.iter())
        .any(|one| {
            one.eval(r)
                .is_some_and(|value| !value.is_empty() && value != b"0")
        })
}

/// The address to look up; None when there is none that can be read.
pub(super) fn address(r: Request<'_>) -> Option<IpAddr> {
    match &r.loc::<Gatehouse>().geoip.address {
        None => r.client(),
        Some(expression) => parse(r, expression.eval(r)?),
    }
}

/// Reads an address somebody wrote.
pub(super) fn parse(r: Request<'_>, text: &[u8]) -> Option<IpAddr> {
    let address = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    if address.is_none() {
        r.log(
            Level::Info,
            &format!("geoip: \"{}\" is no address", String::from_utf8_lossy(text)),
        );
    }
    address
}

/// What the databases know about an address, the first one that knows a thing deciding it.
pub(super) fn facts(r: Request<'_>, address: IpAddr) -> Facts {
    let databases = &r.main_conf::<Gatehouse>().geoip.databases;
    match databases.as_slice() {
        [one] => one.facts(address),
        many => many
            .iter()
            .fold(Facts::UNKNOWN, |known, db| known.or(db.facts(address))),
    }
}
