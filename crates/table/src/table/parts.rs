//! What belongs to a route elsewhere in the table: its peers, their cells, and the blocks attached to its record.

use super::attached::Content;
use super::cells::cells_for;
use super::peers::Identity;
use super::record::{AttachedRef, First, NO_CELL, Packed, PeerId, PeerSlot};
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{Endpoint, Resolved};

/// Most retired blocks that are freed in search of room; beyond that it is for [`Writer::make_room`](super::Writer::make_room).
const PRESSED: usize = 256;

/// What belongs to a record elsewhere in the table.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) peers: Vec<PeerSlot>,
    pub(super) attached: Vec<AttachedRef>,
}

impl Parts {
    pub(super) fn of(words: &[u64]) -> Self {
        let view = RouteView::from_words(words);
        Self {
            peers: view.packed().map(Packed::slot).collect(),
            attached: view.attached().collect(),
        }
    }

    /// Puts references to these parts into a record's words, in the place of those that are there.
    pub(super) fn put_into(&self, words: &mut [u64]) {
        let first = First(words.first().copied().unwrap_or(0));
        let backends = words.get_mut(first.backends_at()..first.attached_at());
        let pairs = backends.unwrap_or(&mut []).chunks_exact_mut(2);
        for (pair, slot) in pairs.zip(&self.peers) {
            if let [a, b] = pair {
                let packed = Packed(*a, *b).with_slot(*slot);
                (*a, *b) = (packed.0, packed.1);
            }
        }
        let blocks = words.get_mut(first.attached_at()..);
        let pairs = blocks.unwrap_or(&mut []).chunks_exact_mut(2);
        for (pair, block) in pairs.zip(&self.attached) {
            pair.copy_from_slice(&block.words());
        }
    }
}

impl<W: Word> Table<'_, W> {
    /// Takes something; while memory is short, blocks that were retired a moment ago make room.
    pub(super) fn pressing<T>(&self, take: impl Fn(&Self) -> Option<T>) -> Option<T> {
        for _ in 0..PRESSED {
            let taken = take(self);
            if taken.is_some() || !self.release_retired(None) {
                return taken;
            }
        }
        None
    }

    /// The peers and cells that the endpoints have already; a new endpoint gets a peer that does not exist.
    pub(super) fn peers_there(&self, route: &Resolved<'_>, old: &Parts) -> Vec<PeerSlot> {
        let endpoints = &route.endpoints;
        let mut kept = KeptCells::new(self, old);
        let nobody = PeerId {
            line: 0,
            generation: 0,
        };
        let slot = |(index, endpoint): (usize, &Endpoint<'_>)| {
            let peer = self.find_peer(self.identity(endpoint, route.check));
            let peer = peer.unwrap_or(nobody);
            let cell = match kept.take(peer) {
                Some(Kept::Cell(cell)) if index < cells_for(endpoints.len()) => cell,
                _ => NO_CELL,
            };
            PeerSlot { peer, cell }
        };
        endpoints.iter().enumerate().map(slot).collect()
    }

    /// What a new route needs; all or nothing. Backends that stay keep their current weight. `kept`: the old route's
    /// blocks, if they have the new content.
    pub(super) fn take_parts(
        &self,
        route: &Resolved<'_>,
        content: &Content,
        kept: Option<&[AttachedRef]>,
        old: &Parts,
    ) -> Option<Parts> {
        let mut cells = KeptCells::new(self, old);
        let mut new = Parts::default();
        let endpoints = &route.endpoints;
        let identities = endpoints.iter().map(|e| self.identity(e, route.check));
        let identities: Vec<Identity> = identities.collect();
        self.fetch_peers(&identities);
        for (index, identity) in identities.into_iter().enumerate() {
            let balanced = index < cells_for(endpoints.len());
            let Some(slot) = self.take_peer(identity, balanced, &mut cells) else {
                self.give_back(&new, old);
                return None;
            };
            new.peers.push(slot);
        }
        if let Some(kept) = kept {
            new.attached = kept.to_vec();
            return Some(new);
        }
        for block in content.blocks() {
            let Some(at) = self.pressing(|table| table.take_attached(block)) else {
                self.give_back(&new, old);
                return None;
            };
            new.attached.push(self.write_attached(at, block));
        }
        Some(new)
    }

    fn take_peer(
        &self,
        identity: Identity,
        balanced: bool,
        kept: &mut KeptCells,
    ) -> Option<PeerSlot> {
        let peer = self.pressing(|table| table.hold_peer(identity))?;
        let kept = kept.take(peer);
        let cell = match kept {
            _ if !balanced => Some(NO_CELL),
            Some(Kept::Cell(cell)) => Some(cell),
            Some(Kept::Weight(weight)) => self.pressing(|table| table.take_cell(weight)),
            None => self.pressing(|table| table.take_cell(0)),
        };
        if cell.is_none() {
            self.drop_peer(peer);
        }
        Some(PeerSlot { peer, cell: cell? })
    }

    /// Drops these peers, and their cells unless `others` have them too.
    pub(super) fn give_peers_back(&self, peers: &[PeerSlot], others: &[PeerSlot]) {
        for slot in peers {
            self.drop_peer(slot.peer);
            if slot.cell != NO_CELL && !others.iter().any(|o| o.cell == slot.cell) {
                self.free_cell(slot.cell);
            }
        }
    }

    /// Gives back what `others` do not have too. Attached blocks are free at once: no reader knows them, or none needs
    /// them any more.
    pub(super) fn give_back(&self, parts: &Parts, others: &Parts) {
        self.give_peers_back(&parts.peers, &others.peers);
        for block in &parts.attached {
            if !others.attached.contains(block) {
                self.wipe_attached(*block);
                self.free_block(block.at);
            }
        }
    }

    fn peer_elsewhere(&self, old: &PeerSlot) -> Option<PeerSlot> {
        let peer = if self.leaves(Self::line_at(old.peer.line)) {
            self.hold_double(old.peer)?
        } else {
            self.hold_again(old.peer)
        };
        let cell = if self.cell_leaves(old.cell) {
            self.take_cell(self.cell_weight(old.cell))
        } else {
            Some(old.cell)
        };
        if cell.is_none() {
            self.drop_peer(peer);
        }
        Some(PeerSlot { peer, cell: cell? })
    }

    fn attached_elsewhere(&self, block: &AttachedRef) -> Option<AttachedRef> {
        if self.leaves(block.at) {
            self.copy_attached_elsewhere(*block)
        } else {
            Some(*block)
        }
    }

    /// The same parts outside the pages that are being emptied, one more reference to every peer; all or nothing.
    pub(super) fn parts_elsewhere(&self, old: &Parts) -> Option<Parts> {
        let mut new = Parts::default();
        for slot in &old.peers {
            let Some(slot) = self.peer_elsewhere(slot) else {
                self.give_back(&new, old);
                return None;
            };
            new.peers.push(slot);
        }
        for block in &old.attached {
            let Some(block) = self.attached_elsewhere(block) else {
                self.give_back(&new, old);
                return None;
            };
            new.attached.push(block);
        }
        Some(new)
    }

    fn cell_leaves(&self, cell: u32) -> bool {
        cell != NO_CELL && self.leaves((cell >> 1) as usize)
    }

    /// Whether any of the parts is in a page that is being emptied.
    pub(super) fn parts_leave(&self, parts: &Parts) -> bool {
        let peer_leaves = |slot: &PeerSlot| {
            self.leaves(Self::line_at(slot.peer.line)) || self.cell_leaves(slot.cell)
        };
        parts.peers.iter().any(peer_leaves) || parts.attached.iter().any(|b| self.leaves(b.at))
    }
}

/// The cells of a route that is being replaced: each goes to the same peer again, once.
struct KeptCells(Vec<(PeerId, Kept)>);

/// The current weight of a peer in the old route.
#[derive(Clone, Copy)]
enum Kept {
    /// In a cell of its own.
    Cell(u32),
    /// In the cell it shares with the first of two, as the opposite of the first one's weight.
    Weight(i32),
}

impl KeptCells {
    fn new<W: Word>(table: &Table<'_, W>, old: &Parts) -> Self {
        let first = old.peers.first().map_or(NO_CELL, |slot| slot.cell);
        let kept = |slot: &PeerSlot| match slot.cell {
            NO_CELL if first == NO_CELL => None,
            NO_CELL => {
                let opposite = table.cell_weight(first).saturating_neg();
                Some((slot.peer, Kept::Weight(opposite)))
            }
            cell => Some((slot.peer, Kept::Cell(cell))),
        };
        Self(old.peers.iter().filter_map(kept).collect())
    }

    fn take(&mut self, peer: PeerId) -> Option<Kept> {
        let at = self.0.iter().position(|(of, _)| *of == peer)?;
        Some(self.0.remove(at).1)
    }
}
