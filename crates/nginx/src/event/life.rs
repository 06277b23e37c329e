//! A module in nginx's processes: the beginning and the end of a worker, for everything that lives on its
//! loop.

use super::{shutdown, task, worker};
use crate::conf::{Kind, main_of_cycle};
use crate::ffi::{cycle, guard, log, process};
use crate::sys;
use std::ptr;

/// The module's record with what it does when a process begins and ends.
pub const fn living<M: Kind>(mut module: sys::ngx_module_t) -> sys::ngx_module_t {
    module.init_module = Some(init_module::<M>);
    module.init_process = Some(init_process::<M>);
    module.exit_process = Some(exit_process);
    module.exit_master = Some(exit_master::<M>);
    module
}

/// Never reports a failure: nginx would exit.
unsafe extern "C" fn init_module<M: Kind>(new: *mut sys::ngx_cycle_t) -> isize {
    // SAFETY: nginx passes the cycle that is about to run.
    let cycle_log = unsafe { (*new).log };
    let body = || {
        cycle::take_over();
        if worker::on_loop() {
            // A reload of `master_process off`: the worker goes on with another configuration.
            // SAFETY: the cycle that is about to run, and the module's static.
            unsafe { end_with_cycle(new, M::module()) };
        }
        if process::role() != process::Role::Test {
            // SAFETY: the cycle's log, open by now.
            M::takes_over(&|level, text| unsafe { log::write(cycle_log, level, &text) });
        }
    };
    // SAFETY: the cycle's log.
    unsafe { guard::run(cycle_log, "taking over", (), body) };
    0
}

/// Never reports a failure: nginx would end the worker for good (nginx-limits: ngx_process.c).
unsafe extern "C" fn init_process<M: Kind>(cycle: *mut sys::ngx_cycle_t) -> isize {
    // SAFETY: nginx passes the running cycle.
    let log = unsafe { (*cycle).log };
    let body = || {
        if process::serves() {
            begin();
            // SAFETY: the running cycle, and the module's static.
            unsafe { end_with_cycle(cycle, M::module()) };
            // SAFETY: the cycle is the running one.
            if let Some(main) = unsafe { main_of_cycle::<M>(cycle) } {
                M::start_worker(main);
            }
        }
    };
    // SAFETY: the cycle's log.
    unsafe { guard::run(log, "starting a worker", (), body) };
    0
}

/// Before nginx looks for what has been left open.
unsafe extern "C" fn exit_process(cycle: *mut sys::ngx_cycle_t) {
    // SAFETY: nginx passes the running cycle.
    let log = unsafe { (*cycle).log };
    // SAFETY: the cycle's log.
    unsafe { guard::run(log, "ending a worker", (), end) }
}

/// The workers have gone.
unsafe extern "C" fn exit_master<M: Kind>(cycle: *mut sys::ngx_cycle_t) {
    // SAFETY: nginx passes the running cycle.
    let log = unsafe { (*cycle).log };
    let body = || {
        // SAFETY: the cycle is the running one.
        if let Some(main) = unsafe { main_of_cycle::<M>(cycle) } {
            M::end_master(main);
        }
    };
    // SAFETY: the cycle's log.
    unsafe { guard::run(log, "ending the master", (), body) };
}

/// A worker begins; called in the thread that will run its loop.
fn begin() {
    worker::enter();
    task::begin();
}

/// The worker ends: drops its tasks, closes what they held. Nothing of theirs runs afterwards.
fn end() {
    if worker::on_loop() {
        task::end_all();
        shutdown::forget();
        worker::leave();
    }
}

/// Has [`end`] called at the end of `cycle`, should the library go with it: with `master_process off`
/// a reload may unload it under a running worker.
///
/// # Safety
/// `cycle` is live; `module` is the static of a module of this library.
unsafe fn end_with_cycle(cycle: *mut sys::ngx_cycle_t, module: *mut sys::ngx_module_t) {
    // SAFETY: the cycle is live.
    let pool = unsafe { (*cycle).pool };
    // SAFETY: a live pool.
    let cleanup = unsafe { sys::ngx_pool_cleanup_add(pool, 0) };
    // SAFETY: null or the fresh cleanup.
    if let Some(cleanup) = unsafe { cleanup.as_mut() } {
        cleanup.data = module.cast();
        cleanup.handler = Some(end_if_unloaded);
    }
}

unsafe extern "C" fn end_if_unloaded(module: *mut std::ffi::c_void) {
    let body = || {
        if !worker::loaded(module.cast()) {
            end();
        }
    };
    // SAFETY: a null log is allowed; that of the cycle that ends is closed by now.
    unsafe { guard::run(ptr::null_mut(), "leaving a configuration", (), body) }
}
