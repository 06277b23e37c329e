//! Waiting for time to pass.

use super::own::{Handle, Own, Waits};
use super::worker;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A future that is ready after `time`. It keeps no worker alive. Off a worker's loop it is ready at once.
pub fn sleep(time: Duration) -> Sleep {
    Sleep::new(time, Waits::No)
}

/// See [`sleep`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Sleep {
    time: Duration,
    waits: Waits,
    alarm: Option<Own<Alarm>>,
}

struct Alarm {
    rang: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Sleep {
    pub(crate) fn new(time: Duration, waits: Waits) -> Self {
        Self {
            time,
            waits,
            alarm: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !worker::on_loop() {
            return Poll::Ready(());
        }
        let Some(alarm) = &self.alarm else {
            let alarm = Own::new("waking a task", Alarm::new(cx.waker()), Alarm::ring);
            let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
            alarm.after(time, self.waits);
            self.alarm = Some(alarm);
            return Poll::Pending;
        };
        if alarm.value().rang.get() {
            return Poll::Ready(());
        }
        alarm.value().waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Alarm {
    fn new(waker: &Waker) -> Self {
        Self {
            rang: Cell::new(false),
            waker: RefCell::new(Some(waker.clone())),
        }
    }

    fn ring(handle: &Handle<Self>) {
        let alarm = handle.value();
        alarm.rang.set(true);
        let waker = alarm.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The time given to [`within`] ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

/// What `future` gives, unless `time` passes first; then it is dropped.
pub async fn within<F: Future>(time: Duration, future: F) -> Result<F::Output, TimedOut> {
    let mut future = std::pin::pin!(future);
    let mut alarm = std::pin::pin!(sleep(time));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        alarm.as_mut().poll(cx).map(|()| Err(TimedOut))
    })
    .await
}
