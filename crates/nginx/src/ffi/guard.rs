//! The guard: no panic crosses into nginx.
//!
//! nginx is C: unwinding into it is undefined and aborting would kill a worker, or at reload the
//! master. Every `extern "C"` function of this crate therefore runs its body here.

use crate::ffi::log::{self, Level};
use crate::sys::{self, ngx_log_t};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Line and file of the panic being caught. No destructor: one would pin the library in
    /// memory after nginx has unloaded it.
    static WHERE: Cell<Option<(&'static str, u32)>> = const { Cell::new(None) };
}

static HOOK: Once = Once::new();

/// Keeps std's own panic message off stderr: the guard writes one `[alert]` line instead.
pub(crate) fn install_hook() {
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|l| {
                // SAFETY: `Location::caller` data are string literals of this library.
                let file: &'static str = unsafe { std::mem::transmute::<&str, &str>(l.file()) };
                (file, l.line())
            });
            WHERE.with(|w| w.set(place));
        }));
    });
}

/// Runs `body`; a panic is logged as `[alert]` with `what` was being done, and `failure` returned.
///
/// # Safety
/// `log` is null or a live log.
pub(crate) unsafe fn run<T>(
    log: *mut ngx_log_t,
    what: &str,
    failure: T,
    body: impl FnOnce() -> T,
) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // SAFETY: promised by the caller.
            unsafe { report(log, what, payload) };
            failure
        }
    }
}

/// Runs one of several pieces of work, so that the others go on when it panics: then one `[alert]` line names `what` was
/// being done, and the answer is false.
pub fn contain(what: &str, work: &mut dyn FnMut()) -> bool {
    // SAFETY: nginx's own pointer to the running cycle.
    let cycle = unsafe { sys::ngx_cycle };
    // SAFETY: null or the running cycle.
    let log = unsafe { cycle.as_ref() }.map_or(std::ptr::null_mut(), |cycle| cycle.log);
    let body = || {
        work();
        true
    };
    // SAFETY: null or the running cycle's log.
    unsafe { run(log, what, false, body) }
}

#[cold]
unsafe fn report(log: *mut ngx_log_t, what: &str, payload: Box<dyn std::any::Any + Send>) {
    let (file, line) = WHERE.with(Cell::take).unwrap_or(("unknown place", 0));
    let cause = match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "no message",
    };
    let text = format!("gatehouse: internal error at {file}:{line}: {cause}, while {what}");
    // SAFETY: promised by the caller.
    unsafe { log::write(log, Level::Alert, &text) };
    // A payload whose own drop panics must not get out either.
    if catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err() {
        // SAFETY: promised by the caller.
        unsafe {
            log::write(
                log,
                Level::Alert,
                &"gatehouse: panic while dropping a panic",
            )
        };
    }
}
