//! What the glue remembers of an `upstream` block.

use crate::conf::ConfLine;
use crate::sys;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

/// nginx's `peer.init`.
pub(super) type InitPeer = unsafe extern "C" fn(
    *mut sys::ngx_http_request_t,
    *mut sys::ngx_http_upstream_srv_conf_t,
) -> isize;

/// What the glue remembers of an `upstream` block.
pub struct Slot {
    pub(super) round_robin: Cell<Option<InitPeer>>,
    pub(super) has_servers: Cell<bool>,
    /// The configuration of nginx's `keepalive` for this block, or null.
    pub(super) keeper: Cell<*mut c_void>,
    pub(super) place: RefCell<Option<ConfLine>>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            round_robin: Cell::default(),
            has_servers: Cell::default(),
            keeper: Cell::new(ptr::null_mut()),
            place: RefCell::default(),
        }
    }
}

impl Slot {
    /// Whether the block has `server` lines of its own, which serve a miss.
    pub fn has_servers(&self) -> bool {
        self.has_servers.get()
    }

    /// Where the balancing directive stands, when nginx has not taken it into use: another
    /// balancer after it took its place.
    pub fn replaced(&self) -> Option<ConfLine> {
        self.place
            .borrow()
            .clone()
            .filter(|_| self.round_robin.get().is_none())
    }
}
