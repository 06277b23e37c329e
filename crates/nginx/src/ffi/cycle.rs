//! The running cycle: nginx's name for a configuration and what runs with it.

use crate::sys;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Configurations that were taken over by this process.
static TAKEN_OVER: AtomicUsize = AtomicUsize::new(0);

/// A configuration is taken over: from here on it cannot be refused.
pub(crate) fn take_over() {
    TAKEN_OVER.fetch_add(1, Ordering::Relaxed);
}

/// How many have been.
pub(crate) fn taken_over() -> usize {
    TAKEN_OVER.load(Ordering::Relaxed)
}

/// nginx's own pointer to it; null only before nginx has begun. It changes between callbacks only.
pub(crate) fn running() -> *mut sys::ngx_cycle_t {
    // SAFETY: a plain global of the process.
    unsafe { sys::ngx_cycle }
}

/// Its error log, or null.
pub(crate) fn log() -> *mut sys::ngx_log_t {
    // SAFETY: null or the running cycle.
    unsafe { running().as_ref() }.map_or(ptr::null_mut(), |cycle| cycle.log)
}
