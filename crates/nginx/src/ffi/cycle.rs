//! The running cycle: nginx's name for a configuration and what runs with it.

use crate::sys;
use std::ptr;

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
