//! The lease: which process keeps a zone current.
//!
//! One word: `pid 22 | configuration generation 16 | heartbeat 26` (tenths of a second), changed by compare-and-swap,
//! so that owner and heartbeat always belong together.

use super::layout::head;
use super::{Table, Word};
use std::sync::atomic::{AtomicU64, Ordering};

/// Any process may take a lease that was not renewed for this long.
pub const LEASE_MS: u64 = 3000;

const BEATS: u64 = 1 << 26;

/// A process that asks for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The process (Linux: below 2^22).
    pub pid: u32,
    /// The configuration it runs: raised by every reload. A newer one takes the lease over at once.
    pub generation: u16,
}

impl Candidate {
    fn code(self) -> u64 {
        u64::from(self.pid & 0x3f_ffff) | u64::from(self.generation) << 22
    }

    fn newer_than(self, holder: u64) -> bool {
        let other = (holder >> 22) as u16;
        let ahead = self.generation.wrapping_sub(other);
        ahead != 0 && ahead < 0x8000
    }
}

fn beat(now_ms: u64) -> u64 {
    (now_ms / 100) % BEATS
}

/// Whether a lease renewed at `renewed` (a beat) is over.
fn stale(renewed: u64, now_ms: u64) -> bool {
    let age = beat(now_ms).wrapping_sub(renewed) % BEATS;
    // More than half the circle is a heartbeat from a moment ahead of our reading of the clock.
    age > LEASE_MS / 100 && age < BEATS / 2
}

/// The lease of a zone, in the zone.
#[derive(Debug)]
pub struct Lease<'a, W = AtomicU64>(&'a W);

impl<'a, W: Word> Lease<'a, W> {
    /// The lease that is kept in this word; 0 is a lease that nobody holds.
    #[must_use]
    pub fn new(word: &'a W) -> Self {
        Self(word)
    }

    /// Takes or renews the lease. True: this process has it for the next [`LEASE_MS`].
    #[must_use]
    pub fn acquire(&self, who: Candidate, now_ms: u64) -> bool {
        let found = self.0.load(Ordering::Acquire);
        let taken = who.code() | beat(now_ms) << 38;
        let swap = |new| {
            self.0
                .compare_exchange(found, new, Ordering::AcqRel, Ordering::Relaxed)
        };
        may_take(found, who, now_ms) && (found == taken || swap(taken).is_ok())
    }

    /// Whether [`Lease::acquire`] would take it now.
    #[must_use]
    pub fn is_open(&self, who: Candidate, now_ms: u64) -> bool {
        may_take(self.0.load(Ordering::Acquire), who, now_ms)
    }

    /// Whether this process has the lease (however long ago it renewed it).
    #[must_use]
    pub fn is_held(&self, who: Candidate) -> bool {
        holder(self.0.load(Ordering::Relaxed)) == who.code()
    }

    /// Gives the lease up, if this process has it.
    pub fn release(&self, who: Candidate) {
        let found = self.0.load(Ordering::Acquire);
        if holder(found) == who.code() {
            // If another process has taken it meanwhile, there is nothing to give up.
            let _ = self
                .0
                .compare_exchange(found, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

fn holder(word: u64) -> u64 {
    word & ((1 << 38) - 1)
}

fn may_take(found: u64, who: Candidate, now_ms: u64) -> bool {
    let (holder, renewed) = (holder(found), found >> 38);
    found == 0 || holder == who.code() || stale(renewed, now_ms) || who.newer_than(holder)
}

impl<'a, W: Word> Table<'a, W> {
    /// The lease of whoever feeds the table.
    #[must_use]
    pub fn lease(&self) -> Option<Lease<'a, W>> {
        self.mem.words.get(head::LEASE).map(Lease::new)
    }

    /// Whether this process may feed the table: it has the lease, and no other table has taken over.
    #[must_use]
    pub fn is_led_by(&self, who: Candidate) -> bool {
        !self.is_superseded() && self.lease().is_some_and(|lease| lease.is_held(who))
    }
}
