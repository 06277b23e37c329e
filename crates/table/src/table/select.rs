//! Which backend is next: nginx's smooth weighted round robin over cells all workers share.
//!
//! Follows `ngx_http_upstream_get_peer` (nginx 1.28.3): requests one after another see exactly its sequence. Two
//! workers at once may choose the same backend; the weights they moved even it out. The lowering of a failed peer's
//! weight (`effective_weight`) is left out: with `fails=1`, the default, it is gone before the peer is used again.

use super::peers::Passive;
use super::record::{NO_CELL, Packed};
use super::view::RouteView;
use super::{Table, Word};
use crate::route::MAX_BACKENDS;

/// The choices of one request: keep it from try to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    allow_tls: bool,
    single: bool,
    backup: bool,
    tries: u16,
    tried: [u64; MAX_BACKENDS / 64],
}

impl Selection {
    /// Begins for a route. `allow_tls`: the location is `proxy_pass https://…`, so `https` backends may be used.
    #[must_use]
    pub fn new(route: &RouteView<'_>, allow_tls: bool) -> Self {
        let usable = route.packed().filter(|p| usable(*p, allow_tls)).count();
        Self {
            allow_tls,
            single: usable == 1,
            backup: false,
            tries: u16::try_from(usable).unwrap_or(u16::MAX),
            tried: [0; MAX_BACKENDS / 64],
        }
    }

    /// How many backends can be tried, backups included (`pc->tries`).
    #[must_use]
    pub fn tries(&self) -> usize {
        self.tries.into()
    }

    /// Whether one backend alone is usable: it is used whatever its health, and again when nginx asks again. It does so
    /// after a kept connection that the backend had closed meanwhile (`pc->tries` is raised for it).
    #[must_use]
    pub fn single(&self) -> bool {
        self.single
    }

    /// The next backend's index, or `None` when all have been tried or are out ("no live upstreams"). Primaries first;
    /// once none of them is left, backups for the rest of the request.
    pub fn next<W: Word>(
        &mut self,
        table: &Table<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
        passive: &Passive,
    ) -> Option<usize> {
        loop {
            if let Some(index) = self.next_of_group(table, route, now_ms, passive) {
                return Some(index);
            }
            if self.backup {
                return None;
            }
            self.backup = true;
        }
    }

    fn next_of_group<W: Word>(
        &mut self,
        table: &Table<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
        passive: &Passive,
    ) -> Option<usize> {
        loop {
            let (index, best) = self.weigh(table, route, now_ms, passive)?;
            self.mark(index);
            // After its window a failed peer gets one request to prove itself, from whoever is first.
            let peer = table.peer(best.peer());
            if peer.is_none_or(|peer| peer.chosen(now_ms, passive) || self.single) {
                return Some(index);
            }
        }
    }

    /// One round: every eligible backend gains its weight, the heaviest is chosen and pays for all.
    fn weigh<W: Word>(
        &self,
        table: &Table<'_, W>,
        route: &RouteView<'_>,
        now_ms: u64,
        passive: &Passive,
    ) -> Option<(usize, Packed)> {
        let mut total: i32 = 0;
        let mut best: Option<(usize, Packed, i32)> = None;
        for (index, packed) in route.packed().enumerate() {
            if !self.eligible(table, index, packed, now_ms, passive) {
                continue;
            }
            let weight = i32::from(packed.weight());
            let current = if packed.cell() == NO_CELL {
                weight
            } else {
                table.add_to_cell(packed.cell(), weight)
            };
            total = total.saturating_add(weight);
            if best.is_none_or(|(_, _, heaviest)| current > heaviest) {
                best = Some((index, packed, current));
            }
        }
        let (index, packed, _) = best?;
        if packed.cell() != NO_CELL {
            table.add_to_cell(packed.cell(), total.saturating_neg());
        }
        Some((index, packed))
    }

    fn eligible<W: Word>(
        &self,
        table: &Table<'_, W>,
        index: usize,
        packed: Packed,
        now_ms: u64,
        passive: &Passive,
    ) -> bool {
        packed.backup() == self.backup
            && usable(packed, self.allow_tls)
            && (self.single
                || !self.was_tried(index)
                    && table
                        .peer(packed.peer())
                        .is_none_or(|peer| peer.available(now_ms, passive)))
    }

    fn was_tried(&self, index: usize) -> bool {
        self.tried
            .get(index / 64)
            .is_none_or(|word| word & (1 << (index % 64)) != 0)
    }

    fn mark(&mut self, index: usize) {
        if let Some(word) = self.tried.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }
}

fn usable(packed: Packed, allow_tls: bool) -> bool {
    !packed.drain() && (allow_tls || !packed.tls())
}
