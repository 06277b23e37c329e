//! The idle connections to backends that nginx keeps (`keepalive`).
//!
//! nginx has no way to close some of them, and its list is its own. Each of them is an idle connection of the worker,
//! though, which nginx closes one by one when it shuts down (ngx_close_idle_connections): the same is done here.

use super::address::mark_of;
use crate::event::worker;
use crate::ffi::cycle;
use crate::http::bits;
use crate::sys;
use std::ffi::{CStr, c_void};
use std::ptr;

/// Who keeps them.
const KEEPER: &CStr = c"ngx_http_upstream_keepalive_module";

/// What a kept connection points to (`ngx_http_upstream_keepalive_cache_t`), as far as it is the same in all versions.
/// It is believed only where both pointers hold.
#[repr(C)]
struct Kept {
    conf: *mut c_void,
    queue: sys::ngx_queue_t,
    connection: *mut sys::ngx_connection_t,
    size: sys::socklen_t,
    address: sys::ngx_sockaddr_t,
}

/// The keeper's configuration of an `upstream` block; null where nginx was built without it.
///
/// # Safety
/// The cycle is the one being read, the block one of it.
pub(super) unsafe fn conf(
    cycle: *mut sys::ngx_cycle_t,
    block: *mut sys::ngx_http_upstream_srv_conf_t,
) -> *mut c_void {
    // SAFETY: promised by the caller.
    let modules = unsafe { (*cycle).modules };
    // SAFETY: as above.
    let count = unsafe { (*cycle).modules_n };
    // SAFETY: the cycle's list of modules, of that length.
    let modules = unsafe { std::slice::from_raw_parts(modules, count) };
    let is_keeper = |module: &&*mut sys::ngx_module_t| {
        // SAFETY: a module of the list.
        let name = unsafe { (***module).name };
        // SAFETY: null or the name of a module, which ends with a zero.
        !name.is_null() && unsafe { CStr::from_ptr(name) } == KEEPER
    };
    let Some(keeper) = modules.iter().find(is_keeper) else {
        return ptr::null_mut();
    };
    // SAFETY: promised by the caller.
    let slots = unsafe { (*block).srv_conf };
    if slots.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: a module of the list.
    let index = unsafe { (**keeper).ctx_index };
    // SAFETY: one slot for each http module.
    let slot = unsafe { slots.add(index) };
    // SAFETY: as above.
    unsafe { slot.read() }
}

/// Closes the connections that are kept by this configuration of the keeper, if any, and whose mark is not wanted; how many.
pub(super) fn close(conf: *mut c_void, is_wanted: impl Fn(u64) -> bool) -> usize {
    if conf.is_null() || !worker::on_loop() {
        return 0;
    }
    // SAFETY: null or the running cycle; the reference ends with this line.
    let cycle = unsafe { cycle::running().as_ref() };
    let Some((first, count)) = cycle.map(|cycle| (cycle.connections, cycle.connection_n)) else {
        return 0;
    };
    if first.is_null() {
        // After a reload with `master_process off` nginx has none.
        return 0;
    }
    let mut closed: usize = 0;
    for number in 0..count {
        // SAFETY: the cycle's connections, of that number.
        let connection = unsafe { first.add(number) };
        // SAFETY: as above.
        let mark = unsafe { mark_of_kept(connection, conf) };
        if mark.is_some_and(|mark| !is_wanted(mark)) {
            // SAFETY: an idle connection, whose handler closes it.
            unsafe { bits::gatehouse_connection_close_idle(connection) };
            closed = closed.saturating_add(1);
        }
    }
    closed
}

/// The mark of a connection that is kept by this configuration of the keeper.
///
/// # Safety
/// One of the running cycle's connections.
unsafe fn mark_of_kept(connection: *mut sys::ngx_connection_t, conf: *mut c_void) -> Option<u64> {
    // SAFETY: promised by the caller.
    if unsafe { bits::gatehouse_connection_is_idle(connection) } == 0 {
        return None;
    }
    // SAFETY: promised by the caller.
    let kept = unsafe { (*connection).data }.cast::<Kept>();
    if kept.is_null() || !kept.is_aligned() {
        return None;
    }
    // SAFETY: what an idle connection points to is some structure of its owner, of a word at least.
    if unsafe { (*kept).conf } != conf {
        return None;
    }
    // SAFETY: the keeper's configuration stands at its beginning: it is what the keeper notes for a connection.
    let known = unsafe { (*kept).connection };
    if known != connection {
        return None;
    }
    // SAFETY: as above.
    let address = unsafe { &raw const (*kept).address };
    // SAFETY: nginx has copied all of an address there.
    unsafe { mark_of(address.cast()) }
}
