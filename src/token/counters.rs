//! What is counted of tokens: the verdicts of the access phase.

use super::conf::Named;
use super::record::CachedVerdict;
use crate::metric::{Count, Metric};
use gatehouse_base::metrics::{About, Kind};
use gatehouse_token::Reason;

/// A profile has a counter for `ok`, and one for each reason.
const VERDICTS: usize = Reason::ALL.len() + 1;

pub(super) const METRICS: &[Metric] = &[Metric {
    about: About {
        name: "gatehouse_token_checks_total",
        kind: Kind::Counter,
        unit: "checks",
        labels: &["profile", "status"],
        text: "Verdicts of token_auth, by profile and by $token_auth_status.",
    },
    register: |main, counters| {
        for named in &mut main.token.profiles {
            named.checks = counters(&named.name, VERDICTS)?;
        }
        Ok(())
    },
    write: |main, part, samples| {
        let Some(named) = main.token.profiles.get(part) else {
            return false;
        };
        samples.put(&[&named.name, "ok"], named.checks.get(0));
        for reason in Reason::ALL {
            samples.put(
                &[&named.name, reason.as_str()],
                named.checks.get(number(Some(reason))),
            );
        }
        true
    },
}];

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
