//! `balance=least_conn`: the backend with the fewest requests in flight for its weight; round robin among equals.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow, Sample};
use crate::table::{Peer, Word};

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
        let least = candidates
            .iter()
            .map(|c| load(&c))
            .reduce(|least, other| if other.below(&least) { other } else { least })?;
        // Another worker may have changed a count meanwhile: then all take part rather than none.
        candidates
            .turn(|candidate| !least.below(&load(candidate)))
            .or_else(|| candidates.turn(|_| true))
    }

    fn start(&self, peer: &Peer<'_, W>) {
        peer.request_started();
    }

    fn done(&self, peer: &Peer<'_, W>, _: &Sample) {
        peer.request_ended();
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
