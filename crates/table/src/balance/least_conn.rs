//! `balance=least_conn`: the backend with the fewest requests in flight for its weight; round robin among equals.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow};
use crate::table::{Peer, Word};
use std::cmp::Ordering;

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
        match candidates.cell_of_two() {
            Some(cell) => of_two(candidates, cell),
            None => of_all(candidates),
        }
    }

    fn counts(&self) -> bool {
        true
    }
}

/// Each peer is looked at once.
fn of_all<W: Word>(candidates: &Candidates<'_, W>) -> Option<Candidate> {
    let (mut total, mut highest): (i32, i32) = (0, 0);
    let mut best: Option<(Candidate, Load, i32)> = None;
    candidates.each(|candidate, peer| {
        let load = Load::of(&candidate, peer);
        let current = candidates.gain(&candidate);
        highest = highest.max(current);
        // At most 256 of 16 bits.
        total = total.wrapping_add(candidate.weight().into());
        let is_better = |(_, least, heaviest): (Candidate, Load, i32)| match load.compare(least) {
            Ordering::Less => true,
            Ordering::Equal => current > heaviest,
            Ordering::Greater => false,
        };
        if best.is_none_or(is_better) {
            best = Some((candidate, load, current));
        }
    });
    let (best, ..) = best?;
    candidates.pay(&best, total, highest);
    Some(best)
}

fn of_two<W: Word>(candidates: &Candidates<'_, W>, cell: u32) -> Option<Candidate> {
    let (mut first, mut second) = (None, None);
    candidates.each(|candidate, peer| {
        let place = if first.is_none() {
            &mut first
        } else {
            &mut second
        };
        *place = Some((candidate, Load::of(&candidate, peer)));
    });
    let (first, load) = first?;
    // One alone takes its turn and pays as much as it gains.
    let Some((second, other)) = second else {
        return Some(first);
    };
    let is_first = match load.compare(other) {
        Ordering::Equal => candidates.is_first_of_two(cell, [&first, &second]),
        order => {
            candidates.pay_of_two(cell, [&first, &second], order == Ordering::Less);
            order == Ordering::Less
        }
    };
    Some(if is_first { first } else { second })
}

/// Requests in flight for a weight.
#[derive(Clone, Copy)]
struct Load {
    requests: u64,
    weight: u64,
}

impl Load {
    #[inline]
    fn of<W: Word>(candidate: &Candidate, peer: Option<Peer<'_, W>>) -> Self {
        Self {
            requests: peer.map_or(0, |peer| peer.in_flight()),
            weight: candidate.weight().into(),
        }
    }

    #[inline]
    fn compare(self, other: Self) -> Ordering {
        // No product overflows: counts have 48 bits, weights 16.
        let here = self.requests.wrapping_mul(other.weight);
        here.cmp(&other.requests.wrapping_mul(self.weight))
    }
}
