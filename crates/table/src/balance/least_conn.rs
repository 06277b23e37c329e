//! `balance=least_conn`: the backend with the fewest requests in flight for its weight; round robin among equals.

use super::candidates::{Candidate, Candidates, FEW};
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
        let mut room = [Candidate::NOBODY; FEW];
        match candidates.few(&mut room) {
            Some(few) => of_few(candidates, few),
            None => of_many(candidates),
        }
    }

    fn counts(&self) -> bool {
        true
    }
}

/// Each peer is looked at once.
fn of_few<W: Word>(candidates: &Candidates<'_, W>, few: &[Candidate]) -> Option<Candidate> {
    let mut loads = [Load::NONE; FEW];
    let mut total: i32 = 0;
    for (load, candidate) in loads.iter_mut().zip(few) {
        *load = Load::of(candidates, candidate);
        total = total.saturating_add(candidate.weight().into());
    }
    let pairs = few.iter().zip(&loads);
    let least = pairs.clone().map(|(_, load)| *load).reduce(Load::least)?;
    candidates.round(
        total,
        pairs.map(|(candidate, load)| (*candidate, !least.below(load))),
    )
}

fn of_many<W: Word>(candidates: &Candidates<'_, W>) -> Option<Candidate> {
    let load = |candidate: &Candidate| Load::of(candidates, candidate);
    let least = candidates
        .iter()
        .map(|one| load(&one))
        .reduce(Load::least)?;
    let weights = candidates.iter().map(|one| i32::from(one.weight()));
    let total = weights.fold(0, i32::saturating_add);
    // Another worker may have changed a count meanwhile: then any may be chosen rather than none.
    let round = |any: bool| {
        let all = candidates.iter();
        let all = all.map(|one| (one, any || !least.below(&load(&one))));
        candidates.round(total, all)
    };
    round(false).or_else(|| round(true))
}

/// Requests in flight for a weight.
#[derive(Clone, Copy)]
struct Load {
    requests: u64,
    weight: u64,
}

impl Load {
    const NONE: Self = Self {
        requests: 0,
        weight: 1,
    };

    fn of<W: Word>(candidates: &Candidates<'_, W>, one: &Candidate) -> Self {
        Self {
            requests: candidates.peer(one).map_or(0, |peer| peer.in_flight()),
            weight: one.weight().into(),
        }
    }

    /// The lesser one, the first of equals.
    fn least(self, other: Self) -> Self {
        if other.below(&self) { other } else { self }
    }

    fn below(&self, other: &Self) -> bool {
        // Both are far below 32 bits: counts have 24, weights 16.
        let (here, there) = (
            self.requests.saturating_mul(other.weight),
            other.requests.saturating_mul(self.weight),
        );
        here < there
    }
}
