//! What is counted of tokens: the verdicts of the access phase.

use super::conf::Named;
use super::record::CachedVerdict;
use crate::metric::{Count, Metric};
use gatehouse_base::metrics::{About, Kind};
use gatehouse_token::Reason;
use std::iter;

/// A profile has a counter for `ok`, and one for each reason.
const VERDICTS: usize = Reason::ALL.len() + 1;
const _: () = assert!(VERDICTS <= u16::BITS as usize, "a bit for each");

pub(super) const METRICS: &[Metric] = &[CHECKS, FORGOTTEN];

const CHECKS: Metric = Metric {
    about: About {
        name: "gatehouse_token_checks_total",
        kind: Kind::Counter,
        unit: "checks",
        labels: &["profile", "status"],
        text: "Verdicts of token_auth, by profile and by $token_auth_status.",
    },
    register: |main, counters| {
        for named in &mut main.token.profiles {
            named.checks = counters(&named.name, VERDICTS);
        }
    },
    write: |main, part, samples| {
        let Some(named) = main.token.profiles.get(part) else {
            return false;
        };
        for refused in iter::once(None).chain(Reason::ALL.map(Some)) {
            if let Some(count) = named.checks.get(number(refused)) {
                let status = refused.map_or("ok", Reason::as_str);
                samples.put(&[&named.name, status], count);
            }
        }
        true
    },
};

const FORGOTTEN: Metric = Metric {
    about: About {
        name: "gatehouse_token_limit_forgotten_total",
        kind: Kind::Counter,
        unit: "tokens",
        labels: &["profile"],
        text: "Tokens whose uses were forgotten before they expired, because the zone of their profile's limit was full.",
    },
    register: |main, counters| {
        for named in &mut main.token.profiles {
            if let Some(limited) = &mut named.limited {
                limited.forgotten = counters(&named.name, 1);
            }
        }
    },
    write: |main, part, samples| {
        let Some(named) = main.token.profiles.get(part) else {
            return false;
        };
        let forgotten = named
            .limited
            .as_ref()
            .and_then(|limited| limited.forgotten.get(0));
        if let Some(count) = forgotten {
            samples.put(&[&named.name], count);
        }
        true
    },
};

/// The number of a verdict's counter.
fn number(refused: Option<Reason>) -> usize {
    refused.map_or(0, |reason| (reason as usize).saturating_add(1))
}

impl Named {
    /// The count of a verdict of this profile.
    pub(super) fn count<'r>(&self, judged: &'r CachedVerdict<'r>) -> Count<'r> {
        Count {
            counted: &judged.counted,
            counters: self.checks,
            number: number(judged.verdict.refused),
        }
    }
}
