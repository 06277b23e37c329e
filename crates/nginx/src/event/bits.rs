//! What only C can say: bit fields of a connection's TLS; see bits.c.

use crate::sys;

unsafe extern "C" {
    /// # Safety
    /// `c` is a connection with TLS.
    pub(super) fn gatehouse_ssl_handshaked(c: *const sys::ngx_connection_t) -> sys::ngx_uint_t;

    /// # Safety
    /// `c` is a connection with TLS.
    pub(super) fn gatehouse_ssl_no_wait(c: *mut sys::ngx_connection_t);
}
