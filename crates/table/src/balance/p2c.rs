//! `balance=p2c`: of two backends at random the one that will answer sooner, by its latency and its requests in flight.
//!
//! Power of two choices on a peak-sensitive moving average: a slow answer raises it at once, quick ones lower it little by
//! little. What is known of a backend that gets no requests is worth less and less, so that it is tried again.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow, Sample};
use crate::table::{Latency, Peer, Word};

pub(super) const ROW: PolicyRow = PolicyRow {
    name: "p2c",
    text: "Of two backends at random (by `weight`) the one with the lower latency for its requests in flight.",
    build: || Box::new(PowerOfTwo),
};

/// Milliseconds within which two thirds of an average are new: a hiccup of the machine, which every backend has now and
/// then, is soon forgotten, and a slow backend is slow again with its next answer.
const WINDOW_MS: u64 = 1_000;
/// Milliseconds after which what was measured counts half as much, as a power of two: eight seconds.
const HALF_LIFE_BITS: u32 = 13;
/// Microseconds that nginx's clock does not tell apart.
const LEAST_US: u64 = 1_000;

/// Power of two choices.
#[derive(Clone, Copy, Debug)]
pub(super) struct PowerOfTwo;

impl<W: Word> Policy<W> for PowerOfTwo {
    fn next(&self, candidates: &Candidates<'_, W>) -> Option<Candidate> {
        let total = candidates.iter().map(|one| u32::from(one.weight())).sum();
        let random = candidates.random();
        let low = random as u32;
        let first = at_weight(candidates, below(low, total), None)?;
        let others = total.saturating_sub(first.weight().into());
        let high = (random >> 32) as u32;
        let Some(second) = at_weight(candidates, below(high, others), Some(&first)) else {
            return Some(first);
        };
        let is_better = cost(candidates, &second) < cost(candidates, &first);
        Some(if is_better { second } else { first })
    }

    fn counts(&self) -> bool {
        true
    }

    fn done(&self, peer: &Peer<'_, W>, sample: &Sample, now_ms: u64) {
        let us = u32::try_from(sample.ms.saturating_mul(1_000)).unwrap_or(Latency::MOST_US);
        // Failing is often quick: it only says something where it took its time.
        let is_known = |known: Option<Latency>| known.is_some_and(|known| known.us >= us);
        if !sample.failed || !is_known(peer.latency(now_ms)) {
            peer.record_latency(now_ms, |known| average(known, us));
        }
    }
}

/// A number below `total`, 0 if there is none.
fn below(random: u32, total: u32) -> u32 {
    (u64::from(random).wrapping_mul(total.into()) >> 32) as u32
}

/// The candidate at this place, where each has as many as its weight; `but` has none.
fn at_weight<W: Word>(
    candidates: &Candidates<'_, W>,
    place: u32,
    but: Option<&Candidate>,
) -> Option<Candidate> {
    let mut left = place;
    let mut others = candidates
        .iter()
        .filter(|one| but.is_none_or(|but| but.index != one.index));
    others.find(|one| match left.checked_sub(one.weight().into()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

/// How long a request would take there, in microseconds as far as that is known.
fn cost<W: Word>(candidates: &Candidates<'_, W>, one: &Candidate) -> u64 {
    let Some(peer) = candidates.peer(one) else {
        return 0;
    };
    let us = peer.latency(candidates.now_ms).map_or(0, |latency| {
        let halves = u32::try_from(latency.age_ms >> HALF_LIFE_BITS).unwrap_or(u32::MAX);
        u64::from(latency.us).checked_shr(halves).unwrap_or(0)
    });
    us.max(LEAST_US)
        .saturating_mul(peer.in_flight().saturating_add(1))
}

/// The average with one more sample: the sample itself where that is more, else a part of the way to it, the longer
/// after the last one the more.
fn average(known: Option<Latency>, us: u32) -> u32 {
    let Some(known) = known.filter(|known| known.us > us) else {
        return us;
    };
    let old = u64::from(known.us).saturating_mul(WINDOW_MS);
    let new = u64::from(us).saturating_mul(known.age_ms);
    let whole = WINDOW_MS.saturating_add(known.age_ms);
    let mean = old.saturating_add(new).checked_div(whole).unwrap_or(0);
    // Below the old average, which is a u32.
    mean as u32
}
