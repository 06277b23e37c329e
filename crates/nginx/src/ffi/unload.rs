//! What has to go before this library does.
//!
//! aws-lc keeps a thread's errors and random numbers under a pthread key, whose destructor is a function of this library:
//! a thread that ends after nginx has unloaded the module would call into nothing. Its headers ask for both calls, in this
//! order, before the last dlclose. nginx closes a module when a reload has taken it out of the configuration, and the
//! loader runs what stands in `.fini_array` then, as it does at the end of a process.

use aws_lc_sys::{AWSLC_thread_local_clear, AWSLC_thread_local_shutdown};

#[used]
// SAFETY: the section holds pointers to functions without arguments.
#[unsafe(link_section = ".fini_array")]
static AT_UNLOAD: extern "C" fn() = release;

/// Only the thread that loads and unloads modules, nginx's first and only one to check signatures, has something there.
extern "C" fn release() {
    // SAFETY: frees what this thread has.
    let cleared = unsafe { AWSLC_thread_local_clear() };
    if cleared == 1 {
        // SAFETY: nothing of aws-lc is called any more.
        let _ = unsafe { AWSLC_thread_local_shutdown() };
    }
}
