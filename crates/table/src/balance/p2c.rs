//! `balance=p2c`: of two backends at random the one that will answer sooner, by its latency and its requests in flight.
//!
//! Power of two choices on a moving average that rises faster than it falls: a slow answer takes it half of the way up
//! at once, quick ones lower it little by little. (All of the way, as a pure peak, a hiccup of the machine made a quick
//! backend look like a slow one.) What is known of a backend that gets no requests is worth less and less, so that it is
//! tried again.

use super::candidates::{Candidate, Candidates, FEW};
use super::policy::{Policy, PolicyRow, Sample};
use crate::table::{Latency, Peer, Word};

pub(super) const ROW: PolicyRow = PolicyRow {
    name: "p2c",
    text: "Of two backends at random (by `weight`) the one with the lower latency for its requests in flight.",
    build: || Box::new(PowerOfTwo),
};

/// Milliseconds within which half of an average is new.
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
        let mut room = [Candidate::NOBODY; FEW];
        match candidates.few(&mut room) {
            Some(few) => better(candidates, few.iter().copied()),
            None => better(candidates, candidates.iter()),
        }
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

/// The better of two at random.
fn better<W: Word>(
    candidates: &Candidates<'_, W>,
    all: impl Iterator<Item = Candidate> + Clone,
) -> Option<Candidate> {
    let weights = all.clone().map(|one| u32::from(one.weight()));
    let total = weights.fold(0, u32::saturating_add);
    let random = candidates.random();
    let first = at_weight(all.clone(), below(random as u32, total))?;
    let left = total.saturating_sub(first.weight().into());
    let others = all.filter(|one| one.index != first.index);
    let Some(second) = at_weight(others, below((random >> 32) as u32, left)) else {
        return Some(first);
    };
    let is_better = cost(candidates, &second) < cost(candidates, &first);
    Some(if is_better { second } else { first })
}

/// A number below `total`, 0 if there is none.
fn below(random: u32, total: u32) -> u32 {
    (u64::from(random).wrapping_mul(total.into()) >> 32) as u32
}

/// The candidate at this place, where each has as many as its weight.
fn at_weight(mut all: impl Iterator<Item = Candidate>, place: u32) -> Option<Candidate> {
    let mut left = place;
    all.find(|one| match left.checked_sub(one.weight().into()) {
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
    let us = peer.latency(candidates.now_ms).map_or(0, faded);
    us.max(LEAST_US)
        .saturating_mul(peer.in_flight().saturating_add(1))
}

/// A latency as far as it still counts: half of it for each half-life, and in between a straight line.
fn faded(latency: Latency) -> u64 {
    let halves = u32::try_from(latency.age_ms >> HALF_LIFE_BITS).unwrap_or(u32::MAX);
    let us = u64::from(latency.us).checked_shr(halves).unwrap_or(0);
    let rest = latency.age_ms & ((1 << HALF_LIFE_BITS) - 1);
    // 24 bits times 13.
    us.saturating_sub(us.wrapping_mul(rest) >> HALF_LIFE_BITS >> 1)
}

/// The average with one more sample: half of the way up to it, or a part of the way down, the longer after the last one
/// the more.
fn average(known: Option<Latency>, us: u32) -> u32 {
    let Some(known) = known else {
        return us;
    };
    if us >= known.us {
        return us.midpoint(known.us);
    }
    let old = u64::from(known.us).saturating_mul(WINDOW_MS);
    let new = u64::from(us).saturating_mul(known.age_ms);
    let whole = WINDOW_MS.saturating_add(known.age_ms);
    let mean = old.saturating_add(new).checked_div(whole).unwrap_or(0);
    // Below the old average, which is a u32.
    mean as u32
}

#[cfg(test)]
mod tests {
    use super::{average, faded};
    use crate::table::Latency;

    fn latency(us: u32, age_ms: u64) -> Latency {
        Latency { us, age_ms }
    }

    #[test]
    fn what_was_measured_fades_in_a_straight_line_to_each_half() {
        for (age_ms, left) in [
            (0, 1_000),
            (4_096, 750),
            (8_192, 500),
            (12_288, 375),
            (16_384, 250),
            (3 << 13, 125),
            (40 << 13, 0),
            (u64::MAX, 0),
        ] {
            assert_eq!(faded(latency(1_000, age_ms)), left, "{age_ms}");
        }
    }

    #[test]
    fn an_average_rises_by_half_and_falls_with_time() {
        assert_eq!(average(None, 700), 700);
        assert_eq!(average(Some(latency(1_000, 9)), 2_000), 1_500);
        assert_eq!(average(Some(latency(1_000, 9)), 1_000), 1_000);
        assert_eq!(average(Some(latency(1_000, 0)), 10), 1_000);
        assert_eq!(average(Some(latency(1_000, 1_000)), 500), 750);
        assert_eq!(average(Some(latency(1_000, 3_000)), 200), 400);
    }
}
