//! How a table's feeder does, as all workers know it: two numbers in memory that they share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Whether what feeds a table could be used when it was looked at last, and when it could the last time.
#[derive(Clone, Copy)]
pub struct Pulse {
    is_up: &'static AtomicU64,
    last_success: &'static AtomicU64,
}

impl Pulse {
    /// How many numbers it has.
    pub const NUMBERS: usize = 2;

    /// The one in these numbers; None if there are others than [`Pulse::NUMBERS`].
    #[must_use]
    pub fn of(numbers: &'static [AtomicU64]) -> Option<Self> {
        let [is_up, last_success] = numbers else {
            return None;
        };
        Some(Self {
            is_up,
            last_success,
        })
    }

    /// It was looked at, at this time since 1970.
    pub fn note(&self, is_up: bool, time: Duration) {
        self.is_up.store(is_up.into(), Ordering::Relaxed);
        if is_up {
            self.last_success.store(time.as_secs(), Ordering::Relaxed);
        }
    }

    /// What it says was true of a table that is gone: nothing has been looked at yet.
    pub fn clear(&self) {
        self.is_up.store(0, Ordering::Relaxed);
        self.last_success.store(0, Ordering::Relaxed);
    }

    /// Whether it could be used when it was looked at last.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed) != 0
    }

    /// When it could be used the last time, seconds since 1970; 0 for never.
    #[must_use]
    pub fn last_success(&self) -> u64 {
        self.last_success.load(Ordering::Relaxed)
    }
}
