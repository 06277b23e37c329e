//! What a policy chooses from.

use super::checks::Checks;
use super::random::Random;
use super::tries::Tries;
use crate::route::Options;
use crate::table::{Lines, Passive, Peer, PeerId, RouteView, Word};
use crate::table::{NO_CELL, Packed};
use std::cell::Cell;
use std::net::SocketAddrV4;
use std::sync::atomic::AtomicU64;

/// Rounds that a backend may have won too little or too much by, for [`Candidates::round`].
const CREDIT: i32 = 16;

/// So many candidates are looked at once and kept at hand.
pub(super) const FEW: usize = 8;

/// A backend that may be tried now.
#[derive(Clone, Copy)]
pub struct Candidate {
    /// Its place among the route's backends, from 0.
    pub index: usize,
    pub(super) packed: Packed,
}

impl Candidate {
    /// None: what holds the place of one.
    pub(super) const NOBODY: Self = Self {
        index: usize::MAX,
        packed: Packed::NOTHING,
    };

    /// Whose state all workers share.
    #[inline]
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.packed.peer()
    }

    /// Its share of requests, 1 to 65535.
    #[must_use]
    pub fn weight(&self) -> u16 {
        self.packed.weight()
    }

    /// Its address if it has nothing but an IPv4 one and does not speak TLS: most backends are like that.
    #[inline]
    #[must_use]
    pub fn plain(&self) -> Option<SocketAddrV4> {
        self.packed.plain()
    }
}

/// The backends of a route that may be tried now: of the group whose turn it is (primaries, then backups), not tried
/// yet, usable by the location, and in good health.
pub struct Candidates<'a, W = AtomicU64> {
    pub(super) lines: &'a Lines<'a, W>,
    pub(super) route: &'a RouteView<'a>,
    pub(super) tries: &'a Tries,
    /// The clock of the event loop.
    pub now_ms: u64,
    pub(super) passive: &'a Passive,
    /// What the request is hashed by; empty for nothing.
    pub key: &'a [u8],
    pub(super) chance: Chance<'a>,
    pub(super) checks: Checks,
}

/// What is left to chance in one choice: who of those that have just come back takes part.
pub(super) struct Chance<'a> {
    random: &'a Random,
    /// The bits of this choice, once they are asked for.
    drawn: Cell<Option<u64>>,
    /// Those that have just come back take part by chance; else they do as others.
    pub(super) eases: bool,
    /// One of them does not take part.
    pub(super) holds: Cell<bool>,
}

impl<'a> Chance<'a> {
    pub(super) fn new(random: &'a Random, eases: bool) -> Self {
        Self {
            random,
            drawn: Cell::new(None),
            eases,
            holds: Cell::new(false),
        }
    }

    fn bits(&self) -> u64 {
        let bits = self.drawn.get().unwrap_or_else(|| self.random.next());
        self.drawn.set(Some(bits));
        bits
    }
}

impl<'a, W: Word> Candidates<'a, W> {
    /// The candidates in the route's order.
    pub fn iter(&self) -> impl Iterator<Item = Candidate> + Clone + '_ {
        let all = self.route.packed().enumerate();
        all.map(|(index, packed)| Candidate { index, packed })
            .filter(|candidate| self.is_eligible(candidate))
    }

    /// The same as a walk that has each with its peer at hand, if that is in the table still. It is a part of what walks:
    /// a function of its own would take as long as what it does.
    #[inline(always)]
    #[allow(clippy::inline_always)] // As said.
    pub(super) fn each(&self, mut take: impl FnMut(Candidate, Option<Peer<'a, W>>)) {
        for (index, packed) in self.route.packed().enumerate() {
            let candidate = Candidate { index, packed };
            if !self.tries.admits(index, packed) {
                continue;
            }
            let peer = self.peer(&candidate);
            let may = |peer| self.may_serve(&candidate, peer);
            if peer.as_ref().is_none_or(may) {
                take(candidate, peer);
            }
        }
    }

    /// The backend at this place of the route, if it is a candidate.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Candidate> {
        let packed = self.route.packed_at(index)?;
        let candidate = Candidate { index, packed };
        self.is_eligible(&candidate).then_some(candidate)
    }

    /// Whether it is the backups' turn.
    #[must_use]
    pub fn are_backups(&self) -> bool {
        self.tries.backup
    }

    /// The shared state of a candidate's peer; `None` when the peer has left the table.
    #[must_use]
    pub fn peer(&self, candidate: &Candidate) -> Option<Peer<'a, W>> {
        self.lines.peer(candidate.packed.peer())
    }

    /// 64 random bits, the same all through one choice.
    #[must_use]
    pub fn random(&self) -> u64 {
        self.chance.bits()
    }

    fn is_eligible(&self, candidate: &Candidate) -> bool {
        self.tries.admits(candidate.index, candidate.packed)
            && self
                .peer(candidate)
                .is_none_or(|peer| self.may_serve(candidate, &peer))
    }

    #[inline]
    fn may_serve(&self, candidate: &Candidate, peer: &Peer<'_, W>) -> bool {
        peer.available(self.now_ms, self.passive)
            && self.checks.admit(self.lines, peer, self.now_ms)
            && self.may_take_more(candidate, peer)
    }

    /// Whether its options leave it a request: not as many in flight as it takes, and not too soon after it was out.
    #[inline]
    fn may_take_more(&self, candidate: &Candidate, peer: &Peer<'_, W>) -> bool {
        let options = self.route.options(candidate.packed);
        let is_full = options.max_conns > 0 && peer.in_flight() >= options.max_conns.into();
        !is_full && (options.slow_start_ms == 0 || self.takes_part(candidate, peer, &options))
    }

    /// Whether a backend with `slow_start` takes part in this choice: the more often, the longer it has been back.
    fn takes_part(&self, candidate: &Candidate, peer: &Peer<'_, W>, options: &Options) -> bool {
        let whole = u64::from(options.slow_start_ms);
        let since = peer.in_use_since_ms();
        let back = self.now_ms.saturating_sub(since);
        if !self.chance.eases || since == 0 || back >= whole {
            return true;
        }
        // Each backend has bits of its own.
        let mixed =
            self.chance.bits() ^ (candidate.index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let chance = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93) >> 48;
        // Both factors have less than 32 bits.
        let takes_part = chance.wrapping_mul(whole) < back << 16;
        if !takes_part {
            self.chance.holds.set(true);
        }
        takes_part
    }

    /// One round of nginx's smooth weighted round robin among those that `take_part`: each gains its weight, the
    /// heaviest is chosen and pays the sum. The weights are in the table, one set per route for all workers.
    ///
    /// Follows `ngx_http_upstream_get_peer` (nginx 1.28.3): requests one after another see exactly its sequence. Two
    /// workers at once may choose the same backend; the weights they changed even it out. The lowering of a failed
    /// peer's weight (`effective_weight`) is left out: with `fails=1`, the default, it is gone before the peer is used
    /// again.
    pub fn turn(&self, take_part: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        if let Some(cell) = self.cell_of_two() {
            return self.turn_of_two(cell, take_part);
        }
        let mut total: i32 = 0;
        let mut best: Option<(Candidate, i32)> = None;
        for candidate in self.iter().filter(take_part) {
            let weight = i32::from(candidate.weight());
            let current = self.add_weight(&candidate, weight);
            total = total.saturating_add(weight);
            if best.is_none_or(|(_, heaviest)| current > heaviest) {
                best = Some((candidate, current));
            }
        }
        let (best, _) = best?;
        self.add_weight(&best, total.saturating_neg());
        Some(best)
    }

    /// A round in which all candidates take part, but not all may win: [`Candidates::gain`] for each of them, then
    /// [`Candidates::pay`] for the winner. Who cannot win gains its weight for a later round, so that over time each has its
    /// share of what there was to choose. This lets a candidate gain its weight, and gives the sum.
    #[inline]
    pub(super) fn gain(&self, candidate: &Candidate) -> i32 {
        self.add_weight(candidate, candidate.weight().into())
    }

    /// The winner pays what all together have gained (`total`); `highest` is the largest of their sums. What a backend has
    /// gained is bounded: one that was busy for long is not given all requests afterwards.
    #[inline]
    pub(super) fn pay(&self, winner: &Candidate, total: i32, highest: i32) {
        let bound = total.saturating_mul(CREDIT);
        if highest > bound {
            self.trim(bound);
        }
        self.add_within(winner, total.saturating_neg(), bound);
    }

    #[cold]
    fn trim(&self, bound: i32) {
        for candidate in self.iter() {
            self.add_within(&candidate, 0, bound);
        }
    }

    /// Takes a turn of the two backends of a route, one of which was chosen already; `cell` is that of both.
    pub(super) fn pay_of_two(&self, cell: u32, pair: [&Candidate; 2], is_first: bool) {
        let weights = pair.map(Candidate::weight).into();
        self.lines.take_turn_of_two(cell, weights, is_first, CREDIT);
    }

    /// Whose turn it is of the two backends of a route: true for the first. `cell` is that of both.
    pub(super) fn is_first_of_two(&self, cell: u32, pair: [&Candidate; 2]) -> bool {
        self.lines
            .turn_of_two(cell, pair.map(Candidate::weight).into())
    }

    #[inline]
    fn add_within(&self, candidate: &Candidate, delta: i32, most: i32) -> i32 {
        match candidate.packed.cell() {
            NO_CELL => delta,
            cell => self.lines.add_within(cell, delta, most),
        }
    }

    /// The cell that the backends of a route with two share.
    pub(super) fn cell_of_two(&self) -> Option<u32> {
        let mut backends = self.route.packed();
        let cell = backends.next()?.cell();
        (self.route.backend_count() == 2 && cell != NO_CELL).then_some(cell)
    }

    fn turn_of_two(&self, cell: u32, take_part: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        let mut candidates = self.iter().filter(take_part);
        let first = candidates.next()?;
        // One alone takes its turn and pays as much as it gains.
        let Some(second) = candidates.next() else {
            return Some(first);
        };
        let first_is_next = self.is_first_of_two(cell, [&first, &second]);
        Some(if first_is_next { first } else { second })
    }

    /// All candidates, if they are few: `room` holds them.
    pub(super) fn few<'r>(&self, room: &'r mut [Candidate; FEW]) -> Option<&'r [Candidate]> {
        let mut count: usize = 0;
        for candidate in self.iter() {
            *room.get_mut(count)? = candidate;
            count = count.wrapping_add(1);
        }
        room.get(..count)
    }

    /// Adds to a candidate's current weight and gives the sum.
    fn add_weight(&self, candidate: &Candidate, delta: i32) -> i32 {
        match candidate.packed.cell() {
            NO_CELL => delta,
            cell => self.lines.add_to_cell(cell, delta),
        }
    }
}
