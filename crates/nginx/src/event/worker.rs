//! The worker whose loop we are on: what lives as long as it does begins and ends here.
//!
//! nginx's loop belongs to one thread of a worker. Values of that thread stand in statics of this
//! library as [`OfLoop`], which answers nobody else, and nobody before the worker has begun or after
//! it has ended.

use crate::ffi::cycle;
pub(crate) use crate::ffi::cycle::log;
use crate::sys;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The thread that runs the loop; 0 while no worker runs.
static LOOP: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Its address tells threads apart. No destructor: one would pin the library in memory after
    /// nginx has unloaded it.
    static THREAD: Cell<u8> = const { Cell::new(0) };
}

fn thread() -> usize {
    THREAD.with(|mark| ptr::from_ref(mark).addr())
}

/// Whether this is the thread of a worker that has begun and has not ended.
pub(crate) fn on_loop() -> bool {
    LOOP.load(Ordering::Relaxed) == thread()
}

/// From here on this thread is the loop's.
pub(super) fn enter() {
    LOOP.store(thread(), Ordering::Relaxed);
}

/// No thread is the loop's any more.
pub(super) fn leave() {
    LOOP.store(0, Ordering::Relaxed);
}

/// Whether the running configuration has the module.
pub(crate) fn loaded(module: *mut sys::ngx_module_t) -> bool {
    // SAFETY: null or the running cycle.
    let Some(cycle) = (unsafe { cycle::running().as_ref() }) else {
        return false;
    };
    if cycle.modules.is_null() {
        // The stand-in cycle of a process that exits (ngx_worker_process_exit).
        return false;
    }
    // SAFETY: the cycle's list of modules, of that length.
    let modules = unsafe { std::slice::from_raw_parts(cycle.modules, cycle.modules_n) };
    modules.contains(&module)
}

/// A value that only the thread of the loop reaches.
pub(crate) struct OfLoop<T>(RefCell<T>);

// SAFETY: `with` lets one thread in, which is the only one to touch the value; a static is not moved.
unsafe impl<T> Sync for OfLoop<T> {}

impl<T> OfLoop<T> {
    /// Holds `value`; for statics.
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Lends it to `use_it`. None off the loop, and where it is lent already.
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !on_loop() {
            return None;
        }
        let mut value = self.0.try_borrow_mut().ok()?;
        Some(use_it(&mut value))
    }
}
