//! When something that requests fetch is fetched anew, and who waits for it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The shortest time between a fetch that failed and the next one, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// The longest that anybody waits for a fetch, in milliseconds.
pub const PATIENCE_MS: u64 = 5_000;

/// A time of which there may have been none: milliseconds of the event loop's clock.
type Time = Cell<Option<u64>>;

/// What one worker fetches again and again, one fetch at a time.
#[derive(Default)]
pub struct Refresh {
    every_ms: u64,
    /// When the fetch that goes on began.
    begun: Time,
    /// When the last good one ended.
    good: Time,
    /// When the last one failed, if none was good since.
    failed: Time,
    /// When the last good one began that somebody asked for before it was time.
    asked: Time,
    /// Whether the one that goes on is such a one.
    is_early: Cell<bool>,
    /// When the last such one failed, and how many have since the last good one of either kind.
    missed: Time,
    misses: Cell<u32>,
    /// How many have ended.
    rounds: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Refresh {
    /// Fetched so often; never 0.
    #[must_use]
    pub fn every(every_ms: u64) -> Self {
        Self {
            every_ms,
            ..Self::default()
        }
    }

    /// Whether it is time for a fetch.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.is_free(now_ms) && is_past(&self.good, self.every_ms, now_ms)
    }

    /// Whether there may be one before it is time, for somebody who needs what is not there. Once in a period; one that
    /// fails does not count, but doubles the pause before the next: a short outage does not use up what is there for new
    /// keys, and in a long one nobody is asked without end.
    #[must_use]
    pub fn may_ask(&self, now_ms: u64) -> bool {
        let pause = match self.misses.get() {
            0 => 0,
            misses => RETRY_MS.saturating_mul(2_u64.saturating_pow(misses.saturating_sub(1))),
        };
        self.is_free(now_ms)
            && is_past(&self.asked, self.every_ms, now_ms)
            && is_past(&self.missed, pause.min(self.every_ms), now_ms)
    }

    /// A fetch begins before it is time.
    pub fn ask(&self, now_ms: u64) {
        self.is_early.set(true);
        self.begin(now_ms);
    }

    /// A fetch begins.
    pub fn begin(&self, now_ms: u64) {
        self.begun.set(Some(now_ms));
    }

    /// The fetch has ended. One that nobody could end well (`None`) counts as none: the next may begin at once, if it is due.
    pub fn end(&self, now_ms: u64, well: Option<bool>) {
        let begun = self.begun.take();
        let is_early = self.is_early.take();
        match well {
            Some(true) => {
                self.good.set(Some(now_ms));
                self.failed.set(None);
                self.misses.set(0);
                if is_early {
                    self.asked.set(begun);
                }
            }
            Some(false) => self.failed.set(Some(now_ms)),
            None => {}
        }
        if is_early && well != Some(true) {
            self.missed.set(Some(now_ms));
            self.misses.set(self.misses.get().saturating_add(1));
        }
        self.rounds.set(self.rounds.get().wrapping_add(1));
        let waiting = self.waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether what is there is so old that nobody should rely on it while a newer one is on its way.
    #[must_use]
    pub fn is_stale(&self, now_ms: u64) -> bool {
        self.failed.get().is_none() && is_past(&self.good, self.every_ms.saturating_mul(2), now_ms)
    }

    /// Whether a fetch goes on that may end soon.
    #[must_use]
    pub fn is_awaited(&self, now_ms: u64) -> bool {
        let begun = self.begun.get();
        begun.is_some_and(|begun| now_ms.saturating_sub(begun) < PATIENCE_MS)
    }

    /// The end of the fetch that goes on.
    pub fn ended(self: &Rc<Self>) -> Ended {
        Ended {
            of: Rc::clone(self),
            seen: self.rounds.get(),
        }
    }

    fn is_free(&self, now_ms: u64) -> bool {
        let pause = self.every_ms.min(RETRY_MS);
        self.begun.get().is_none() && is_past(&self.failed, pause, now_ms)
    }
}

/// Whether so much time has passed since; also when there was none.
fn is_past(since: &Time, ms: u64, now_ms: u64) -> bool {
    since
        .get()
        .is_none_or(|since| now_ms.saturating_sub(since) >= ms)
}

/// See [`Refresh::ended`].
pub struct Ended {
    of: Rc<Refresh>,
    seen: u64,
}

impl Future for Ended {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.of.rounds.get() != self.seen {
            return Poll::Ready(());
        }
        if let Ok(mut waiting) = self.of.waiting.try_borrow_mut() {
            if !waiting.iter().any(|one| one.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
        }
        Poll::Pending
    }
}
