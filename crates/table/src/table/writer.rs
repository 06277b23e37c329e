//! Changes: one at a time, each seen by readers through a single store.

use super::layout::{EMPTY, WRITING, class_of, head, slot};
use super::lease::Feeder;
use super::pages::Kind;
use super::record::{First, NO_CELL, Owner, PeerId, Place, encode};
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{Endpoint, Key, Match, Resolved};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most rested blocks a change frees on its way: one change makes one, so the queue shrinks, and the time stays short.
const RELEASES: usize = 32;

/// Most of them it frees in search of room; beyond that it is for [`Writer::make_room`].
const PRESSED: usize = 256;

/// A change of the table.
#[derive(Clone, Copy, Debug)]
pub enum Change<'c> {
    /// Makes or replaces the route of a key.
    Put {
        /// The key.
        key: &'c Key,
        /// The route.
        route: &'c Resolved<'c>,
        /// Who does it.
        owner: Owner,
    },
    /// Removes the route of a key.
    Remove {
        /// The key.
        key: &'c Key,
        /// Who does it.
        owner: Owner,
    },
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The key is new.
    Created,
    /// Its route is another now.
    Replaced,
    /// The very same route was there: nothing was written.
    Unchanged,
    /// It is gone.
    Removed,
    /// It was not there.
    Missing,
}

/// Why a change was refused: nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// Somebody else owns the key.
    Foreign(Owner),
    /// No room.
    Full,
    /// The route is longer than a record ([`MAX_RECORD_WORDS`](super::MAX_RECORD_WORDS)).
    TooBig,
    /// Another table has taken over from this one.
    Superseded,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(Owner::File) => f.write_str("key belongs to the file"),
            Self::Foreign(Owner::Api) => f.write_str("key belongs to the API"),
            Self::Foreign(Owner::Registration) => f.write_str("key belongs to a registration"),
            Self::Foreign(Owner::Redis) => f.write_str("key belongs to redis"),
            Self::Full => f.write_str("zone is full"),
            Self::TooBig => write!(
                f,
                "route is longer than {} bytes",
                super::MAX_RECORD_WORDS * 8
            ),
            Self::Superseded => f.write_str("table is superseded by a newer one"),
        }
    }
}

impl std::error::Error for ApplyError {}

/// The table's writer. There is one at a time: the caller holds the zone's mutex for as long as this lives.
#[derive(Debug)]
pub struct Writer<'a, W = AtomicU64> {
    table: Table<'a, W>,
    now_ms: u64,
    repaired: bool,
}

/// Why a process may not write now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWriter {
    /// Another process has the feeders' lease: whatever this one meant to write is old, and it must drop it.
    LeaseLost,
    /// An earlier writer was killed, and one slice of the repair has been done. Give up the lock, come back soon.
    Repairing,
}

impl fmt::Display for NoWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeaseLost => "another process feeds the table",
            Self::Repairing => "table is being repaired",
        })
    }
}

impl std::error::Error for NoWriter {}

impl<'a, W: Word> Table<'a, W> {
    /// Begins to write for a feeder; the caller holds the zone's mutex, and the lease is checked under it: a process that
    /// was stopped while it waited for the mutex does not overwrite what its successor has written.
    ///
    /// Who has just got the lease takes the mutex once before reading what the table holds: its predecessor may have
    /// been inside, and every later attempt of it is refused here.
    ///
    /// # Errors
    /// [`NoWriter`].
    pub fn feeding_writer(&self, who: Feeder, now_ms: u64) -> Result<Writer<'a, W>, NoWriter> {
        if !self.lease_held(who) {
            return Err(NoWriter::LeaseLost);
        }
        self.writer(now_ms)
    }

    /// Begins to write without the lease: for a table that no feeder knows yet. The caller holds the zone's mutex, or is
    /// the only process. `now_ms` is a clock all processes share (monotonic milliseconds).
    ///
    /// # Errors
    /// [`NoWriter::Repairing`] while there is something to repair; a new table has nothing.
    pub fn writer(&self, now_ms: u64) -> Result<Writer<'a, W>, NoWriter> {
        let repaired = self.mem.load(head::DIRTY) != 0;
        if repaired && !self.repair_slice() {
            return Err(NoWriter::Repairing);
        }
        Ok(Writer {
            table: *self,
            now_ms,
            repaired,
        })
    }
}

/// An entry that is there already.
struct Old<'w> {
    slot_at: usize,
    record_at: usize,
    words: &'w [u64],
}

impl<'a, W: Word> Writer<'a, W> {
    /// Whether the previous writer had been killed at work (worth a line in the log).
    #[must_use]
    pub fn repaired(&self) -> bool {
        self.repaired
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table<'a, W> {
        &self.table
    }

    /// Applies one change, wholly or not at all.
    ///
    /// # Errors
    /// [`ApplyError`]: the table is as before.
    pub fn apply(&mut self, change: &Change<'_>) -> Result<Applied, ApplyError> {
        if self.table.is_superseded() {
            return Err(ApplyError::Superseded);
        }
        let (key, owner) = match change {
            Change::Put { key, owner, .. } | Change::Remove { key, owner } => {
                (key.as_bytes(), *owner)
            }
        };
        let hash = self.table.hash(key);
        let mut copy = Vec::new();
        let old = self.table.find(key, hash).map(|found| {
            self.table.copy_record(found.record_at, &mut copy);
            Old {
                slot_at: found.slot_at,
                record_at: found.record_at,
                words: &copy,
            }
        });
        if let Some(other) = old
            .as_ref()
            .and_then(|o| RouteView::from_words(o.words).owner())
            .filter(|o| *o != owner)
        {
            return Err(ApplyError::Foreign(other));
        }
        match (change, old) {
            (Change::Put { route, .. }, old) => self.put(key, hash, route, owner, old),
            (Change::Remove { .. }, None) => Ok(Applied::Missing),
            (Change::Remove { .. }, Some(old)) => {
                self.remove(key, &old);
                Ok(Applied::Removed)
            }
        }
    }

    fn put(
        &mut self,
        key: &[u8],
        hash: u64,
        route: &Resolved<'_>,
        owner: Owner,
        old: Option<Old<'_>>,
    ) -> Result<Applied, ApplyError> {
        let places = self.places_there(&route.endpoints, old.as_ref());
        let record = encode(key, owner, route, &places).ok_or(ApplyError::TooBig)?;
        if old.as_ref().is_some_and(|old| old.words == record) {
            return Ok(Applied::Unchanged);
        }
        self.begin();
        let result = self.replace(
            key,
            hash,
            old.as_ref(),
            record.len(),
            &|places| encode(key, owner, route, places),
            route,
        );
        self.end();
        result.map(|()| {
            if old.is_some() {
                Applied::Replaced
            } else {
                Applied::Created
            }
        })
    }

    /// Takes what the new record of `words` needs, writes it and publishes it; on failure gives everything back.
    fn replace(
        &mut self,
        key: &[u8],
        hash: u64,
        old: Option<&Old<'_>>,
        words: usize,
        record: &dyn Fn(&[Place]) -> Option<Vec<u64>>,
        route: &Resolved<'_>,
    ) -> Result<(), ApplyError> {
        let table = self.table;
        let slot_at = match old {
            Some(old) => old.slot_at,
            None => table.free_slot(hash).ok_or(ApplyError::Full)?,
        };
        let class = class_of(words).ok_or(ApplyError::TooBig)?;
        let at = self
            .pressing(|table| table.take_block(Kind::Records(class)))
            .ok_or(ApplyError::Full)?;
        let Some(places) = self.take_places(&route.endpoints, old) else {
            table.free_block(at);
            return Err(ApplyError::Full);
        };
        let record = record(&places).ok_or(ApplyError::TooBig)?;
        for (word, value) in (at..).zip(&record) {
            table.mem.store(word, *value);
        }
        table.mem.add(head::RECORD_WORDS, as_delta(record.len()));
        if old.is_none() {
            table.count_route(key, 1, head::WILDCARDS);
        }
        table.publish_as(hash, slot_at, at);
        if let Some(old) = old {
            self.retire(old, &places);
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8], old: &Old<'_>) {
        self.begin();
        self.table.mem.publish(old.slot_at, EMPTY);
        self.table.count_route(key, -1, head::WILDCARDS);
        self.retire(old, &[]);
        self.end();
    }

    pub(super) fn begin(&mut self) {
        self.table.mem.publish(head::DIRTY, WRITING);
        // What an earlier writer unpublished is seen before anything written from here on.
        W::fence(Ordering::Release);
        for _ in 0..RELEASES {
            if !self.table.release_rested(Some(self.now_ms)) {
                break;
            }
        }
    }

    pub(super) fn end(&self) {
        let mem = self.table.mem;
        mem.publish(head::GENERATION, mem.load(head::GENERATION).wrapping_add(1));
        mem.publish(head::DIRTY, 0);
    }

    /// Takes something; while memory is short, records that have not rested for long make room.
    fn pressing<T>(&self, take: impl Fn(&Table<'a, W>) -> Option<T>) -> Option<T> {
        for _ in 0..PRESSED {
            let taken = take(&self.table);
            if taken.is_some() || !self.table.release_rested(None) {
                return taken;
            }
        }
        None
    }

    /// The places the endpoints would have if nothing new were needed.
    fn places_there(&self, endpoints: &[Endpoint<'_>], old: Option<&Old<'_>>) -> Vec<Place> {
        let mut kept = KeptCells::new(old);
        let nobody = PeerId {
            line: 0,
            generation: 0,
        };
        let place = |endpoint: &Endpoint<'_>| {
            let peer = self
                .table
                .find_peer(self.table.identity(endpoint))
                .unwrap_or(nobody);
            let cell = if endpoints.len() > 1 {
                kept.take(peer)
            } else {
                None
            };
            Place {
                peer,
                cell: cell.unwrap_or(NO_CELL),
            }
        };
        endpoints.iter().map(place).collect()
    }

    /// Peers and cells for the endpoints; backends that stay keep their cell. All or nothing.
    fn take_places(&self, endpoints: &[Endpoint<'_>], old: Option<&Old<'_>>) -> Option<Vec<Place>> {
        let mut kept = KeptCells::new(old);
        let mut places = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let Some(place) = self.take_place(endpoint, endpoints.len() > 1, &mut kept) else {
                self.give_back(&places, &old.map_or(Vec::new(), Old::places));
                return None;
            };
            places.push(place);
        }
        Some(places)
    }

    fn take_place(
        &self,
        endpoint: &Endpoint<'_>,
        balanced: bool,
        kept: &mut KeptCells,
    ) -> Option<Place> {
        let identity = self.table.identity(endpoint);
        let peer = self.pressing(|table| table.hold_peer(identity))?;
        if !balanced {
            return Some(Place {
                peer,
                cell: NO_CELL,
            });
        }
        let cell = kept
            .take(peer)
            .or_else(|| self.pressing(|table| table.take_cell(0)));
        if cell.is_none() {
            self.table.drop_peer(peer);
        }
        Some(Place { peer, cell: cell? })
    }

    /// Drops the peers of `places`, and their cells unless `others` have them too.
    pub(super) fn give_back(&self, places: &[Place], others: &[Place]) {
        for place in places {
            self.table.drop_peer(place.peer);
            if place.cell != NO_CELL && !others.iter().any(|o| o.cell == place.cell) {
                self.table.free_cell(place.cell);
            }
        }
    }

    /// An unpublished record: what it held is free, its memory rests.
    fn retire(&self, old: &Old<'_>, successors: &[Place]) {
        self.give_back(&old.places(), successors);
        // Readers see that it is unpublished before they can see it overwritten.
        W::fence(Ordering::Release);
        self.table.mem.add(
            head::RECORD_WORDS,
            as_delta(old.words.len()).saturating_neg(),
        );
        self.table.rest(old.record_at, old.words.len(), self.now_ms);
    }
}

impl Old<'_> {
    fn places(&self) -> Vec<Place> {
        let view = RouteView::from_words(self.words);
        view.packed().map(|packed| packed.place()).collect()
    }
}

/// The cells of a route that is being replaced: each goes to the same peer again, once.
struct KeptCells(Vec<Place>);

impl KeptCells {
    fn new(old: Option<&Old<'_>>) -> Self {
        let mut places = old.map_or(Vec::new(), Old::places);
        places.retain(|p| p.cell != NO_CELL);
        Self(places)
    }

    fn take(&mut self, peer: PeerId) -> Option<u32> {
        let at = self.0.iter().position(|place| place.peer == peer)?;
        Some(self.0.remove(at).cell)
    }
}

pub(super) fn as_delta(words: usize) -> i64 {
    i64::try_from(words).unwrap_or(0)
}

impl<W: Word> Table<'_, W> {
    /// Publishes the record at `at` in a slot: under the hash of a new entry, or under that of the entry there.
    fn publish_as(&self, hash: u64, slot_at: usize, at: usize) {
        let version = self.mem.load(head::GENERATION).wrapping_add(1);
        self.mem.publish(slot_at, slot(hash, version, at));
    }

    pub(super) fn publish(&self, slot_at: usize, at: usize) {
        self.publish_as(self.mem.load(slot_at) >> 48, slot_at, at);
    }

    pub(super) fn copy_record(&self, at: usize, out: &mut Vec<u64>) {
        let len = First(self.mem.load(at)).words();
        out.extend((at..at.saturating_add(len)).map(|word| self.mem.load(word)));
    }

    /// Counts a route in or out, and in the header word `wildcards` if it is one.
    pub(super) fn count_route(&self, key: &[u8], delta: i64, wildcards: usize) {
        self.mem.add(head::ROUTES, delta);
        if self.mode == Match::Host && key.starts_with(b"*.") {
            self.mem.add(wildcards, delta);
        }
    }
}
