//! What the table was last filled from: an older reading of a file never comes after a newer one.
//!
//! A process that begins to read takes a ticket from a counter in the table; a process that has applied all of a reading
//! writes its ticket down: `ticket 32 | source 32`. What the master read at a reload is applied by a worker, and every worker
//! holds a copy of it; the note tells them that it was applied, or that the same file was read again later.

use super::layout::head;
use super::{Table, Word};
use rapidhash::v3::rapidhash_v3;
use std::sync::atomic::Ordering;

/// One reading of a source of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    number: u32,
    source: u32,
}

impl Ticket {
    fn from_word(word: u64) -> Option<Self> {
        (word != 0).then_some(Self {
            number: (word >> 32) as u32,
            source: word as u32,
        })
    }

    fn word(self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.source)
    }

    /// Whether this reading began before `other`, or is `other`. Numbers run in a circle.
    fn not_after(self, other: Self) -> bool {
        other.number.wrapping_sub(self.number) < 1 << 31
    }
}

/// A source's name as the note keeps it; never 0.
fn fingerprint(source: &[u8]) -> u32 {
    (rapidhash_v3(source) as u32).max(1)
}

/// Whether [`Table::source`] is this for a table that was fed from `source`.
#[must_use]
pub fn is_source(number: u32, source: &[u8]) -> bool {
    number == fingerprint(source)
}

impl<W: Word> Table<'_, W> {
    /// Begins to read `source` (a file's path). Changes nothing that is served.
    #[must_use]
    pub fn take_ticket(&self, source: &[u8]) -> Ticket {
        let before = self
            .mem
            .words
            .get(head::TICKETS)
            .map_or(0, |word| word.fetch_add(1, Ordering::AcqRel));
        Ticket {
            number: before as u32,
            source: fingerprint(source),
        }
    }

    /// Whether applying this reading would bring old routes back: it was applied to its end, or a later reading of
    /// the same source was.
    #[must_use]
    pub fn is_outdated(&self, ticket: Ticket) -> bool {
        let last = Ticket::from_word(self.mem.load(head::FED));
        last.is_some_and(|last| last.source == ticket.source && ticket.not_after(last))
    }

    /// Whether what the table holds was read from `source`.
    #[must_use]
    pub fn is_fed_from(&self, source: &[u8]) -> bool {
        is_source(self.source(), source)
    }

    /// What the table was last fed from, as a number that means the same in any process and build; 0 for nothing.
    #[must_use]
    pub fn source(&self) -> u32 {
        let last = Ticket::from_word(self.mem.load(head::FED));
        last.map_or(0, |last| last.source)
    }

    /// All of a reading has been applied; the caller holds the zone's mutex, or no other process knows the table yet.
    pub fn finish_ticket(&self, ticket: Ticket) {
        let last = Ticket::from_word(self.mem.load(head::FED));
        // A later reading of another source stays the later one.
        let number = match last {
            Some(last) if ticket.not_after(last) => last.number,
            _ => ticket.number,
        };
        let done = Ticket { number, ..ticket };
        self.mem.publish(head::FED, done.word());
    }
}
