//! Checking requests against the rules of their location.

use super::conf::{Loc, Policy};
use super::counters::{Word, count};
use super::policy::policy_of;
use crate::{Gatehouse, refusal};
use gatehouse_geo::{Action, Code, Facts, Field, Fields, Lazily, Rule, RuleList};
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Level, Outcome, Phase, Request};
use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;

/// What was refused; kept for the log after an internal redirect.
#[derive(Default)]
pub(crate) struct Record<'r> {
    refused: Cell<Option<Decided<'r>>>,
    /// What the access phase last did about the rules.
    enforced: Cell<Option<Enforced>>,
    /// Which verdicts have been counted: a bit for each.
    counted: Cell<u16>,
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
    Rule(Decided<'r>),
}

impl Verdict<'_> {
    /// The verdict in a word.
    #[inline]
    pub(super) fn word(self) -> Word {
        match self {
            Self::Nothing => Word::None,
            Self::Rule(by) if by.rule.action() == Action::Allow => Word::Allowed,
            Self::Rule(_) => Word::Denied,
        }
    }
}

/// What decided a request.
#[derive(Clone, Copy)]
pub(super) struct Decided<'r> {
    pub(super) rule: &'r Rule,
    /// Whose rule it is; None: the location's own.
    policy: Option<&'r Policy>,
}

/// Enforces the rules.
pub(super) struct Access;

impl Handler for Access {
    const PHASE: Phase = Phase::Access;
    const NAME: &'static str = "checking a country";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let loc = &r.loc::<Gatehouse>().geoip;
        if loc.is_checked() && r.is_main() {
            check(r, loc)
        } else {
            Outcome::Declined
        }
    }
}

/// Not a part of its caller, which is asked for every request and has to be quick where there is nothing to check.
#[inline(never)]
fn check<'r>(r: Request<'r>, loc: &'r Loc) -> Outcome<'r> {
    let Some(all) = r.record::<Gatehouse>() else {
        return Outcome::Failed;
    };
    if refusal::shows_page(r, all) {
        return Outcome::Declined;
    }
    match judge(r, loc) {
        Ok(verdict) => enforce(r, loc, all, verdict),
        Err(()) => Outcome::Failed,
    }
}

fn enforce<'r>(
    r: Request<'r>,
    loc: &Loc,
    all: &'r crate::Record<'r>,
    verdict: Verdict<'r>,
) -> Outcome<'r> {
    let dry_run = loc.dry_run == Some(true);
    let denied_by = match verdict {
        Verdict::Rule(by) if by.rule.action() == Action::Deny => Some(by),
        _ => None,
    };
    all.geoip.enforced.set(Some(match denied_by {
        _ if dry_run => Enforced::DryRun,
        Some(_) => Enforced::Refused,
        None => Enforced::Allowed,
    }));
    if let Some(by) = denied_by {
        refusal::doubt(all);
        let level = loc.log_level.unwrap_or(Level::Error);
        refusal::log(r, all, level, &RefusedCountry { r, by, dry_run });
        refusal::count(r, all, count(r, &all.geoip.counted, Word::Denied));
    } else {
        count(r, &all.geoip.counted, verdict.word()).make();
    }
    match (denied_by, verdict) {
        _ if dry_run => Outcome::Declined,
        (Some(by), _) => {
            all.geoip.refused.set(Some(by));
            let status = by.policy.and_then(|policy| policy.status);
            refusal::refuse(r, all, status.or(loc.status).unwrap_or(403))
        }
        (None, Verdict::Rule(_)) => Outcome::Allowed,
        (None, Verdict::Nothing) => Outcome::Declined,
    }
}

const COUNTRY: Fields = Fields::of(Field::Country);

/// What the error log says of a refused country.
struct RefusedCountry<'r> {
    r: Request<'r>,
    by: Decided<'r>,
    dry_run: bool,
}

impl fmt::Display for RefusedCountry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (r, rule) = (self.r, self.by.rule);
        if self.dry_run {
            f.write_str("dry run, ")?;
        }
        let address = address(r, &r.loc::<Gatehouse>().geoip);
        let facts = address.map_or(Facts::UNKNOWN, |address| facts(r, address, COUNTRY));
        let country = facts.country.map_or("unknown", Code::as_str);
        let (text, place) = (rule.text(), rule.place());
        write!(f, "country refused: {country}, rule \"{text}\" in {place}")?;
        match self.by.policy {
            Some(policy) => write!(f, ", policy \"{}\"", policy.name),
            None => Ok(()),
        }
    }
}

/// The rule by which this request was refused.
pub(super) fn refused(r: Request<'_>) -> Option<Decided<'_>> {
    r.existing_record::<Gatehouse>()?.geoip.refused.get()
}

/// What the access phase did about the rules; None before it, and where there are none.
pub(super) fn enforced(r: Request<'_>) -> Option<Enforced> {
    r.existing_record::<Gatehouse>()?.geoip.enforced.get()
}

/// What the rules of the request's location (`loc`) say, and behind them those of its policy: the first that matches decides.
/// The error ends the request ([`policy_of`]).
#[inline(always)]
pub(super) fn judge<'r>(r: Request<'r>, loc: &'r Loc) -> Result<Verdict<'r>, ()> {
    if !loc.is_checked() {
        return Ok(Verdict::Nothing);
    }
    let policy = policy_of(r, loc, &r.main_conf::<Gatehouse>().geoip)?;
    if bypassed(r, loc) {
        return Ok(Verdict::Nothing);
    }
    let address = address(r, loc);
    let own = loc.rules.as_deref();
    let asked = own.map_or(Fields::NONE, RuleList::asked);
    let asked = policy.map_or(asked, |policy| asked.or(policy.rules.asked()));
    let mut known = Lazily::new(|| address.map_or(Facts::UNKNOWN, |at| facts(r, at, asked)));
    let found = own.and_then(|rules| decided(rules, None, address, &mut known));
    let found = found.or_else(|| {
        let policy = policy?;
        decided(&policy.rules, Some(policy), address, &mut known)
    });
    Ok(found.map_or(Verdict::Nothing, Verdict::Rule))
}

/// The rule of a list that decides.
#[inline(always)]
fn decided<'r>(
    rules: &'r RuleList,
    policy: Option<&'r Policy>,
    address: Option<IpAddr>,
    known: &mut Lazily<impl FnMut() -> Facts>,
) -> Option<Decided<'r>> {
    let rule = rules.decide(address, known)?;
    Some(Decided { rule, policy })
}

/// As nginx's `proxy_cache_bypass`: one string that is neither empty nor "0". A string that
/// cannot be computed bypasses nothing.
fn bypassed(r: Request<'_>, loc: &Loc) -> bool {
    let Some(strings) = &loc.bypass else {
        return false;
    };
    strings.iter().any(|one| {
        one.eval(r)
            .is_some_and(|value| !value.is_empty() && value != b"0")
    })
}

/// The address to look up in a location; None when there is none that can be read.
pub(super) fn address(r: Request<'_>, loc: &Loc) -> Option<IpAddr> {
    match &loc.address {
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
            format_args!("geoip: \"{}\" is no address", String::from_utf8_lossy(text)),
        );
    }
    address
}

/// What the databases know about an address, as far as it is `asked` for, the first one that knows a thing deciding it.
pub(super) fn facts(r: Request<'_>, address: IpAddr, asked: Fields) -> Facts {
    let databases = &r.main_conf::<Gatehouse>().geoip.databases;
    match databases.as_slice() {
        [one] => one.facts(address, asked),
        many => many.iter().fold(Facts::UNKNOWN, |known, db| {
            known.or(db.facts(address, asked))
        }),
    }
}
