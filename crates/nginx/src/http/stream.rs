//! The body of a reply on its way to the client, one piece at a time.
//!
//! nginx's filters refer to a piece until the client has taken it, so there is one, and the next is made when
//! it is gone. Between two pieces the loop takes a turn. A timer beside that keeps a worker that is told to go
//! until the reply is complete.

use crate::event::own::{Handle, Own, Waits};
use crate::event::worker;
use crate::ffi::guard;
use crate::http::attached::{self, Attach};
use crate::http::bits;
use crate::http::reply::{Next, Producer, Source};
use crate::http::request::Request;
use crate::sys;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ptr;

/// A reply's body; it belongs to the request.
struct Stream(Own<State>);

struct State {
    name: &'static str,
    /// Null once the request is over.
    r: Cell<*mut sys::ngx_http_request_t>,
    producer: RefCell<Option<Box<dyn Producer>>>,
    /// The piece that nginx's buffer refers to; only changed when that is empty.
    piece: RefCell<Vec<u8>>,
    buffer: UnsafeCell<sys::ngx_buf_t>,
    chain: UnsafeCell<sys::ngx_chain_t>,
    /// After the piece that is on its way.
    next: Cell<Next>,
    /// What is sent next depends on the client, and not on the loop's turn or on time.
    waits_for_client: Cell<bool>,
}

impl Attach for Stream {
    fn ended(&self) {
        self.0.cancel();
        let state = self.0.value();
        state.r.set(ptr::null_mut());
        // Not the piece: nginx may still refer to it.
        let producer = state.producer.take();
        drop(producer);
    }
}

/// A whole body as the one piece of it.
struct Whole(Vec<u8>);

impl Producer for Whole {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        std::mem::swap(out, &mut self.0);
        Next::End
    }
}

/// The longest that nothing happens between two pieces.
const TURN_MS: u64 = 60_000;

/// Sends a body; the header has been sent.
///
/// # Safety
/// A count of `r` is the caller's to give back: it is given back when the body is sent. The caller does not
/// use the request afterwards.
pub(super) unsafe fn begin(r: Request<'_>, name: &'static str, body: Source) {
    let producer: Box<dyn Producer> = match body {
        Source::Nothing => Box::new(Whole(Vec::new())),
        Source::Bytes(bytes) => Box::new(Whole(bytes)),
        Source::Producer(producer) => producer,
    };
    let state = State {
        name,
        r: Cell::new(r.raw()),
        producer: RefCell::new(Some(producer)),
        piece: RefCell::default(),
        // SAFETY: plain C data for which zero is valid.
        buffer: UnsafeCell::new(unsafe { std::mem::zeroed() }),
        // SAFETY: plain C data for which zero is valid.
        chain: UnsafeCell::new(unsafe { std::mem::zeroed() }),
        next: Cell::new(Next::More),
        waits_for_client: Cell::new(false),
    };
    let stream = attached::attach(r, Stream(Own::new(name, state, turn)));
    match stream {
        // SAFETY: promised by the caller.
        None => unsafe { sys::ngx_http_finalize_request(r.raw(), sys::NGX_ERROR as isize) },
        Some(stream) => {
            // SAFETY: a live request; a plain field.
            unsafe { (*r.raw()).write_event_handler = Some(writable) };
            // SAFETY: a live request. Where it cannot be watched its writes fail.
            unsafe { bits::gatehouse_request_watch_client(r.raw()) };
            advance(&stream.0);
        }
    }
}

/// A turn of the loop has passed, or the time the producer wanted to wait.
fn turn(handle: &Handle<State>) {
    handle.cancel();
    let r = handle.value().r.get();
    // SAFETY: null, or a live request: it says when it ends.
    let Some(connection) = (unsafe { r.as_ref() }).map(|r| r.connection) else {
        return;
    };
    advance(handle);
    // SAFETY: the connection that the request was on; nginx itself looks whether it is still open.
    unsafe { sys::ngx_http_run_posted_requests(connection) };
}

/// `ngx_http_request_t.write_event_handler`: the client may take more, or its time is over.
unsafe extern "C" fn writable(r: *mut sys::ngx_http_request_t) {
    // SAFETY: nginx passes a live request.
    let request = unsafe { Request::new(r) };
    let body = || {
        let Some(stream) = attached::find::<Stream>(request, |s| s.0.value().r.get() == r) else {
            return;
        };
        // SAFETY: a live request.
        match unsafe { bits::gatehouse_request_may_write(r) } {
            0 if stream.0.value().waits_for_client.get() => advance(&stream.0),
            0 => {}
            1 => {}
            _ => {
                request.log(crate::Level::Info, "client timed out");
                // SAFETY: a live request.
                unsafe { bits::gatehouse_request_timed_out(r) };
                finish(&stream.0, sys::NGX_HTTP_REQUEST_TIME_OUT as isize);
            }
        }
    };
    // SAFETY: the connection's log is live.
    unsafe { guard::run(request.log_ptr(), "sending a reply", (), body) }
}

/// Sends what is there, or makes the next piece; then waits for the client or for the loop's next turn.
fn advance(handle: &Handle<State>) {
    let state = handle.value();
    let r = state.r.get();
    if r.is_null() {
        return;
    }
    state.waits_for_client.set(false);
    let chain = if state.is_sent() {
        match state.make() {
            Some(chain) => chain,
            None => return finish(handle, sys::NGX_ERROR as isize),
        }
    } else {
        ptr::null_mut()
    };
    // SAFETY: a live request whose header has been sent; the chain is the state's, which outlives it.
    let result = unsafe { sys::ngx_http_output_filter(r, chain) };
    if result == sys::NGX_ERROR as isize {
        return finish(handle, result);
    }
    match state.next.get() {
        // nginx sends what is left by itself.
        Next::End => finish(handle, result),
        _ if !state.is_sent() => {
            state.waits_for_client.set(true);
            // SAFETY: a live request.
            if unsafe { bits::gatehouse_request_wait_write(r) } != sys::NGX_OK as isize {
                finish(handle, sys::NGX_ERROR as isize);
            }
        }
        Next::Later(time) => {
            let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            handle.after(time, Waits::Yes);
        }
        _ => {
            handle.after(TURN_MS, Waits::Yes);
            handle.post();
        }
    }
}

/// Ends the request with that result.
fn finish(handle: &Handle<State>, result: isize) {
    handle.cancel();
    let state = handle.value();
    let r = state.r.replace(ptr::null_mut());
    let producer = state.producer.take();
    // SAFETY: a null log is allowed.
    unsafe { guard::run(worker::log(), state.name, (), || drop(producer)) };
    // SAFETY: live until now; the count that `begin` was given. Nothing of the request is used afterwards.
    unsafe { sys::ngx_http_finalize_request(r, result) };
}

impl State {
    /// Whether the client, or a filter of nginx's, has taken all of the piece.
    fn is_sent(&self) -> bool {
        // SAFETY: nginx's filters run on this thread, and not now.
        let buffer = unsafe { &*self.buffer.get() };
        buffer.pos == buffer.last
    }

    /// Makes the next piece; None: the reply cannot go on.
    fn make(&self) -> Option<*mut sys::ngx_chain_t> {
        let mut piece = self.piece.try_borrow_mut().ok()?;
        piece.clear();
        let mut producer = self.producer.take()?;
        let made = || producer.next(&mut piece);
        // SAFETY: a live request.
        let log = unsafe { Request::new(self.r.get()) }.log_ptr();
        // SAFETY: the connection's log is live.
        let next = unsafe { guard::run(log, self.name, Next::Failed, made) };
        if next == Next::Failed {
            return None;
        }
        self.producer.replace(Some(producer));
        self.next.set(next);
        let range = piece.as_mut_ptr_range();
        // SAFETY: the buffer is empty, so nobody refers to what it was about.
        let buffer = unsafe { &mut *self.buffer.get() };
        // SAFETY: plain C data for which zero is valid.
        *buffer = unsafe { std::mem::zeroed() };
        (buffer.start, buffer.pos) = (range.start, range.start);
        (buffer.last, buffer.end) = (range.end, range.end);
        buffer.set_memory(u32::from(!piece.is_empty()));
        buffer.set_flush(1);
        // SAFETY: a live request; a plain field.
        let r = unsafe { &*self.r.get() };
        let last = next == Next::End;
        buffer.set_last_buf(u32::from(last && ptr::eq(r, r.main)));
        buffer.set_last_in_chain(u32::from(last));
        buffer.set_sync(u32::from(last && !ptr::eq(r, r.main) && piece.is_empty()));
        let chain = self.chain.get();
        // SAFETY: nginx keeps no link of ours, only buffers.
        unsafe { (*chain).buf = self.buffer.get() };
        // SAFETY: as above.
        unsafe { (*chain).next = ptr::null_mut() };
        Some(chain)
    }
}
