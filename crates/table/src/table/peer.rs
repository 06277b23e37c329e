//! A peer as workers see it: health, load and measurements, in one cache line that all processes share.
//!
//! Every word is `tag 8 | generation 8 | value 48` ([`live`]): failures, time of the last one, time of the last check
//! (all three of passive health), requests in flight, latency, result of the last probe, time since when it is in use
//! again, and when a request was to go to it last (for active checks only). Passive health follows ngx_http_upstream_round_robin.c (nginx 1.28.3), with
//! milliseconds for its seconds; what takes a peer out is in [`passive`](super::passive).

use super::answers::Tally;
use super::layout::{LINE, head};
use super::live::{self, HEALTH};
use super::passive::{Passive, fails_of};
use super::record::PeerId;
use super::{Lines, Word};
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const FAILS: usize = 0;
const ACCESSED: usize = 1;
const CHECKED: usize = 2;
pub(super) const IN_FLIGHT: usize = 3;
const LATENCY: usize = 4;
const PROBE: usize = 5;
const IN_USE_SINCE: usize = 6;
const WANTED: usize = 7;

/// How exactly it is known when a peer was wanted last, in milliseconds: its line is not written to more often.
const WANTED_WITHIN_MS: u64 = 1_000;

/// The part of a word that is its value.
pub(super) const VALUE: u64 = (1 << 48) - 1;

/// The upper bits of the words of a line in this generation.
fn life(generation: u8) -> u64 {
    HEALTH << 8 | u64::from(generation)
}

/// What became of a request that wanted to go to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It goes, and is counted.
    Counted,
    /// It goes, and is not counted: the peer has left the table.
    Uncounted,
    /// It does not go: the peer has as many as it takes.
    Full,
}

/// What has been measured of a peer's latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Microseconds, averaged by the policy that records it. At most [`Latency::MOST_US`].
    pub us: u32,
    /// Milliseconds since it was recorded, to about 16.
    pub age_ms: u64,
}

impl Latency {
    /// The longest latency that is told from longer ones: 16.7 seconds.
    pub const MOST_US: u32 = (1 << 24) - 1;
}

/// Bits of a [`Latency`]'s time, which counts 16 ms in a circle of three days.
const TICKS: u64 = (1 << 24) - 1;
const TICK_BITS: u32 = 4;

/// The result of an active check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether the peer counts as up.
    pub up: bool,
    /// How many results in a row said otherwise.
    pub contrary: u8,
    /// When the last result came. Milliseconds, 38 bits.
    pub at_ms: u64,
}

const PROBE_TIME: u64 = (1 << 38) - 1;

/// A peer's line, shared by all workers. Times are milliseconds of one clock for all of them.
pub struct Peer<'a, W = AtomicU64> {
    line: &'a [W],
    life: u64,
}

impl<'a, W: Word> Lines<'a, W> {
    /// A peer; `None` when it has left the table (its line may already serve another one).
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<Peer<'a, W>> {
        let line = self
            .mem
            .slice((id.line as usize).checked_mul(LINE)?, LINE)?;
        let life = life(id.generation);
        let fails = line.get(FAILS)?.load(Ordering::Relaxed);
        (fails >> 48 == life).then_some(Peer { line, life })
    }

    /// Notes whether so many backends fail their checks that checks take none out. The leader does.
    pub fn set_panic(&self, panics: bool) {
        self.mem.publish(head::PANIC, panics.into());
    }

    /// Whether checks take no backend out, since too many fail together.
    #[must_use]
    pub fn is_in_panic(&self) -> bool {
        self.mem.load(head::PANIC) != 0
    }
}

impl<W: Word> Peer<'_, W> {
    fn get(&self, word: usize) -> u64 {
        let word = self.line.get(word).map_or(0, |w| w.load(Ordering::Relaxed));
        if word >> 48 == self.life {
            word & VALUE
        } else {
            0
        }
    }

    /// Changes a word, if the line is still this peer's; gives the value before.
    fn update(&self, word: usize, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = self.line.get(word)?;
        let updated = live::update(word, |old| {
            let new = change(old & VALUE).filter(|_| old >> 48 == self.life)?;
            Some(self.life << 48 | new & VALUE)
        });
        updated.map(|(before, _)| before & VALUE)
    }

    fn set(&self, word: usize, value: u64) {
        self.update(word, |_| Some(value));
    }

    /// A request failed here; `tally`: what its answers were lately, where that counts. True when this failure takes the
    /// peer out (nginx: "upstream server temporarily disabled").
    pub fn failed(&self, now_ms: u64, passive: &Passive, tally: Option<Tally>) -> bool {
        let before = self.update(FAILS, |fails| Some(passive.one_more(fails, tally)));
        self.set(ACCESSED, now_ms);
        self.set(CHECKED, now_ms);
        before.is_some_and(|before| passive.takes_out(passive.one_more(before, tally)))
    }

    /// A request succeeded here: failures are forgotten if it was let through as a check after the window. True when
    /// the peer was out until then.
    pub fn succeeded(&self, passive: &Passive) -> bool {
        let before = if self.get(ACCESSED) < self.get(CHECKED) {
            self.get(FAILS)
        } else {
            0
        };
        if before > 0 {
            self.set(FAILS, 0);
        }
        passive.takes_out(before)
    }

    /// Forgets its failures and what probes have said: it is used again at once.
    pub fn reset(&self) {
        for word in [FAILS, ACCESSED, CHECKED, PROBE] {
            self.set(word, 0);
        }
    }

    /// Somebody else has seen it fail: it is out until then, as if its own failures had taken it out. True when it was not
    /// out before.
    pub fn fail_until(&self, until_ms: u64, passive: &Passive) -> bool {
        let taken_out = self.update(FAILS, |found| {
            let is_out = passive.fails == 0 || passive.takes_out(found);
            (!is_out).then(|| passive.out())
        });
        let since = until_ms.saturating_sub(passive.window_ms);
        self.set(ACCESSED, since);
        self.set(CHECKED, since);
        taken_out.is_some()
    }

    /// Forgets its failures, not what probes have said. True when they had it out.
    pub fn forgive(&self, passive: &Passive) -> bool {
        let before = self.update(FAILS, |_| Some(0));
        self.set(ACCESSED, 0);
        self.set(CHECKED, 0);
        before.is_some_and(|before| passive.takes_out(before))
    }

    /// Failures counted so far.
    #[must_use]
    pub fn fails(&self) -> u64 {
        fails_of(self.get(FAILS))
    }

    /// When the last request failed here, 0 for never.
    #[must_use]
    pub fn last_failure_ms(&self) -> u64 {
        self.get(ACCESSED)
    }

    /// Whether it may be used: not failed often enough, or the window is over.
    #[must_use]
    pub fn available(&self, now_ms: u64, passive: &Passive) -> bool {
        !self.is_out(passive) || self.window_over(now_ms, passive)
    }

    /// Whether it has failed often enough to be left out, though its window may be over by now.
    #[must_use]
    pub fn is_out(&self, passive: &Passive) -> bool {
        passive.takes_out(self.get(FAILS))
    }

    fn window_over(&self, now_ms: u64, passive: &Passive) -> bool {
        now_ms.saturating_sub(self.get(CHECKED)) > passive.window_ms
    }

    /// It was chosen. After the window this is the check of it, and only one worker gets a failed peer for that: false
    /// means another one was quicker.
    pub(crate) fn chosen(&self, now_ms: u64, passive: &Passive) -> bool {
        let checked = self.get(CHECKED);
        let first = now_ms.saturating_sub(checked) > passive.window_ms
            && self
                .update(CHECKED, |found| (found == checked).then_some(now_ms))
                .is_some();
        first || !self.is_out(passive)
    }

    /// A request goes to this peer, if that has fewer than `most` in flight (0: however many it has);
    /// [`Peer::requests_ended`] follows where it does.
    #[inline]
    #[must_use]
    pub fn request_started(&self, most: u32) -> Start {
        let is_room = |count| most == 0 || count < u64::from(most);
        // 48 bits hold more than there are.
        let one_more = |count: u64| is_room(count).then_some(count.wrapping_add(1));
        let counted = self.update(IN_FLIGHT, one_more);
        if counted.is_some() {
            Start::Counted
        } else if is_room(self.in_flight()) {
            Start::Uncounted
        } else {
            Start::Full
        }
    }

    /// So many requests that went to this peer have ended.
    pub fn requests_ended(&self, requests: u64) {
        self.update(IN_FLIGHT, |count| Some(count.saturating_sub(requests)));
    }

    /// Requests that have started and not ended. Those of a worker that was killed are given back by
    /// [`Journal::give_back`](super::Journal::give_back).
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.get(IN_FLIGHT)
    }

    /// What was last recorded of its latency; `None` when nothing was.
    #[must_use]
    pub fn latency(&self, now_ms: u64) -> Option<Latency> {
        latency_of(self.get(LATENCY), now_ms)
    }

    /// Records microseconds of latency, made of what was recorded before.
    pub fn record_latency(&self, now_ms: u64, average: impl Fn(Option<Latency>) -> u32) {
        self.update(LATENCY, |before| {
            let us = average(latency_of(before, now_ms)).clamp(1, Latency::MOST_US);
            Some(u64::from(us) << 24 | now_ms >> TICK_BITS & TICKS)
        });
    }

    /// The result of its last probe; `None` when it was never probed.
    #[must_use]
    pub fn probe(&self) -> Option<Probe> {
        let value = self.get(PROBE);
        (value & 1 != 0).then_some(Probe {
            up: value & 2 != 0,
            contrary: (value >> 2) as u8,
            at_ms: value >> 10,
        })
    }

    /// Records the result of a probe. The checker of the table is the only one to do so.
    pub fn set_probe(&self, probe: &Probe) {
        let value = 1 | u64::from(probe.up) << 1 | u64::from(probe.contrary) << 2;
        self.set(PROBE, value | (probe.at_ms & PROBE_TIME) << 10);
    }

    /// Forgets what probes have said.
    pub fn forget_probe(&self) {
        self.set(PROBE, 0);
    }

    /// A request goes to it, or would if it were not down.
    pub fn note_wanted(&self, now_ms: u64) {
        if now_ms.saturating_sub(self.wanted_ms()) >= WANTED_WITHIN_MS {
            self.set(WANTED, now_ms);
        }
    }

    /// When a request was to go to it last, to about a second; 0 for never.
    #[must_use]
    pub fn wanted_ms(&self) -> u64 {
        self.get(WANTED)
    }

    /// Since when it is in use again (`slow_start` counts from there), 0 for always.
    #[must_use]
    pub fn in_use_since_ms(&self) -> u64 {
        self.get(IN_USE_SINCE)
    }

    /// Notes since when it is in use again.
    pub fn set_in_use_since(&self, now_ms: u64) {
        self.set(IN_USE_SINCE, now_ms);
    }
}

fn latency_of(value: u64, now_ms: u64) -> Option<Latency> {
    let age = (now_ms >> TICK_BITS).wrapping_sub(value) & TICKS;
    (value != 0).then_some(Latency {
        us: (value >> 24) as u32,
        age_ms: age << TICK_BITS,
    })
}
