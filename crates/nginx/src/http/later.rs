//! Answers that take time: the request waits while a task makes them.
//!
//! A client that goes meanwhile does not end the task: what was begun for it is done to its end. A worker that is told to
//! go stays for the answer.

use crate::event::own::{Handle, Own, Waits, WeakHandle};
use crate::event::task::Bound;
use crate::http::attached::{self, Attach};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::sys;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::time::Duration;

/// A reply that is being made.
pub(super) type Making = Pin<Box<dyn Future<Output = Reply>>>;

/// Ends a request with a reply.
///
/// # Safety
/// A count of the request is the caller's to give back; it does not use the request afterwards.
pub(super) type Send = unsafe fn(Request<'_>, Reply);

/// The longest that an answer takes: then it is 504.
const PATIENCE: Duration = Duration::from_secs(600);

/// The answer of a request; it belongs to the request.
struct Pending(Own<State>);

struct State {
    /// Null once the request is over, or has been answered.
    r: Cell<*mut sys::ngx_http_request_t>,
    task: RefCell<Option<Bound>>,
    reply: Cell<Option<Reply>>,
    send: Send,
}

impl Attach for Pending {
    fn ended(&self) {
        let state = self.0.value();
        state.r.set(ptr::null_mut());
        let task = state.task.take();
        drop(task);
        // The task's end may have asked for a last turn.
        self.0.cancel();
    }
}

/// Sends what `making` gives, when it does.
///
/// # Safety
/// As [`Send`].
pub(super) unsafe fn begin(r: Request<'_>, name: &'static str, making: Making, send: Send) {
    let state = State {
        r: Cell::new(r.raw()),
        task: RefCell::default(),
        reply: Cell::new(None),
        send,
    };
    let Some(pending) = attached::attach(r, Pending(Own::new(name, state, turn))) else {
        // SAFETY: promised by the caller.
        return unsafe { send(r, Reply::new(500)) };
    };
    // SAFETY: a live request; nginx calls this when it could write something.
    unsafe { (*r.raw()).write_event_handler = Some(sys::ngx_http_request_empty_handler) };
    let promise = Promise(pending.0.downgrade());
    let task = Bound::spawn(name, async move {
        let reply = making.await;
        promise.keep(reply);
    });
    if task.is_none() {
        pending.ended();
        // SAFETY: promised by the caller.
        return unsafe { send(r, Reply::new(500)) };
    }
    pending.0.value().task.replace(task);
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    pending.0.after(patience, Waits::Yes);
}

/// The task's end: kept by a reply, or broken when it is dropped without.
struct Promise(WeakHandle<State>);

impl Promise {
    fn keep(&self, reply: Reply) {
        if let Some(handle) = self.0.upgrade() {
            let before = handle.value().reply.take();
            // The first one counts.
            handle.value().reply.set(Some(before.unwrap_or(reply)));
            handle.post();
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.keep(Reply::new(500));
    }
}

/// The reply is there, or the time is over.
fn turn(handle: &Handle<State>) {
    handle.cancel();
    let state = handle.value();
    let reply = state.reply.take();
    // Dropping the task must not count as its failure.
    let raw = state.r.replace(ptr::null_mut());
    let task = state.task.take();
    drop(task);
    handle.cancel();
    // SAFETY: null, or a live request: it says when it ends.
    let Some(connection) = (unsafe { raw.as_ref() }).map(|r| r.connection) else {
        return;
    };
    // SAFETY: live, see above.
    let request = unsafe { Request::new(raw) };
    // SAFETY: the count that `begin` was given; the request is not used afterwards.
    unsafe { (state.send)(request, reply.unwrap_or(Reply::new(504))) };
    // SAFETY: the connection that the request was on; nginx itself looks whether it is still open.
    unsafe { sys::ngx_http_run_posted_requests(connection) };
}
