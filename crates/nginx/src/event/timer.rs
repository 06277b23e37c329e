//! Timers of a worker. They never keep a worker alive (`cancelable`) and hold no configuration:
//! a tick asks for the running one ([`crate::running`]).

use super::worker;
use crate::conf::{Kind, Listed};
use crate::ffi::cycle;
use crate::ffi::guard;
use crate::sys;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The memory of one timer: an event and the connection nginx expects behind it in debug logs.
pub struct Slot {
    event: UnsafeCell<MaybeUninit<sys::ngx_event_t>>,
    connection: UnsafeCell<MaybeUninit<sys::ngx_connection_t>>,
    /// The last cycle whose end stops the timer when the library goes with it.
    cycle: AtomicPtr<sys::ngx_cycle_t>,
}

// SAFETY: used by the one thread of a worker.
unsafe impl Sync for Slot {}

impl Slot {
    /// An idle timer.
    #[allow(clippy::new_without_default)] // a const for statics
    pub const fn new() -> Self {
        Self {
            event: UnsafeCell::new(MaybeUninit::zeroed()),
            connection: UnsafeCell::new(MaybeUninit::zeroed()),
            cycle: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
}

/// Something done again and again.
pub trait Tick: 'static {
    /// The module it belongs to.
    type Module: Kind;
    /// For the alert line.
    const NAME: &'static str;
    /// Its timer.
    fn slot() -> &'static Slot;
    /// Does it; how many milliseconds until the next time, None to stop.
    fn tick() -> Option<u64>;
    /// This worker shuts down: gives up what others wait for; how many milliseconds until the next time, None to stop.
    fn leave() -> Option<u64> {
        None
    }
}

/// How long to wait after a tick that panicked.
const AFTER_PANIC_MS: u64 = 1_000;

/// Starts a timer in this worker; a running one is left alone. Nothing where no worker runs.
pub fn start<T: Tick>(milliseconds: u64) {
    if !worker::on_loop() {
        return;
    }
    let event = T::slot().event.get().cast::<sys::ngx_event_t>();
    let connection = T::slot().connection.get().cast::<sys::ngx_connection_t>();
    // SAFETY: zero is a valid idle event; the one thread of this worker touches it.
    let fields = unsafe { &mut *event };
    if fields.timer_set() != 0 {
        return;
    }
    // SAFETY: as above.
    unsafe { (*connection).fd = -1 };
    fields.data = connection.cast();
    fields.handler = Some(fire::<T>);
    fields.log = cycle::log();
    fields.set_cancelable(1);
    // SAFETY: an initialised event in a static.
    unsafe { sys::ngx_add_timer(event, milliseconds as sys::ngx_msec_t) };
    end_with_cycle::<T>();
}

/// Has [`forget`] called when the running cycle ends, once for each cycle.
fn end_with_cycle<T: Tick>() {
    let cycle = cycle::running();
    let known = &T::slot().cycle;
    if known.swap(cycle, Ordering::Relaxed) == cycle {
        return;
    }
    // SAFETY: the running cycle.
    let pool = unsafe { (*cycle).pool };
    // SAFETY: its pool.
    let cleanup = unsafe { sys::ngx_pool_cleanup_add(pool, 0) };
    // SAFETY: null or the fresh cleanup.
    if let Some(cleanup) = unsafe { cleanup.as_mut() } {
        cleanup.handler = Some(forget::<T>);
    }
}

unsafe extern "C" fn fire<T: Tick>(event: *mut sys::ngx_event_t) {
    let log = cycle::log();
    // SAFETY: our own event; its first log may belong to a cycle that is gone.
    unsafe { (*event).log = log };
    end_with_cycle::<T>();
    let next = if crate::ffi::process::exiting() {
        // What this worker would do is for those that stay.
        // SAFETY: the cycle's log.
        unsafe { guard::run(log, T::NAME, None, T::leave) }
    } else {
        // SAFETY: the cycle's log.
        unsafe { guard::run(log, T::NAME, Some(AFTER_PANIC_MS), T::tick) }
    };
    if let Some(milliseconds) = next {
        // SAFETY: our own idle event.
        unsafe { sys::ngx_add_timer(event, milliseconds as sys::ngx_msec_t) };
    }
}

/// With `master_process off` a reload may unload this library under a running timer.
unsafe extern "C" fn forget<T: Tick>(_: *mut std::ffi::c_void) {
    let body = || {
        // The next cycle may come to lie at the same address.
        T::slot()
            .cycle
            .store(std::ptr::null_mut(), Ordering::Relaxed);
        let event = T::slot().event.get().cast::<sys::ngx_event_t>();
        // SAFETY: our own event.
        let set = unsafe { (*event).timer_set() } != 0;
        if set && !worker::loaded(<T::Module as Listed>::module()) {
            // SAFETY: it is in nginx's timer tree.
            unsafe { sys::ngx_del_timer(event) };
        }
    };
    // SAFETY: a null log is allowed; that of the cycle that ends is closed by now.
    unsafe { guard::run(std::ptr::null_mut(), "leaving a configuration", (), body) }
}
