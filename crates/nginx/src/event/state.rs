//! What nginx tells about a connection, kept for the task that waits for it.

use super::worker;
use crate::ffi::guard;
use crate::ffi::log::{self, Level};
use crate::sys;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::io;
use std::rc::Rc;
use std::task::Waker;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Read,
    Write,
}

/// What is known of one direction.
#[derive(Default)]
struct Known {
    /// nginx has called its handler.
    event: Cell<bool>,
    timed_out: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// See the module; `ngx_connection_t.data` and `ngx_log_t.wdata` lead to it.
pub(super) struct State {
    read: Known,
    write: Known,
    /// The worker goes, and the connection was idle.
    closed: Cell<bool>,
    /// The log that nginx has for the connection: it ends in `text`.
    log: UnsafeCell<sys::ngx_log_t>,
    /// What nginx has said last.
    text: RefCell<String>,
}

impl State {
    pub(super) fn new() -> Rc<Self> {
        // SAFETY: plain C data for which zero is valid.
        let mut log: sys::ngx_log_t = unsafe { std::mem::zeroed() };
        log.log_level = Level::Info as usize;
        log.writer = Some(keep);
        let state = Rc::new(Self {
            read: Known::default(),
            write: Known::default(),
            closed: Cell::new(false),
            log: UnsafeCell::new(log),
            text: RefCell::default(),
        });
        let data = Rc::as_ptr(&state).cast_mut().cast();
        // SAFETY: nginx does not know the log yet.
        unsafe { (*state.log.get()).wdata = data };
        state
    }

    /// The log for nginx; it lives as long as the state.
    pub(super) fn log(&self) -> *mut sys::ngx_log_t {
        self.log.get()
    }

    fn side(&self, side: Side) -> &Known {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }

    pub(super) fn clear(&self, side: Side) {
        let known = self.side(side);
        known.event.set(false);
        known.timed_out.set(false);
        self.text.take();
    }

    pub(super) fn take_event(&self, side: Side) -> bool {
        self.side(side).event.take()
    }

    pub(super) fn register(&self, side: Side, waker: &Waker) {
        let before = self.side(side).waker.replace(Some(waker.clone()));
        drop(before);
    }

    fn wake(&self, side: Side) {
        let known = self.side(side);
        known.event.set(true);
        let waker = known.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes whoever waits for that side, because of an event or because the time is over.
    pub(super) fn wake_after(&self, side: Side, timed_out: bool) {
        self.side(side).timed_out.set(timed_out);
        self.wake(side);
    }

    /// Why an operation must not go on.
    pub(super) fn failed(&self, side: Side, what: &str) -> Option<io::Error> {
        if self.closed.get() {
            let text = format!("{what} ended: the worker is shutting down");
            return Some(io::Error::new(io::ErrorKind::ConnectionAborted, text));
        }
        self.side(side).timed_out.take().then(|| {
            let text = format!("{what} timed out");
            io::Error::new(io::ErrorKind::TimedOut, text)
        })
    }

    /// nginx's own words, or `otherwise` where it has said nothing.
    pub(super) fn error(&self, otherwise: &str) -> io::Error {
        let text = self.text.take();
        if text.is_empty() {
            return io::Error::other(otherwise.to_owned());
        }
        // `connect() to unix:/x failed (2: No such file or directory)`
        let number = text
            .rsplit_once('(')
            .and_then(|(_, end)| end.split_once(':'));
        let number = number.and_then(|(number, _)| number.parse().ok());
        let kind = number.map_or(io::ErrorKind::Other, |number| {
            io::Error::from_raw_os_error(number).kind()
        });
        io::Error::new(kind, text)
    }

    /// The handler of a connection's read event.
    pub(super) unsafe extern "C" fn readable(event: *mut sys::ngx_event_t) {
        // SAFETY: nginx passes an event of a connection that `Connection::adopt` has made ours.
        unsafe { happened(event, Side::Read) }
    }

    /// The handler of its write event.
    pub(super) unsafe extern "C" fn writable(event: *mut sys::ngx_event_t) {
        // SAFETY: nginx passes an event of a connection that `Connection::adopt` has made ours.
        unsafe { happened(event, Side::Write) }
    }
}

/// The state of a connection of ours.
///
/// # Safety
/// `connection` is open and `Connection::adopt` has made it ours.
pub(super) unsafe fn of(connection: *const sys::ngx_connection_t) -> Rc<State> {
    // SAFETY: promised by the caller.
    let state = unsafe { (*connection).data }.cast::<State>().cast_const();
    // SAFETY: the connection's owner holds an Rc of it as long as the connection is open.
    unsafe { Rc::increment_strong_count(state) };
    // SAFETY: the count of the line above. It keeps the state, whatever waking a task drops.
    unsafe { Rc::from_raw(state) }
}

/// # Safety
/// `event` is that side's event of an open connection of ours.
unsafe fn happened(event: *mut sys::ngx_event_t, side: Side) {
    // SAFETY: a connection's event leads back to it.
    let connection = unsafe { (*event).data }.cast::<sys::ngx_connection_t>();
    // SAFETY: promised by the caller.
    let state = unsafe { of(connection) };
    // SAFETY: an event of an open connection.
    let timed_out = unsafe { (*event).timedout() } != 0;
    // SAFETY: as above.
    unsafe { (*event).set_timedout(0) };
    // SAFETY: an open connection.
    let closed = unsafe { (*connection).close() } != 0;
    if closed {
        state.closed.set(true);
    }
    // Where events come again and again until they are taken (poll, select), this one rests until somebody
    // waits for it.
    // A failure shows when somebody waits for it.
    match side {
        // SAFETY: an event of an open connection.
        Side::Read => unsafe { sys::ngx_handle_read_event(event, 0) },
        // SAFETY: as above.
        Side::Write => unsafe { sys::ngx_handle_write_event(event, 0) },
    };
    // Nothing of the connection is used from here on.
    // SAFETY: the log of the running cycle.
    unsafe {
        guard::run(worker::log(), "waking a task", (), || {
            state.wake_after(side, timed_out);
            if closed {
                state.wake(Side::Read);
                state.wake(Side::Write);
            }
        });
    }
}

/// `ngx_log_t.writer`: keeps the message, without the time and process before it.
unsafe extern "C" fn keep(log: *mut sys::ngx_log_t, level: usize, line: *mut u8, length: usize) {
    // SAFETY: nginx passes the log of `State::new`.
    let state = unsafe { (*log).wdata }.cast::<State>().cast_const();
    // SAFETY: `wdata` leads to the state, which lives as long as its log is in use.
    let state = unsafe { &*state };
    // SAFETY: nginx passes its line of that length.
    let line = unsafe { std::slice::from_raw_parts(line, length) };
    let body = || {
        let line = String::from_utf8_lossy(line);
        let text = message(&line);
        if level <= Level::Alert as usize {
            // A fault of nginx's or ours: it does not depend on who asked.
            log::cycle(Level::Alert, text);
        }
        text.clone_into(&mut state.text.borrow_mut());
    };
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), "keeping a message", (), body) }
}

/// `2026/11/29 08:00:00 [error] 17#17: *5 connect() …` → `connect() …`
fn message(line: &str) -> &str {
    let text = line
        .split_once('#')
        .and_then(|(_, rest)| rest.split_once(": "));
    let text = text.map_or(line, |(_, text)| text).trim_end();
    match text.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => text,
    }
}
