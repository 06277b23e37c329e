//! Where this nginx listens.

use crate::event::address;
use crate::ffi::cycle;
use crate::sys;
use std::net::SocketAddr;

/// The addresses at which the running configuration takes connections; unix sockets are left out.
pub fn addresses() -> Vec<SocketAddr> {
    // SAFETY: null or the running cycle.
    let Some(cycle) = (unsafe { cycle::running().as_ref() }) else {
        return Vec::new();
    };
    let first = cycle.listening.elts.cast::<sys::ngx_listening_t>();
    let one = |index| {
        // SAFETY: the array has `nelts` elements.
        let listening = unsafe { first.add(index) };
        // SAFETY: one of them.
        let listening = unsafe { &*listening };
        // SAFETY: its address, of that length.
        unsafe { address::read(listening.sockaddr, listening.socklen as usize) }
    };
    (0..cycle.listening.nelts).filter_map(one).collect()
}
