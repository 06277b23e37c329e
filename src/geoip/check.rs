//! Checking requests against the rules of their location.

use super::Loc;
use crate::{Gatehouse, refusal};
use gatehouse_core::geo::{Action, Facts, Rule};
use gatehouse_nginx::phase::Handler;
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use std::cell::Cell;
use std::net::IpAddr;

/// What was refused; kept for the log after an internal redirect.
#[derive(Default)]
pub struct Record<'r> {
    refused: Cell<Option<Refused<'r>>>,
}

impl Record<'_> {
    /// `satisfy any` has let the request pass in spite of us.
    pub fn overrule(&self) {
        if let Some(refused) = self.refused.get() {
            self.refused.set(Some(Refused {
                overruled: true,
                ..refused
            }));
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Refused<'r> {
    pub rule: &'r Rule,
    pub overruled: bool,
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
    let level = loc.log_level.unwrap_or(Level::Error);
    refusal::log(r, all, level, &refusal_text(r, rule, dry_run));
    if dry_run {
        return Outcome::Declined;
    }
    all.geoip.refused.set(Some(Refused {
        rule,
        overruled: false,
    }));
    refusal::refuse(r, all, loc.status.unwrap_or(403))
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
