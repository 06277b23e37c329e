//! `balance=round_robin`: nginx's smooth weighted round robin, one turn for all workers.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow};
use crate::table::Word;

pub(super) const ROW: PolicyRow = PolicyRow {
    name: "round_robin",
    text: "Backends take turns, each as often as its `weight` says.",
    build: || Box::new(RoundRobin),
};

/// Smooth weighted round robin.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundRobin;

impl<W: Word> Policy<W> for RoundRobin {
    fn next(&self, candidates: &Candidates<'_, W>) -> Option<Candidate> {
        candidates.turn(|_| true)
    }
}
