//! The feeders' lease: which process follows the file, the store and the checks.
//!
//! One word: `pid 22 | configuration generation 16 | heartbeat 26` (tenths of a second), changed by compare-and-swap,
//! so that owner and heartbeat always belong together.

use super::layout::head;
use super::{Table, Word};
use std::sync::atomic::Ordering;

/// Any process may take a lease that was not renewed for this long.
pub const LEASE_MS: u64 = 3000;

const BEATS: u64 = 1 << 26;

/// A process that asks for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feeder {
    /// The process (Linux: below 2^22).
    pub pid: u32,
    /// The configuration it runs: raised by every reload. A newer one takes the lease over at once.
    pub generation: u16,
}

impl Feeder {
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

impl<W: Word> Table<'_, W> {
    /// Takes or renews the feeders' lease. True: this process feeds the table for the next [`LEASE_MS`].
    #[must_use]
    pub fn lease_acquire(&self, who: Feeder, now_ms: u64) -> bool {
        let Some(word) = self.mem.words.get(head::LEASE) else {
            return false;
        };
        let found = word.load(Ordering::Acquire);
        let (holder, renewed) = (found & ((1 << 38) - 1), found >> 38);
        let free =
            found == 0 || holder == who.code() || stale(renewed, now_ms) || who.newer_than(holder);
        let taken = who.code() | beat(now_ms) << 38;
        free && (found == taken
            || word
                .compare_exchange(found, taken, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok())
    }

    /// Whether this process has the lease (however long ago it renewed it).
    #[must_use]
    pub fn lease_held(&self, who: Feeder) -> bool {
        self.mem.load(head::LEASE) & ((1 << 38) - 1) == who.code()
    }

    /// Gives the lease up, if this process has it.
    pub fn lease_release(&self, who: Feeder) {
        if let Some(word) = self.mem.words.get(head::LEASE) {
            let found = word.load(Ordering::Acquire);
            if found & ((1 << 38) - 1) == who.code() {
                // Lost meanwhile: then there is nothing to give up.
                let _ = word.compare_exchange(found, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }
}
