//! What a policy chooses from.

use super::tries::Tries;
use crate::table::{NO_CELL, Packed};
use crate::table::{Passive, Peer, RouteView, Table, Word};
use std::net::SocketAddrV4;
use std::sync::atomic::AtomicU64;

/// Rounds that a backend may have won too little or too much by, for [`Candidates::round`].
const CREDIT: i32 = 16;

/// A backend that may be tried now.
#[derive(Clone, Copy)]
pub struct Candidate {
    /// Its place among the route's backends, from 0.
    pub index: usize,
    pub(super) packed: Packed,
}

impl Candidate {
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
    pub(super) table: &'a Table<'a, W>,
    pub(super) route: &'a RouteView<'a>,
    pub(super) tries: &'a Tries,
    /// The clock of the event loop.
    pub now_ms: u64,
    pub(super) passive: &'a Passive,
    /// What the request is hashed by; empty for nothing.
    pub key: &'a [u8],
    /// 64 random bits.
    pub random: u64,
}

impl<'a, W: Word> Candidates<'a, W> {
    /// The candidates in the route's order.
    pub fn iter(&self) -> impl Iterator<Item = Candidate> + '_ {
        let all = self.route.packed().enumerate();
        all.map(|(index, packed)| Candidate { index, packed })
            .filter(|candidate| self.is_eligible(candidate))
    }

    /// The backend at this place of the route, if it is a candidate.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<Candidate> {
        let packed = self.route.packed().nth(index)?;
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
        self.table.peer(candidate.packed.peer())
    }

    fn is_eligible(&self, candidate: &Candidate) -> bool {
        self.tries.admits(candidate.index, candidate.packed)
            && self
                .peer(candidate)
                .is_none_or(|peer| peer.available(self.now_ms, self.passive))
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

    /// A round in which only some `may_win`, but all take part: who cannot win gains its weight for a later round, so that
    /// over time each has its share of what there was to choose. What a backend has gained is bounded: one that was busy
    /// for long is not given all requests afterwards. `total` is the sum of the candidates' weights.
    pub fn round(&self, total: i32, may_win: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        if let Some(cell) = self.cell_of_two() {
            return self.round_of_two(cell, may_win);
        }
        let most = total.saturating_mul(CREDIT);
        let mut best: Option<(Candidate, i32)> = None;
        for candidate in self.iter() {
            let current = self.add_within(&candidate, candidate.weight().into(), most);
            let is_better = best.is_none_or(|(_, heaviest)| current > heaviest);
            if is_better && may_win(&candidate) {
                best = Some((candidate, current));
            }
        }
        let (best, _) = best?;
        self.add_within(&best, total.saturating_neg(), most);
        Some(best)
    }

    fn round_of_two(&self, cell: u32, may_win: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        let mut candidates = self.iter();
        let first = candidates.next()?;
        let Some(second) = candidates.next() else {
            return may_win(&first).then_some(first);
        };
        let weights = (first.weight(), second.weight());
        let first_wins = match (may_win(&first), may_win(&second)) {
            (true, true) => self.table.turn_of_two(cell, weights),
            (false, false) => return None,
            (is_first, _) => {
                self.table.take_turn_of_two(cell, weights, is_first, CREDIT);
                is_first
            }
        };
        Some(if first_wins { first } else { second })
    }

    fn add_within(&self, candidate: &Candidate, delta: i32, most: i32) -> i32 {
        match candidate.packed.cell() {
            NO_CELL => delta,
            cell => self.table.add_within(cell, delta, most),
        }
    }

    /// The cell that the backends of a route with two share.
    fn cell_of_two(&self) -> Option<u32> {
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
        let weights = (first.weight(), second.weight());
        let first_is_next = self.table.turn_of_two(cell, weights);
        Some(if first_is_next { first } else { second })
    }

    /// Adds to a candidate's current weight and gives the sum.
    fn add_weight(&self, candidate: &Candidate, delta: i32) -> i32 {
        match candidate.packed.cell() {
            NO_CELL => delta,
            cell => self.table.add_to_cell(cell, delta),
        }
    }
}
