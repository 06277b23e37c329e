//! What has changed lately: a ring of events in the table's own memory, for whoever follows the table.
//!
//! A writer notes each change under the lock, after it can be seen. Positions count the words ever written, so that an
//! event's position is its number, too, and they begin anywhere: a position of one table is none of another. An event is
//! `kind 8 | about 8 | text bytes 16 | words 16`, its position, and its text. The oldest events make room for new ones:
//! [`head::EVENTS_BEGIN`] goes on before their words are overwritten. Readers copy an event without the lock and believe it
//! if it is still behind that afterwards.
//!
//! After a writer was killed an event may be missing. So a repair leaves no position valid that anybody may know.

use super::layout::head;
use super::record::{Owner, push_bytes};
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// Words of an event before its text.
const HEAD: usize = 2;

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A key has a route, or another one than before. The text is the key.
    Put(Owner),
    /// A key has none any more. The text is the key.
    Remove(Owner),
    /// A backend is used or left out. The text is its URL.
    Health {
        /// Whether it is used.
        up: bool,
        /// Who says so.
        by: By,
    },
    /// What feeds the table can be used, or not. The text is its name.
    Feeder {
        /// Whether it can.
        up: bool,
    },
}

/// Who says of a backend that it is up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Requests: they fail, or one succeeds again.
    Requests,
    /// A mark in the store.
    Mark,
    /// Somebody has reset it.
    Reset,
    /// Active checks.
    Check,
}

impl By {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Mark => "mark",
            Self::Reset => "reset",
            Self::Check => "check",
        }
    }

    const ALL: [Self; 4] = [Self::Requests, Self::Mark, Self::Reset, Self::Check];
}

const PUT: u64 = 1;
const REMOVE: u64 = 2;
const HEALTH: u64 = 3;
const FEEDER: u64 = 4;

impl What {
    fn word(self) -> u64 {
        let (kind, about) = match self {
            Self::Put(owner) => (PUT, owner.code()),
            Self::Remove(owner) => (REMOVE, owner.code()),
            Self::Health { up, by } => {
                let by = By::ALL.iter().position(|one| *one == by).unwrap_or(0);
                (HEALTH, u64::from(up) | (by as u64) << 1)
            }
            Self::Feeder { up } => (FEEDER, up.into()),
        };
        kind | about << 8
    }

    fn from_word(word: u64) -> Option<Self> {
        let about = word >> 8 & 0xff;
        let up = about & 1 != 0;
        Some(match word & 0xff {
            PUT => Self::Put(Owner::from_code(about)?),
            REMOVE => Self::Remove(Owner::from_code(about)?),
            HEALTH => Self::Health {
                up,
                by: *By::ALL.get((about >> 1) as usize)?,
            },
            FEEDER => Self::Feeder { up },
            _ => return None,
        })
    }
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What has changed.
    pub what: What,
    /// The key, URL or name that it is about.
    pub text: Vec<u8>,
}

/// What follows a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// This event.
    Event(Event),
    /// Nothing so far.
    Nothing,
    /// It cannot be known: the events that followed are gone, or the position is of another table.
    Lost,
}

/// A place among the events of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(u64);

impl Position {
    /// The place of this number.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number: that of the last event before it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// The event that follows; goes on behind it.
    pub fn next<W: Word>(&mut self, table: &Table<'_, W>) -> Following {
        let end = table.mem.acquire(head::EVENTS_END);
        if self.0 == end {
            return Following::Nothing;
        }
        match table.event_at(self.0, end) {
            Some((event, words)) => {
                self.0 = self.0.wrapping_add(words);
                Following::Event(event)
            }
            None => Following::Lost,
        }
    }
}

impl<W: Word> Table<'_, W> {
    /// The place behind all events.
    #[must_use]
    pub fn events_end(&self) -> Position {
        Position(self.mem.acquire(head::EVENTS_END))
    }

    /// Notes that somebody follows the events.
    pub fn watch_events(&self, now_ms: u64) {
        self.mem.publish(head::EVENTS_WATCHED, now_ms.max(1));
    }

    /// Whether somebody has followed the events within so many milliseconds.
    #[must_use]
    pub fn are_events_watched(&self, now_ms: u64, within_ms: u64) -> bool {
        let last = self.mem.load(head::EVENTS_WATCHED);
        last != 0 && now_ms.saturating_sub(last) <= within_ms
    }

    /// Where the word of this position is.
    fn event_word(&self, position: u64) -> usize {
        let ring = self.geo.events.max(1) as u64;
        let at = position.checked_rem(ring).unwrap_or(0);
        self.geo.events_at.saturating_add(at as usize)
    }

    /// The event at a position before `end`, and its words.
    fn event_at(&self, position: u64, end: u64) -> Option<(Event, u64)> {
        let behind = end.wrapping_sub(position);
        let ring = self.geo.events as u64;
        let load = |at: u64| self.mem.load(self.event_word(position.wrapping_add(at)));
        let (word, number) = (load(0), load(1));
        let (len, words) = ((word >> 16 & 0xffff) as usize, word >> 32 & 0xffff);
        let sound = behind <= ring
            && number == position
            && words == event_words(len) as u64
            && words <= behind;
        let mut text = Vec::new();
        if sound {
            let from = HEAD as u64;
            let bytes = (from..words).flat_map(|at| load(at).to_ne_bytes());
            text.extend(bytes.take(len));
        }
        W::fence(Ordering::Acquire);
        let begin = self.mem.load(head::EVENTS_BEGIN);
        // Not by the end, which is an earlier one: a whole ring may have been written since.
        let is_whole = sound && position.wrapping_sub(begin) <= ring;
        let what = What::from_word(word)?;
        is_whole.then_some((Event { what, text }, words))
    }

    /// The oldest event that can stay when so many words come; `None` if they do not fit, or what is there is no event.
    fn first_event_beside(&self, words: u64) -> Option<u64> {
        let end = self.mem.load(head::EVENTS_END);
        let mut first = self.mem.load(head::EVENTS_BEGIN);
        let room = (self.geo.events as u64).checked_sub(words)?;
        while end.wrapping_sub(first) > room {
            let gone = self.mem.load(self.event_word(first)) >> 32 & 0xffff;
            let number = self.mem.load(self.event_word(first.wrapping_add(1)));
            let left = end.wrapping_sub(first).checked_sub(gone);
            if gone == 0 || number != first || left.is_none() {
                return None;
            }
            first = first.wrapping_add(gone);
        }
        Some(first)
    }

    /// Notes an event. The caller holds the lock; what has changed can be seen.
    pub(super) fn note_event(&self, what: What, text: &[u8]) {
        let words = event_words(text.len()) as u64;
        let Some(first) = self.first_event_beside(words) else {
            // Nothing that is longer than all of the ring, and no ring that is broken, may end in silence.
            return self.forget_events();
        };
        let end = self.mem.load(head::EVENTS_END);
        let next = end.wrapping_add(words);
        self.mem.publish(head::EVENTS_BEGIN, first);
        // Readers see that the old events are gone before they can see them overwritten.
        W::fence(Ordering::Release);
        let mut content = Vec::with_capacity(words as usize);
        content.push(what.word() | (text.len() as u64 & 0xffff) << 16 | words << 32);
        content.push(end);
        push_bytes(&mut content, &[text]);
        for (at, word) in (0..).zip(content) {
            self.mem.store(self.event_word(end.wrapping_add(at)), word);
        }
        self.mem.publish(head::EVENTS_END, next);
    }

    /// No position that was known is valid any more.
    pub(super) fn forget_events(&self) {
        let ring = self.geo.events as u64;
        let next = self.mem.load(head::EVENTS_END).wrapping_add(ring);
        let next = next.wrapping_add(1);
        self.mem.publish(head::EVENTS_END, next);
        self.mem.publish(head::EVENTS_BEGIN, next);
    }

    /// A new table's positions begin anywhere.
    pub(super) fn begin_events(&self) {
        // Numbers that every reader of JSON holds exactly.
        let anywhere = self.hash(b"\0events") >> 16;
        self.mem.store(head::EVENTS_BEGIN, anywhere);
        self.mem.store(head::EVENTS_END, anywhere);
    }
}

fn event_words(text: usize) -> usize {
    text.div_ceil(8).saturating_add(HEAD)
}
