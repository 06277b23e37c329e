//! Changes: one at a time, each seen by readers through a single store.

use super::attached::Content;
use super::encode::encode;
use super::events::What;
use super::imprint;
use super::layout::{EMPTY, WRITING, class_of, head, slot};
use super::lease::Candidate;
use super::named::with_addresses_of;
use super::pages::Kind;
use super::parts::Parts;
use super::pending::NOWHERE;
use super::record::{First, Owner, PeerSlot};
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{Key, MAX_BACKENDS, Resolved};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most retired blocks a change frees on its way: one change makes fewer, so the queue shrinks, and the time stays short.
const RELEASES: usize = 32;

/// A change of the table.
#[derive(Clone, Copy, Debug)]
pub enum Change<'c> {
    /// Makes or replaces the route of a key.
    Put {
        /// The key.
        key: &'c Key,
        /// The route.
        route: &'c Resolved<'c>,
        /// The owner on whose behalf it is done.
        owner: Owner,
    },
    /// Removes the route of a key.
    Remove {
        /// The key.
        key: &'c Key,
        /// The owner on whose behalf it is done.
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
    /// The key has another owner.
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
    pub(super) now_ms: u64,
    repaired: bool,
    /// Whose keys are taken over.
    heir_of: Vec<Owner>,
    /// The bulk that changes are a part of, 0 for none.
    pub(super) bulk: u64,
    /// What is done is no news.
    pub(super) is_quiet: bool,
}

/// Why a process may not write now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWriter {
    /// Another process has the feeders' lease, or another table has taken over: whatever this one meant to write is old,
    /// and it must drop it.
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
    /// A process that has just got the lease takes the mutex once before it reads what the table holds: its predecessor may
    /// have been inside, and every later attempt of the predecessor is refused here.
    ///
    /// # Errors
    /// [`NoWriter`].
    pub fn feeding_writer(&self, who: Candidate, now_ms: u64) -> Result<Writer<'a, W>, NoWriter> {
        if !self.is_led_by(who) {
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
        let repaired = self.mem.load(head::DIRTY) != 0 || self.is_bulk_abandoned(now_ms);
        if repaired && !self.repair_slice() {
            return Err(NoWriter::Repairing);
        }
        Ok(Writer {
            table: *self,
            now_ms,
            repaired,
            heir_of: Vec::new(),
            bulk: 0,
            is_quiet: false,
        })
    }
}

/// An entry that is there already.
pub(super) struct Old<'w> {
    pub(super) slot_at: usize,
    pub(super) record_at: usize,
    pub(super) words: &'w [u64],
    pub(super) parts: Parts,
}

/// A key that is to be changed.
#[derive(Clone, Copy)]
struct Subject<'c> {
    key: &'c [u8],
    hash: u64,
    /// Its slot, if that is pending.
    pending: Option<usize>,
}

/// A route to be put.
struct New<'c> {
    subject: Subject<'c>,
    owner: Owner,
    route: &'c Resolved<'c>,
    content: Content,
    /// The old route's blocks have this content.
    kept: bool,
}

impl New<'_> {
    fn encode(&self, parts: &Parts) -> Result<Vec<u64>, ApplyError> {
        let (peers, attached) = (&parts.peers, &parts.attached);
        encode(self.subject.key, self.owner, self.route, peers, attached).ok_or(ApplyError::TooBig)
    }
}

impl<'a, W: Word> Writer<'a, W> {
    /// Whether the previous writer had been killed at work (worth a line in the log).
    #[must_use]
    pub fn repaired(&self) -> bool {
        self.repaired
    }

    /// Keys of that owner are taken over by the changes that follow, without a moment in which they have no route: the
    /// configuration has no such owner any more. This may be said of several.
    pub fn take_over(&mut self, from: Owner) {
        self.heir_of.push(from);
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
        let found = self.table.find(key, hash);
        let pending = found.filter(|found| found.is_pending);
        let subject = Subject {
            key,
            hash,
            pending: pending.map(|found| found.slot_at),
        };
        let found = found.filter(|found| found.record_at != NOWHERE);
        let old = found.map(|found| {
            self.table.copy_record(found.record_at, &mut copy);
            Old {
                slot_at: found.slot_at,
                record_at: found.record_at,
                words: &copy,
                parts: Parts::of(&copy),
            }
        });
        if let Some(other) = old
            .as_ref()
            .and_then(|o| RouteView::from_words(o.words).owner())
            .filter(|o| *o != owner && !self.heir_of.contains(o))
        {
            return Err(ApplyError::Foreign(other));
        }
        match (change, old) {
            (Change::Put { route, .. }, old) => {
                self.put_keeping(subject, route, owner, old.as_ref())
            }
            (Change::Remove { .. }, None) => Ok(Applied::Missing),
            (Change::Remove { .. }, Some(old)) => self.remove(subject, &old),
        }
    }

    /// Puts a route; a name without an address keeps those that the old route has of it, if there is room for them.
    fn put_keeping(
        &mut self,
        subject: Subject<'_>,
        route: &Resolved<'_>,
        owner: Owner,
        old: Option<&Old<'_>>,
    ) -> Result<Applied, ApplyError> {
        let before = old.map(|old| RouteView::from_words(old.words));
        let mut most = MAX_BACKENDS;
        while let Some(kept) = before.and_then(|before| with_addresses_of(route, before, most)) {
            let put = self.put(subject, &kept, owner, old);
            if most == 0 || put != Err(ApplyError::TooBig) {
                return put;
            }
            most /= 2;
        }
        self.put(subject, route, owner, old)
    }

    fn put(
        &mut self,
        subject: Subject<'_>,
        route: &Resolved<'_>,
        owner: Owner,
        old: Option<&Old<'_>>,
    ) -> Result<Applied, ApplyError> {
        let content = Content::of(route).ok_or(ApplyError::TooBig)?;
        let nothing = Parts::default();
        let before = old.map_or(&nothing, |old| &old.parts);
        let kept = self.table.same_attached(&before.attached, &content);
        let there = Parts {
            // A new route is compared with nothing: only the length of its record counts.
            peers: match old {
                Some(_) => self.table.peers_there(route, before),
                None => vec![PeerSlot::NOWHERE; route.endpoints.len()],
            },
            attached: if kept {
                before.attached.clone()
            } else {
                content.nowhere()
            },
        };
        let new = New {
            subject,
            owner,
            route,
            content,
            kept,
        };
        let record = new.encode(&there)?;
        if old.is_some_and(|old| imprint::is_same(old.words, &record)) {
            return Ok(Applied::Unchanged);
        }
        self.begin_at(subject);
        let result = self.replace(&new, old, record);
        let has_names = |old: &Old<'_>| RouteView::from_words(old.words).has_names();
        let is_named = route.endpoints.iter().any(|one| one.name.is_some());
        self.end_change(result.is_ok() && (is_named || old.is_some_and(has_names)));
        result.map(|()| {
            if old.is_some() {
                Applied::Replaced
            } else {
                Applied::Created
            }
        })
    }

    /// Takes what the new record needs, writes it and publishes it; on failure gives everything back. The record has
    /// everything but references to that.
    fn replace(
        &mut self,
        new: &New<'_>,
        old: Option<&Old<'_>>,
        mut record: Vec<u64>,
    ) -> Result<(), ApplyError> {
        let table = self.table;
        let slot_at = match old {
            Some(old) => old.slot_at,
            None => table.free_slot(new.subject.hash).ok_or(ApplyError::Full)?,
        };
        let class = class_of(record.len()).ok_or(ApplyError::TooBig)?;
        let pair = self.take_pair()?;
        let block = table.pressing(|table| table.take_block(Kind::Records(class)));
        let Some(at) = block else {
            self.give_pair_back(pair);
            return Err(ApplyError::Full);
        };
        let nothing = Parts::default();
        let before = old.map_or(&nothing, |old| &old.parts);
        let Some(parts) = table.take_parts(
            new.route,
            &new.content,
            new.kept.then_some(&before.attached),
            before,
        ) else {
            table.free_block(at);
            self.give_pair_back(pair);
            return Err(ApplyError::Full);
        };
        parts.put_into(&mut record);
        for (word, value) in (at..).zip(&record) {
            table.mem.store(word, *value);
        }
        table.mem.add_words(head::RECORD_WORDS, record.len());
        let Subject { key, hash, .. } = new.subject;
        if let Some(pair) = pair {
            let next = table.next_slot(hash, at);
            self.pend(key, hash, slot_at, next, pair);
            return Ok(());
        }
        if old.is_none() {
            table.count_route(key, 1, head::WILDCARDS);
        }
        table.publish_as(hash, slot_at, at);
        self.note(What::Put(new.owner), key);
        if let Some(old) = old {
            self.retire_record(old, &parts);
        }
        Ok(())
    }

    fn remove(&mut self, subject: Subject<'_>, old: &Old<'_>) -> Result<Applied, ApplyError> {
        let Subject { key, hash, .. } = subject;
        self.begin_at(subject);
        let pair = self.take_pair();
        match pair {
            Ok(Some(pair)) => self.pend(key, hash, old.slot_at, EMPTY, pair),
            Ok(None) => {
                self.table.mem.publish(old.slot_at, EMPTY);
                self.table.count_route(key, -1, head::WILDCARDS);
                let owner = RouteView::from_words(old.words).owner();
                self.note(What::Remove(owner.unwrap_or(Owner::Api)), key);
                self.retire_record(old, &Parts::default());
            }
            Err(_) => {}
        }
        self.end_change(pair.is_ok() && RouteView::from_words(old.words).has_names());
        pair.map(|_| Applied::Removed)
    }

    /// Begins to change a key. A bulk that it is pending in does not have it any more.
    fn begin_at(&mut self, subject: Subject<'_>) {
        self.begin();
        if let Some(slot_at) = subject.pending {
            self.settle_slot(slot_at);
        }
    }

    /// Ends a change, perhaps of a route with names.
    fn end_change(&self, is_named: bool) {
        let mem = self.table.mem;
        match (is_named, self.is_bulk()) {
            (true, true) => mem.store(head::BULK_NAMED, 1),
            (true, false) => self.table.note_named(),
            _ => {}
        }
        if self.is_bulk() {
            self.end_unseen();
        } else {
            self.end();
        }
    }

    pub(super) fn begin(&mut self) {
        self.table.mem.publish(head::DIRTY, WRITING);
        // What an earlier writer unpublished is seen before anything written from here on.
        W::fence(Ordering::Release);
        for _ in 0..RELEASES {
            if !self.table.release_retired(Some(self.now_ms)) {
                break;
            }
        }
    }

    pub(super) fn end(&self) {
        let mem = self.table.mem;
        mem.publish(head::GENERATION, mem.load(head::GENERATION).wrapping_add(1));
        mem.publish(head::DIRTY, 0);
    }

    /// The same of what no reader can see.
    pub(super) fn end_unseen(&self) {
        self.table.mem.publish(head::DIRTY, 0);
    }

    /// Frees what an unpublished record held and its successor does not, and retires its memory.
    pub(super) fn retire_record(&self, old: &Old<'_>, successor: &Parts) {
        self.table
            .give_peers_back(&old.parts.peers, &successor.peers);
        // Readers see that it is unpublished before they can see it overwritten.
        W::fence(Ordering::Release);
        for block in &old.parts.attached {
            if !successor.attached.contains(block) {
                self.table.wipe_attached(*block);
                self.table.retire(block.at, block.len(), self.now_ms);
            }
        }
        let words = old.words.len();
        self.table.mem.sub_words(head::RECORD_WORDS, words);
        self.table.retire(old.record_at, words, self.now_ms);
    }
}

impl<W: Word> Table<'_, W> {
    /// Publishes the record at `at` in a slot: under the hash of a new entry, or under that of the entry there.
    fn publish_as(&self, hash: u64, slot_at: usize, at: usize) {
        self.mem.publish(slot_at, self.next_slot(hash, at));
    }

    /// What a slot is to be for a record at `at`.
    fn next_slot(&self, hash: u64, at: usize) -> u64 {
        let version = self.mem.load(head::GENERATION).wrapping_add(1);
        slot(hash, version, at)
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
        if self.is_wildcard(key) {
            self.mem.add(wildcards, delta);
        }
    }
}
