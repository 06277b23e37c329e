//! When something is fetched: by time, for somebody who asks, after a failure.

use crate::refresh::{PATIENCE_MS, Refresh};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

#[test]
fn by_time_and_one_at_a_time() {
    let refresh = Refresh::every(10_000);
    assert!(refresh.is_due(0), "never fetched");
    refresh.begin(0);
    assert!(!refresh.is_due(0) && !refresh.may_ask(0), "one goes on");
    assert!(refresh.is_awaited(PATIENCE_MS - 1));
    assert!(!refresh.is_awaited(PATIENCE_MS), "it takes too long");
    assert!(!refresh.is_due(60_000), "and still goes on");
    refresh.end(1_000, Some(true));
    assert!(!refresh.is_awaited(1_000));
    assert!(!refresh.is_due(10_999) && refresh.is_due(11_000));
    assert!(!refresh.is_stale(20_999) && refresh.is_stale(21_000));
}

#[test]
fn who_asks_is_heard_once_in_a_period() {
    let refresh = Refresh::every(10_000);
    refresh.begin(0);
    refresh.end(0, Some(true));
    assert!(refresh.may_ask(1), "the first one, whatever the clock says");
    refresh.ask(1);
    refresh.end(2, Some(true));
    for now in [3, 5_000, 10_000] {
        assert!(!refresh.may_ask(now), "{now}");
    }
    assert!(refresh.may_ask(10_001));
}

/// A short outage does not use up the one of its period, and a long one is no reason to ask without end.
#[test]
fn who_asks_in_an_outage_may_ask_again_after_a_growing_pause() {
    let refresh = Refresh::every(10_000);
    refresh.begin(0);
    refresh.end(0, Some(true));
    let mut now = 1;
    // A client that goes away is no way to have more: its fetch has not ended well, either.
    for (pause, well) in [
        (1_000, Some(false)),
        (2_000, None),
        (4_000, Some(false)),
        (8_000, None),
        (10_000, Some(false)),
        (10_000, Some(false)),
    ] {
        assert!(refresh.may_ask(now), "{now}");
        refresh.ask(now);
        refresh.end(now, well);
        assert!(!refresh.may_ask(now + pause - 1), "{now} {pause}");
        now += pause;
    }
    refresh.ask(now);
    refresh.end(now, Some(true));
    assert!(!refresh.may_ask(now + 9_999) && refresh.may_ask(now + 10_000));
    // The next outage begins with the short pause.
    now += 10_000;
    refresh.ask(now);
    refresh.end(now, Some(false));
    assert!(!refresh.may_ask(now + 999) && refresh.may_ask(now + 1_000));
    // One that is due counts for nobody who asks.
    refresh.begin(now + 1_000);
    refresh.end(now + 1_000, Some(true));
    assert!(refresh.may_ask(now + 1_001));
}

#[test]
fn after_a_failure() {
    let refresh = Refresh::every(10_000);
    refresh.begin(0);
    refresh.end(0, Some(false));
    assert!(!refresh.is_due(999) && !refresh.may_ask(999));
    assert!(refresh.is_due(1_000));
    refresh.begin(1_000);
    refresh.end(1_000, Some(true));
    refresh.begin(20_000);
    refresh.end(20_000, Some(false));
    assert!(
        !refresh.is_stale(90_000),
        "the provider is down: nobody waits for it"
    );
    // Nobody's failure: the request that asked has gone.
    refresh.begin(21_000);
    refresh.end(21_000, None);
    assert!(refresh.is_due(21_000));
    let often = Refresh::every(100);
    often.begin(0);
    often.end(0, Some(false));
    assert!(!often.is_due(99) && often.is_due(100));
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn all_who_wait_are_woken() {
    let (refresh, count) = (
        Rc::new(Refresh::every(1)),
        Arc::new(Count(AtomicUsize::new(0))),
    );
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    refresh.begin(0);
    let mut ended = pin!(refresh.ended());
    for _ in 0..3 {
        assert!(ended.as_mut().poll(&mut cx).is_pending());
    }
    refresh.end(0, Some(true));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(ended.as_mut().poll(&mut cx).is_ready());
    let mut later = pin!(refresh.ended());
    assert!(later.as_mut().poll(&mut cx).is_pending());
}
