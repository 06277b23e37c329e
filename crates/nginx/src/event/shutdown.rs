//! How a worker's tasks learn that it has been told to go.
//!
//! nginx tells its idle connections: it marks each `close` and calls its read handler. So one of them is
//! ours. It stands for a descriptor that nothing is read from.

use super::worker::{self, OfLoop};
use crate::ffi::guard;
use crate::sys;
use std::fs::File;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

struct Watch {
    connection: *mut sys::ngx_connection_t,
    told_to_go: fn(),
}

static WATCH: OfLoop<Option<Watch>> = OfLoop::new(None);

/// Calls `told_to_go` when nginx closes its idle connections. Once a worker.
pub(super) fn watch(told_to_go: fn()) {
    // SAFETY: a plain global of the process.
    let process = unsafe { sys::ngx_process };
    // The one process of `master_process off` has no such shutdown.
    if process as u32 != sys::NGX_PROCESS_WORKER {
        return;
    }
    WATCH.with(|watch| {
        if watch.is_none() {
            *watch = open().map(|connection| Watch {
                connection,
                told_to_go,
            });
        }
    });
}

fn open() -> Option<*mut sys::ngx_connection_t> {
    let fd = File::open("/dev/null").ok()?.into_raw_fd();
    // SAFETY: a worker has its table of connections; the log is that of the running cycle.
    let connection = unsafe { sys::ngx_get_connection(fd, worker::log()) };
    // SAFETY: null or the fresh connection, ours alone.
    let Some(fields) = (unsafe { connection.as_mut() }) else {
        // SAFETY: opened above, owned by nobody.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
        return None;
    };
    fields.set_idle(1);
    // SAFETY: a connection has its read event.
    unsafe { (*fields.read).handler = Some(closing) };
    // SAFETY: as above.
    unsafe { (*fields.read).log = worker::log() };
    // SAFETY: a connection has its write event.
    unsafe { (*fields.write).log = worker::log() };
    Some(connection)
}

/// Closes it: nothing must be open when the worker exits.
pub(super) fn forget() {
    close();
}

fn close() -> Option<fn()> {
    let watch = WATCH.with(Option::take).flatten()?;
    // SAFETY: made by `open`, closed once.
    unsafe { sys::ngx_close_connection(watch.connection) };
    Some(watch.told_to_go)
}

unsafe extern "C" fn closing(_: *mut sys::ngx_event_t) {
    let body = || {
        if let Some(told_to_go) = close() {
            told_to_go();
        }
    };
    // SAFETY: the log of the running cycle.
    unsafe { guard::run(worker::log(), "ending tasks", (), body) }
}
