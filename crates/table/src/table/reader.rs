//! Lookups: what a request does. A lookup writes nothing and holds nothing.
//!
//! A record is copied word by word and believed only if its slot is still the same afterwards (the slot's value has a
//! version, so a record replaced by another at the same place shows). The fences make that sound: see the C11 memory
//! model's fence rule, and the race tests.

use super::layout::{BUCKET, EMPTY, head, slot_tag_is};
use super::pending::NOWHERE;
use super::record::First;
use super::view::RouteView;
use super::{Table, Word};
use crate::route::{HOST_MAX, Match};
use std::fmt;
use std::sync::atomic::Ordering;

/// What a lookup found.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'b> {
    /// By which rule.
    pub kind: LookupKind,
    /// The route, in the caller's buffer.
    pub route: RouteView<'b>,
}

/// How far a walk over a table has come ([`Table::scan`]).
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    pub(super) bucket: usize,
    moves: u64,
}

/// The rule by which a route was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupKind {
    /// The key itself.
    Exact,
    /// `*.parent`.
    Wildcard,
    /// `*`.
    Default,
}

impl LookupKind {
    /// The word of `$upstream_lookup_result`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Wildcard => "wildcard",
            Self::Default => "default",
        }
    }
}

/// Why a lookup has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The record has this many words: more than the buffer (never more than
    /// [`MAX_RECORD_WORDS`](super::MAX_RECORD_WORDS)).
    BufferTooSmall(usize),
    /// The record changed under every attempt: only a broken table does that.
    Busy,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall(words) => write!(f, "record of {words} words"),
            Self::Busy => f.write_str("record keeps changing"),
        }
    }
}

impl std::error::Error for LookupError {}

/// Attempts before a lookup gives up: each failed one means that a writer changed this very slot meanwhile.
pub(super) const ATTEMPTS: usize = 1000;

/// What came of reading a slot once.
enum Attempt {
    /// Another key's.
    Other,
    /// Copied: so many words.
    Copied(usize),
    /// It changed meanwhile.
    Changed,
    /// The buffer is too small.
    TooSmall(usize),
}

impl<W: Word> Table<'_, W> {
    /// Finds the route of a key: exact, then (host tables) `*.parent` from the longest, then `*`. `Ok(None)` is a miss.
    ///
    /// `key` is in normal form ([`crate::route::normalize`]); `buf` takes the copy.
    ///
    /// # Errors
    /// [`LookupError`].
    pub fn lookup<'b>(
        &self,
        key: &[u8],
        buf: &'b mut [u64],
    ) -> Result<Option<Hit<'b>>, LookupError> {
        let found = match self.mode {
            Match::Exact => self.probe(key, buf)?.map(|len| (LookupKind::Exact, len)),
            Match::Host => self.find_host(key, buf)?,
        };
        let buf: &'b [u64] = buf;
        Ok(found.and_then(|(kind, len)| {
            Some(Hit {
                kind,
                route: RouteView::from_words(buf.get(..len)?),
            })
        }))
    }

    fn find_host(
        &self,
        host: &[u8],
        buf: &mut [u64],
    ) -> Result<Option<(LookupKind, usize)>, LookupError> {
        // A key of a request that begins with a star must not find a wildcard's own record.
        if host.is_empty() {
            return Ok(None);
        }
        if host.first() != Some(&b'*') {
            if let Some(len) = self.probe(host, buf)? {
                return Ok(Some((LookupKind::Exact, len)));
            }
        }
        if self.mem.load(head::WILDCARDS) > 0 && host.first() != Some(&b'[') {
            if let Some(len) = self.find_wildcard(host, buf)? {
                return Ok(Some((LookupKind::Wildcard, len)));
            }
        }
        Ok(self.probe(b"*", buf)?.map(|len| (LookupKind::Default, len)))
    }

    /// `*.parent` for every parent, the longest first, made in a copy of the host: the byte before each dot becomes a star.
    fn find_wildcard(&self, host: &[u8], buf: &mut [u64]) -> Result<Option<usize>, LookupError> {
        let mut text = [0; HOST_MAX];
        let Some(text) = text.get_mut(..host.len()) else {
            return Ok(None);
        };
        text.copy_from_slice(host);
        for dot in 1..host.len() {
            if host.get(dot) != Some(&b'.') {
                continue;
            }
            let Some(wildcard) = text.get_mut(dot.saturating_sub(1)..) else {
                continue;
            };
            if let Some(star) = wildcard.first_mut() {
                *star = b'*';
            }
            if let Some(len) = self.probe(wildcard, buf)? {
                return Ok(Some(len));
            }
        }
        Ok(None)
    }

    /// Searches for one key; its record's words go to `buf`.
    pub(super) fn probe(&self, key: &[u8], buf: &mut [u64]) -> Result<Option<usize>, LookupError> {
        let hash = self.hash(key);
        let home = self.geo.home(hash);
        for _ in 0..ATTEMPTS {
            let moves = self.moves();
            // Most are found in the first one.
            for is_home in [true, false] {
                let bucket = if is_home {
                    home
                } else {
                    self.geo.other(home, hash & 0xffff)
                };
                for word in self
                    .mem
                    .slice(self.geo.bucket_at(bucket), BUCKET)
                    .unwrap_or(&[])
                {
                    let found = self.probe_slot(word, hash, key, buf)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
            // Entries were loaded with Acquire: if one was cleared by a move, this sees the move counted.
            if moves == self.moves() {
                return Ok(None);
            }
        }
        Err(LookupError::Busy)
    }

    #[inline]
    pub(super) fn moves(&self) -> u64 {
        self.mem.acquire(head::MOVES)
    }

    #[inline]
    fn probe_slot(
        &self,
        word: &W,
        hash: u64,
        key: &[u8],
        buf: &mut [u64],
    ) -> Result<Option<usize>, LookupError> {
        let mut slot = word.load(Ordering::Acquire);
        let mut attempts = 0;
        while slot_tag_is(slot, hash) {
            match self.read_slot(word, slot, key, buf) {
                Attempt::Copied(len) => return Ok(Some(len)),
                Attempt::TooSmall(words) => return Err(LookupError::BufferTooSmall(words)),
                Attempt::Other => break,
                Attempt::Changed if attempts > ATTEMPTS => return Err(LookupError::Busy),
                Attempt::Changed => slot = word.load(Ordering::Acquire),
            }
            attempts = attempts.saturating_add(1);
        }
        Ok(None)
    }

    fn read_slot(&self, word: &W, slot: u64, key: &[u8], buf: &mut [u64]) -> Attempt {
        let at = self.shown_at(slot);
        let first = First(self.mem.load(at));
        let same_key = self.has_key(first, at, key);
        let len = first.words();
        let mut copied = 0;
        if same_key && len <= buf.len() {
            if let Some(record) = self.mem.slice(at, len) {
                for (to, from) in buf.iter_mut().zip(record) {
                    *to = from.load(Ordering::Relaxed);
                }
                copied = len;
            }
        }
        W::fence(Ordering::Acquire);
        if word.load(Ordering::Relaxed) != slot {
            return Attempt::Changed;
        }
        match (same_key, copied) {
            (false, _) => Attempt::Other,
            (true, 0) => Attempt::TooSmall(len),
            (true, len) => Attempt::Copied(len),
        }
    }

    /// A walk over the whole table, at its beginning.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            bucket: 0,
            moves: self.upheavals(),
        }
    }

    /// Another number whenever a walk over the table may have met a route twice, or not at all, or has come too early for
    /// a part of a bulk.
    fn upheavals(&self) -> u64 {
        self.moves().wrapping_add(self.visible_bulk())
    }

    /// Shows every route of the next `buckets` index buckets (about six routes each in a full table) and moves the
    /// cursor on; false at the end. The order is the table's own and stays the same while nothing moves.
    pub fn scan(
        &self,
        cursor: &mut Cursor,
        buckets: usize,
        show: &mut dyn FnMut(RouteView<'_>),
    ) -> bool {
        let mut buf = [0; super::MAX_RECORD_WORDS];
        let to = cursor
            .bucket
            .saturating_add(buckets.max(1))
            .min(self.geo.buckets);
        for word in self.slots_of(cursor.bucket, to) {
            if let Some(len) = self.copy_slot(word, &mut buf) {
                show(RouteView::from_words(buf.get(..len).unwrap_or(&[])));
            }
        }
        cursor.bucket = to;
        to < self.geo.buckets
    }

    /// Whether entries have moved since the cursor's walk began, or a bulk has become visible: it may have shown a route
    /// twice or not at all, or a part of the bulk only. Restart the walk if every route is needed.
    #[must_use]
    pub fn disturbed(&self, cursor: &Cursor) -> bool {
        self.upheavals() != cursor.moves
    }

    /// The slots from one bucket to another.
    pub(super) fn slots_of(&self, from: usize, to: usize) -> &[W] {
        let count = to.saturating_sub(from).saturating_mul(BUCKET);
        let slots = self.mem.slice(self.geo.bucket_at(from), count);
        slots.unwrap_or(&[])
    }

    /// Whatever record a slot has.
    pub(super) fn copy_slot(&self, word: &W, buf: &mut [u64]) -> Option<usize> {
        for _ in 0..ATTEMPTS {
            let slot = word.load(Ordering::Acquire);
            if slot == EMPTY {
                return None;
            }
            let at = self.shown_at(slot);
            let len = First(self.mem.load(at)).words();
            for (to, from) in buf.iter_mut().zip(self.mem.slice(at, len).unwrap_or(&[])) {
                *to = from.load(Ordering::Relaxed);
            }
            W::fence(Ordering::Acquire);
            if word.load(Ordering::Relaxed) == slot {
                return (at != NOWHERE).then_some(len);
            }
        }
        None
    }
}
