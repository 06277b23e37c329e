//! The tries of one request: what every policy has in common.

use super::candidates::{Candidate, Candidates, Chance};
use super::checks::Checks;
use super::policy::{Policy, Sample};
use super::random::Random;
use super::tries::{Schemes, Tries};
use crate::table::{
    Answers, JournalRow, Lines, Noted, Packed, Passive, Peer, PeerId, RouteView, Start, Word,
};
use std::sync::atomic::AtomicU64;

/// The rules of balancing that an `upstream_lookup` and its table set.
pub struct Rules<'c, W: Word = AtomicU64> {
    /// The policy that chooses.
    pub policy: &'c dyn Policy<W>,
    /// When a backend is left out.
    pub passive: &'c Passive,
    /// Requests in flight are counted: a policy of the table looks at them.
    pub counts: bool,
    /// Where this worker notes the requests that it counts, if it can.
    pub journal: Option<JournalRow<'c>>,
    /// What the request is hashed by, for a policy that takes a key.
    pub key: &'c [u8],
    /// For what is left to chance.
    pub random: &'c Random,
    /// Whether active checks leave some out.
    pub checks: Checks,
    /// Where answers are counted, if they are.
    pub answers: Option<Answers<'c>>,
}

/// What the end of a try has done to its backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// It takes the backend out (nginx: "upstream server temporarily disabled").
    pub disabled: bool,
    /// The peer that was used until now and is left out (false), or the other way round.
    pub turned: Option<(PeerId, bool)>,
}

/// The choices of one request: keep it from try to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    tries: Tries,
    /// The try that has begun and not ended.
    trying: Option<Trying>,
    /// The backend of the request's session, until it was tried.
    session: Option<u16>,
}

/// A try that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trying {
    peer: PeerId,
    /// It counts as a request in flight.
    is_counted: bool,
    /// Where that is noted in the worker's journal.
    noted: Option<Noted>,
}

impl Selection {
    /// Begins for a route; its backends of these schemes may be used.
    #[must_use]
    pub fn new(route: &RouteView<'_>, schemes: Schemes) -> Self {
        Self {
            tries: Tries::new(route, schemes),
            trying: None,
            session: None,
        }
    }

    /// The request belongs to a session at this backend of the route: it is tried first, also where it is drained, if it
    /// is in good health.
    pub fn stick(&mut self, route: &RouteView<'_>, index: u16) {
        let packed = route.packed_at(index.into());
        let may = |packed: &Packed| self.tries.may_have_sessions(route, index, *packed);
        let Some(packed) = packed.filter(may) else {
            return;
        };
        if packed.drain() {
            self.tries.count = self.tries.count.saturating_add(1);
        }
        self.session = Some(index);
    }

    /// How many backends can be tried, backups included (`pc->tries`).
    #[must_use]
    pub fn tries(&self) -> usize {
        self.tries.count.into()
    }

    /// Whether one backend alone is usable: it is used whatever its health, and again when nginx asks again. nginx asks
    /// again after a kept connection that the backend had closed meanwhile (`pc->tries` is raised for it).
    #[must_use]
    pub fn single(&self) -> bool {
        self.tries.only.is_some()
    }

    /// Begins a try: the next backend, or `None` when all have been tried or are out ("no live upstreams").
    /// Primaries come first; once none of them is left, backups serve the rest of the request.
    pub fn choose<W: Word>(
        &mut self,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<Candidate> {
        self.trying = None;
        if self.session.is_some() {
            if let Some(next) = self.next_of_session(rules, lines, route, now_ms) {
                return Some(next);
            }
        }
        if let Some(only) = self.tries.only {
            return self.only(usize::from(only), rules, lines, route, now_ms);
        }
        loop {
            if let Some(next) = self.next_of_group(rules, lines, route, now_ms) {
                return Some(next);
            }
            if self.tries.backup {
                return None;
            }
            self.tries.backup = true;
            if let Some(next) = self.next_of_session(rules, lines, route, now_ms) {
                return Some(next);
            }
        }
    }

    /// Begins a try of the session's backend, if that is of the group whose turn it is; once.
    fn next_of_session<W: Word>(
        &mut self,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<Candidate> {
        let index = self.session?;
        let packed = route.packed_at(index.into())?;
        if packed.backup() != self.tries.backup {
            return None;
        }
        self.session = None;
        let chosen = Candidate {
            index: index.into(),
            packed,
        };
        let peer = lines.peer(packed.peer())?;
        let is_well = peer.available(now_ms, rules.passive)
            && rules.checks.of(route).admit(lines, &peer, now_ms)
            && peer.chosen(now_ms, rules.passive);
        if !is_well || !self.begin(rules, &peer, &chosen, (route, now_ms)) {
            return None;
        }
        self.tries.mark(chosen.index);
        Some(chosen)
    }

    fn next_of_group<W: Word>(
        &mut self,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<Candidate> {
        loop {
            let next = self.next_of_policy(rules, lines, route, now_ms)?;
            self.tries.mark(next.index);
            let Some(peer) = lines.peer(next.packed.peer()) else {
                return Some(next);
            };
            // After its window a failed peer gets one request to prove itself, from whichever worker is first.
            if peer.chosen(now_ms, rules.passive)
                && self.begin(rules, &peer, &next, (route, now_ms))
            {
                return Some(next);
            }
        }
    }

    fn next_of_policy<W: Word>(
        &self,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<Candidate> {
        let mut candidates = Candidates {
            lines,
            route,
            tries: &self.tries,
            now_ms,
            passive: rules.passive,
            key: rules.key,
            chance: Chance::new(rules.random, true),
            checks: rules.checks.of(route),
        };
        let next = rules.policy.next(&candidates);
        if next.is_some() || !candidates.chance.holds.get() {
            return next;
        }
        // Nobody else is there: then they take part as others do.
        candidates.chance = Chance::new(rules.random, false);
        rules.policy.next(&candidates)
    }

    /// Begins a try of the one backend there is, in whatever health: there is nothing to choose.
    fn only<W: Word>(
        &mut self,
        index: usize,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<Candidate> {
        let packed = route.packed_at(index)?;
        let only = Candidate { index, packed };
        if let Some(peer) = lines.peer(packed.peer()) {
            peer.chosen(now_ms, rules.passive);
            if !self.begin(rules, &peer, &only, (route, now_ms)) {
                return None;
            }
        }
        Some(only)
    }

    /// Begins a try; false when the backend has as many requests as it takes.
    #[inline(always)]
    #[allow(clippy::inline_always)] // Each policy's requests come here.
    fn begin<W: Word>(
        &mut self,
        rules: &Rules<'_, W>,
        peer: &Peer<'_, W>,
        chosen: &Candidate,
        (route, now_ms): (&RouteView<'_>, u64),
    ) -> bool {
        let mut trying = Trying {
            peer: chosen.packed.peer(),
            is_counted: false,
            noted: None,
        };
        let most = route.options(chosen.packed).max_conns;
        if (rules.counts || most > 0) && !trying.count(rules, peer, most) {
            return false;
        }
        rules.checks.begin(peer, now_ms);
        self.trying = Some(trying);
        true
    }

    /// Ends the try that [`Selection::choose`] began, if there is one.
    pub fn done<W: Word>(
        &mut self,
        rules: &Rules<'_, W>,
        lines: &Lines<'_, W>,
        sample: &Sample,
        now_ms: u64,
    ) -> Ended {
        let Some(trying) = self.trying.take() else {
            return Ended::default();
        };
        let id = trying.peer;
        let Some(peer) = lines.peer(id) else {
            trying.forget(rules);
            return Ended::default();
        };
        if trying.is_counted {
            peer.requests_ended(1);
            trying.forget(rules);
        }
        let sample = &Sample {
            failed: rules.passive.is_failure(sample.failed, sample.status),
            ..*sample
        };
        let mut tally = None;
        if let Some(answers) = rules.answers {
            answers.count(id, sample.status);
            if rules.passive.ratio > 0 {
                let window_ms = rules.passive.window_ms;
                tally = Some(answers.tally(id, sample.failed, now_ms, window_ms));
            }
        }
        rules.policy.done(&peer, sample, now_ms);
        if sample.failed {
            let was_out = peer.is_out(rules.passive);
            let disabled = peer.failed(now_ms, rules.passive, tally) && !self.single();
            Ended {
                disabled,
                turned: (disabled && !was_out).then_some((id, false)),
            }
        } else {
            let is_back = peer.succeeded(rules.passive);
            if is_back {
                if let Some(answers) = rules.answers.filter(|_| tally.is_some()) {
                    answers.forget_tally(id);
                }
                peer.set_in_use_since(now_ms);
            }
            Ended {
                disabled: false,
                turned: is_back.then_some((id, true)),
            }
        }
    }

    #[cfg(test)]
    pub(super) fn trying(&self) -> Option<PeerId> {
        self.trying.map(|trying| trying.peer)
    }
}

impl Trying {
    /// Counts it, and notes that beforehand; false when the peer is full.
    fn count<W: Word>(&mut self, rules: &Rules<'_, W>, peer: &Peer<'_, W>, most: u32) -> bool {
        self.noted = rules.journal.and_then(|row| row.note(self.peer));
        let start = peer.request_started(most);
        self.is_counted = start == Start::Counted;
        if !self.is_counted {
            self.forget(rules);
            self.noted = None;
        }
        start != Start::Full
    }

    /// Takes it out of the journal, once it counts no more.
    fn forget<W: Word>(&self, rules: &Rules<'_, W>) {
        if let (Some(row), Some(noted)) = (rules.journal, self.noted) {
            row.forget(self.peer, noted);
        }
    }
}
