//! `balance=least_conn`: the backend with the fewest requests in flight for its weight; round robin among equals.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow};
use crate::table::Word;

pub(super) const ROW: PolicyRow = PolicyRow {
    name: "least_conn",
    text: "The backend with the fewest requests in flight for its `weight`; among equals they take turns.",
    build: || Box::new(LeastConn),
};

/// Fewest requests in flight, by all workers.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeastConn;

impl<W: Word> Policy<W> for LeastConn {
    fn next(&self, candidates: &Candidates<'_, W>) -> Option<Candidate> {
        let load = |candidate: &Candidate| Load {
            requests: candidates.peer(candidate).map_or(0, |p| p.in_flight()),
            weight: candidate.weight().into(),
        };
        let mut total: i32 = 0;
        let mut least: Option<Load> = None;
        for candidate in candidates.iter() {
            total = total.saturating_add(candidate.weight().into());
            let load = load(&candidate);
            if least.as_ref().is_none_or(|least| load.below(least)) {
                least = Some(load);
            }
        }
        let least = least?;
        // Another worker may have changed a count meanwhile: then any may be chosen rather than none.
        candidates
            .round(total, |candidate| !least.below(&load(candidate)))
            .or_else(|| candidates.round(total, |_| true))
    }

    fn counts(&self) -> bool {
        true
    }
}

/// Requests in flight for a weight.
struct Load {
    requests: u64,
    weight: u64,
}

impl Load {
    fn below(&self, other: &Self) -> bool {
        // Both are far below 32 bits: counts have 24, weights 16.
        let (here, there) = (
            self.requests.saturating_mul(other.weight),
            other.requests.saturating_mul(self.weight),
        );
        here < there
    }
}
