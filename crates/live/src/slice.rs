//! A stretch of time to work in.

use std::time::{Duration, Instant};

/// How long work may take of one turn of the event loop. With the step in which it ends that is less than 5 ms.
pub const TURN: Duration = Duration::from_millis(3);

/// How long work may take that goes on beside requests: these wait that long at most, and one of its steps.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

/// A clock that only goes forward.
pub trait Clock {
    /// The time since some moment.
    fn now(&self) -> Duration;
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How long feeders may work before the event loop goes on. A feeder takes small steps and asks between them.
pub struct Slice<'c> {
    clock: &'c dyn Clock,
    until: Duration,
}

impl<'c> Slice<'c> {
    /// A slice of this length that begins now.
    #[must_use]
    pub fn new(clock: &'c dyn Clock, length: Duration) -> Self {
        let until = clock.now().saturating_add(length);
        Self { clock, until }
    }

    /// Whether the time is up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.clock.now() >= self.until
    }
}
