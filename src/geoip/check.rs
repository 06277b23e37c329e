//! Checking requests against the rules of their location.

use super::conf::Loc;
use crate::{Gatehouse, refusal};
use gatehouse_geo::{Action, Facts, Rule};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use std::cell::Cell;
use std::net::IpAddr;

/// What was refused; kept for the log after an internal redirect.
#[derive(Default)]
pub(crate) struct Record<'r> {
    refused: Cell<Option<&'r Rule>>,
    /// What the access phase last did about the rules.
    enforced: Cell<Option<Enforced>>,
}

impl Record<'_> {
    /// `satisfy any` has let the request pass in spite of us.
    pub(crate) fn overrule(&self) {
        if self.enforced.get() == Some(Enforced::Refused) {
            self.enforced.set(Some(Enforced::Allowed));
        }
    }
}

/// What came of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    Allowed,
    Refused,
    DryRun,
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
pub(super) struct Access;

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
        let Some(all) = r.record::<Gatehouse>() else {
            return Outcome::Failed;
        };
        enforce(r, loc, all, judge(r))
    }
}

fn enforce<'r>(
    r: Request<'r>,
    loc: &Loc,
    all: &crate::Record<'r>,
    verdict: Verdict<'r>,
) -> Outcome<'r> {
    let dry_run = loc.dry_run == Some(true);
    let denied_by = match verdict {
        Verdict::Rule(rule) if rule.action() == Action::Deny => Some(rule),
        _ => None,
    };
    all.geoip.enforced.set(Some(match denied_by {
        _ if dry_run => Enforced::DryRun,
        Some(_) => Enforced::Refused,
        None => Enforced::Allowed,
    }));
    if let Some(rule) = denied_by {
        refusal::doubt(all);
        let level = loc.log_level.unwrap_or(Level::Error);
        refusal::log(r, all, level, &refusal_text(r, rule, dry_run));
    }
    match (denied_by, verdict) {
        _ if dry_run => Outcome::Declined,
        (Some(rule), _) => {
            all.geoip.refused.set(Some(rule));
            refusal::refuse(r, all, loc.status.unwrap_or(403))
        }
        (None, Verdict::Rule(_)) => Outcome::Allowed,
        (None, Verdict::Nothing) => Outcome::Declined,
    }
}

fn refusal_text(r: Request<'_>, rule: &Rule, dry_run: bool) -> String {
    let facts = address(r).map_or(Facts::UNKNOWN, |address| facts(r, address));
    let country = facts
        .country
        .map_or_else(|| "unknown".to_owned(), |code| code.to_string());
    let prefix = if dry_run { "dry run, " } else { "" };
    format!(
        "{prefix}country refused: {country}, rule \"{}\" in {}",
        rule.text(),
        rule.place()
    )
}

/// The rule by which this request was refused.
pub(super) fn refused(r: Request<'_>) -> Option<&Rule> {
    r.existing_record::<Gatehouse>()?.geoip.refused.get()
}

/// What the access phase did about the rules; None before it, and where there are none.
pub(super) fn enforced(r: Request<'_>) -> Option<Enforced> {
    r.existing_record::<Gatehouse>()?.geoip.enforced.get()
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
