//! The upstream table: routes by key in shared memory, read without locks by every worker.
//!
//! A table lives in a `&[AtomicU64]` that all processes map. Readers write nothing and hold nothing: a request's lookup
//! copies the record it found and validates it afterwards. One writer at a time (the caller holds the zone's mutex)
//! publishes each change with a single store, so a process killed at any instruction leaves a table that serves.

mod answers;
mod attached;
mod bulk;
mod cells;
mod demand;
mod encode;
mod events;
mod exact;
mod fed;
mod fitting;
mod imprint;
mod index;
mod journal;
mod layout;
mod lease;
mod lines;
mod listing;
mod live;
mod mark;
mod named;
mod news;
mod pages;
mod parts;
mod passive;
mod peer;
mod peers;
mod pending;
mod prepared;
mod reader;
mod recognize;
mod record;
mod repair;
mod retire;
mod room;
mod saved;
mod sweep;
mod view;
mod walk;
mod word;
mod writer;
mod written;

#[cfg(test)]
pub(crate) mod tests;

pub use answers::{ANSWERS, Answers, Tally};
pub use attached::Keys;
pub use bulk::{BulkNumber, Shown};
pub use demand::Demand;
pub use events::{By, Event, Following, Position, What};
pub use exact::Taken;
pub use fed::{Ticket, is_source};
pub use fitting::resolve;
pub use journal::{Journal, JournalRow, Noted, ProcessMark};
pub use layout::MAX_RECORD_WORDS;
pub use lease::{Candidate, LEASE_MS, Lease};
pub use lines::Lines;
pub use listing::{Listing, Show};
pub use passive::Passive;
pub use peer::{Latency, Peer, Probe, Start};
pub use prepared::{Prepared, There};
pub use reader::{Cursor, Hit, LookupError, LookupKind};
pub(crate) use record::{NO_CELL, Packed};
pub use record::{Owner, PeerId};
pub use room::Room;
pub use saved::Saved;
pub use sweep::Sweep;
pub use view::{BackendView, RouteView};
pub use walk::Walk;
pub use word::Word;
pub use writer::{Applied, ApplyError, Change, NoWriter, Writer};

use crate::route::Match;
use layout::{DESC, Geometry, HEADER, head};
use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use word::Mem;

/// A table in shared memory: offsets over the words, cheap to make and to copy.
#[derive(Debug)]
pub struct Table<'a, W = AtomicU64> {
    lines: Lines<'a, W>,
    geo: Geometry,
    mode: Match,
    secrets: RapidSecrets,
}

impl<W> Clone for Table<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Table<'_, W> {}

impl<'a, W> Deref for Table<'a, W> {
    type Target = Lines<'a, W>;

    fn deref(&self) -> &Self::Target {
        &self.lines
    }
}

/// What a table's size, its mode and its seed make of it: to be computed once, since that takes longer than a lookup.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    geo: Geometry,
    mode: Match,
    seed: u64,
    secrets: RapidSecrets,
}

impl Known {
    /// What the table in this memory makes of it.
    #[cold]
    fn of<W: Word>(mem: Mem<'_, W>) -> Option<Self> {
        let mode = if mem.load(head::MODE) == mode_code(Match::Host) {
            Match::Host
        } else {
            Match::Exact
        };
        let seed = mem.load(head::SEED);
        Some(Self {
            geo: Geometry::new(mem.words.len())?,
            mode,
            seed,
            secrets: RapidSecrets::seed(seed),
        })
    }

    /// Whether it is of the table in this memory: whoever makes another one there gives it another seed, so that version,
    /// size and mode need not be compared again.
    #[inline]
    fn is_of<W: Word>(&self, mem: Mem<'_, W>) -> bool {
        // All of the header at once, which has fewer words than any table.
        mem.words.get(..HEADER).is_some()
            && mem.is_table()
            && self.seed == mem.load(head::SEED)
            && self.geo.words == mem.words.len().min(layout::MAX_WORDS)
    }
}

/// The memory is too small for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall;

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for a table")
    }
}

impl std::error::Error for TooSmall {}

/// Why memory holds no table this build can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// No table was made here (or its making did not end).
    NoTable,
    /// A table of another layout, by another build.
    OtherVersion(u64),
    /// A table made for another size of memory.
    OtherSize,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable => f.write_str("no table"),
            Self::OtherVersion(v) => write!(f, "table of layout {v}"),
            Self::OtherSize => f.write_str("table of another size"),
        }
    }
}

impl std::error::Error for LayoutError {}

/// How full a table is. Bytes are `words * 8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Words of memory.
    pub words: u64,
    /// Routes.
    pub routes: u64,
    /// Routes with a key `*.parent`.
    pub wildcards: u64,
    /// Distinct peers.
    pub peers: u64,
    /// Balancing cells in use.
    pub cells: u64,
    /// Names of backends that the leader asks for.
    pub names: u64,
    /// Those of them that have no address, or are not found any more.
    pub unresolved: u64,
    /// Words in records that serve, and in what is attached to them.
    pub record_words: u64,
    /// Words in retired blocks, which wait for a second.
    pub retired_words: u64,
    /// Pages of 1,024 words not in use.
    pub free_pages: u64,
    /// All pages.
    pub pages: u64,
}

impl Stats {
    /// Words in pages not in use.
    #[must_use]
    pub fn free_words(&self) -> u64 {
        self.free_pages.saturating_mul(layout::PAGE as u64)
    }
}

impl<'a, W: Word> Table<'a, W> {
    /// Makes an empty table, whatever the memory held; no other process may be using it. `seed` keys the hash and should be
    /// random. The memory's start should be 64-byte aligned (speed only).
    ///
    /// # Errors
    /// [`TooSmall`]; [`Demand::fits`] knows what is enough.
    pub fn format(words: &'a [W], mode: Match, seed: u64) -> Result<Self, TooSmall> {
        let geo = Geometry::new(words.len()).ok_or(TooSmall)?;
        let mem = Mem { words };
        mem.publish(head::MAGIC, 0);
        for at in 1..geo.pages_at {
            mem.store(at, 0);
        }
        mem.store(head::VERSION, layout::VERSION);
        mem.store(head::WORDS, words.len() as u64);
        mem.store(head::MODE, mode_code(mode));
        mem.store(head::SEED, seed);
        let table = Self {
            lines: Lines { mem },
            geo,
            mode,
            secrets: RapidSecrets::seed(seed),
        };
        table.link_free_pages();
        table.begin_events();
        table.make_imprint_key();
        mem.publish(head::MAGIC, layout::MAGIC);
        Ok(table)
    }

    /// The table of which this is what is [`Table::known`], if it is still in this memory: cheap enough for every request.
    #[inline]
    #[must_use]
    pub fn attach_known(words: &'a [W], known: &Known) -> Option<Self> {
        let mem = Mem { words };
        known.is_of(mem).then_some(Self {
            lines: Lines { mem },
            geo: known.geo,
            mode: known.mode,
            secrets: known.secrets,
        })
    }

    /// Finds the table made here by this or another process.
    ///
    /// # Errors
    /// [`LayoutError`]: nothing of the memory but the header was looked at.
    pub fn attach(words: &'a [W]) -> Result<Self, LayoutError> {
        let mem = Mem { words };
        if !mem.is_table() {
            return Err(LayoutError::NoTable);
        }
        let version = mem.load(head::VERSION);
        if version != layout::VERSION {
            return Err(LayoutError::OtherVersion(version));
        }
        if mem.load(head::WORDS) != mem.words.len() as u64 {
            return Err(LayoutError::OtherSize);
        }
        let known = Known::of(mem).ok_or(LayoutError::OtherSize)?;
        Ok(Self {
            lines: Lines { mem },
            geo: known.geo,
            mode: known.mode,
            secrets: known.secrets,
        })
    }

    /// What was computed of it, for [`Table::attach_known`].
    #[must_use]
    pub fn known(&self) -> Known {
        Known {
            geo: self.geo,
            mode: self.mode,
            seed: self.mem.load(head::SEED),
            secrets: self.secrets,
        }
    }

    /// How the table's keys are compared.
    #[must_use]
    pub fn mode(&self) -> Match {
        self.mode
    }

    /// Whether a key is found by other hosts than itself.
    fn is_wildcard(&self, key: &[u8]) -> bool {
        self.mode == Match::Host && key.starts_with(b"*.")
    }

    /// Raised by every change: two equal readings with none in between saw the same table.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.mem.acquire(head::GENERATION)
    }

    /// Marks the table as replaced by another one (or takes that back): its writers are refused.
    pub fn set_superseded(&self, superseded: bool) {
        self.mem.publish(head::SUPERSEDED, u64::from(superseded));
    }

    /// Whether another table has taken over.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.mem.load(head::SUPERSEDED) != 0
    }

    /// How full the table is; each figure by itself is right.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let read = |at| self.mem.load(at);
        Stats {
            words: read(head::WORDS),
            routes: read(head::ROUTES),
            wildcards: read(head::WILDCARDS),
            peers: read(head::PEERS),
            cells: read(head::CELLS),
            names: read(head::NAMES),
            unresolved: read(head::UNRESOLVED),
            record_words: read(head::RECORD_WORDS),
            retired_words: read(head::RETIRED),
            free_pages: read(head::FREE_PAGES),
            pages: self.geo.pages as u64,
        }
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        hash(key, &self.secrets)
    }
}

#[inline]
fn hash(key: &[u8], secrets: &RapidSecrets) -> u64 {
    rapidhash_v3_nano_inline::<true, false>(key, secrets)
}

fn mode_code(mode: Match) -> u64 {
    match mode {
        Match::Host => 1,
        Match::Exact => 2,
    }
}

// The header, a descriptor and a peer line must each be whole cache lines.
const _: () = assert!(HEADER % 8 == 0 && DESC == 8 && layout::LINE == 8);
