//! The idle connections to backends that nginx keeps (`keepalive`).
//!
//! nginx has no way to close some of them, and its list is its own. Each of them is an idle connection of the worker,
//! though, which nginx closes one by one when it shuts down (ngx_close_idle_connections): the same is done here.

use super::address::mark_of;
use super::slot::Slot;
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

/// Closes the idle connections to the backends of these `upstream` blocks whose [mark](super::Chosen::mark) is not wanted: all
/// connections are gone through once, however many blocks there are.
pub fn close_kept<T>(blocks: &[(&Slot, T)], is_wanted: impl Fn(&T, u64) -> bool) {
    if !worker::on_loop() {
        return;
    }
    let mut keepers: Vec<(usize, &T)> = blocks
        .iter()
        .map(|(slot, of)| (slot.keeper.get().addr(), of))
        .collect();
    keepers.sort_unstable_by_key(|(keeper, _)| *keeper);
    // SAFETY: null or the running cycle; the reference ends with this line.
    let cycle = unsafe { cycle::running().as_ref() };
    let Some((first, count)) = cycle.map(|cycle| (cycle.connections, cycle.connection_n)) else {
        return;
    };
    if first.is_null() {
        // After a reload with `master_process off` nginx has none.
        return;
    }
    for number in 0..count {
        // SAFETY: the cycle's connections, of that number.
        let connection = unsafe { first.add(number) };
        let by_keeper = |conf: usize| {
            let at = keepers.binary_search_by_key(&conf, |(keeper, _)| *keeper);
            keepers.get(at.ok()?).map(|(_, of)| *of)
        };
        // SAFETY: as above.
        let kept = unsafe { mark_of_kept(connection, by_keeper) };
        if kept.is_some_and(|(of, mark)| !is_wanted(of, mark)) {
            // SAFETY: an idle connection, whose handler closes it.
            unsafe { bits::gatehouse_connection_close_idle(connection) };
        }
    }
}

/// The mark of a connection that is kept by one of these configurations of the keeper, and whose that is.
///
/// # Safety
/// One of the running cycle's connections.
unsafe fn mark_of_kept<'t, T>(
    connection: *mut sys::ngx_connection_t,
    by_keeper: impl Fn(usize) -> Option<&'t T>,
) -> Option<(&'t T, u64)> {
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
    let conf = unsafe { (*kept).conf };
    let of = by_keeper(conf.addr()).filter(|_| !conf.is_null())?;
    // SAFETY: the keeper's configuration stands at its beginning: it is what the keeper notes for a connection.
    let known = unsafe { (*kept).connection };
    if known != connection {
        return None;
    }
    // SAFETY: as above.
    let address = unsafe { &raw const (*kept).address };
    // SAFETY: nginx has copied all of an address there.
    let mark = unsafe { mark_of(address.cast()) }?;
    Some((of, mark))
}
