//! How many connections this worker has left.

use crate::ffi::cycle;

/// Connections of this worker (`worker_connections`) that are free, and all.
pub fn connections() -> (usize, usize) {
    // SAFETY: null or the running cycle.
    let cycle = unsafe { cycle::running().as_ref() };
    cycle.map_or((0, 0), |cycle| {
        (cycle.free_connection_n, cycle.connection_n)
    })
}
