//! nginx's `stream { … }`.

use crate::conf::{Context, Section};
use crate::sys;
use std::mem::offset_of;

/// nginx's `stream { … }`.
pub struct Stream;

const _: () = assert!(
    offset_of!(sys::ngx_stream_conf_ctx_t, main_conf) == offset_of!(Context, main_conf),
    "the context of stream begins with its main configurations"
);

// SAFETY: nginx's own module of the block; for its context see the assertion above.
unsafe impl Section for Stream {
    const NAME: &'static str = "stream";
    const MODULE_TYPE: u32 = sys::NGX_STREAM_MODULE;
    const MAIN: u32 = sys::NGX_STREAM_MAIN_CONF;
    const SERVER: u32 = sys::NGX_STREAM_SRV_CONF;
    const LOCATION: u32 = 0;
    const UPSTREAM: u32 = sys::NGX_STREAM_UPS_CONF;

    fn module() -> *const sys::ngx_module_t {
        &raw const sys::ngx_stream_module
    }
}
