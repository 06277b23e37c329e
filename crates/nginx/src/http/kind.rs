//! The types an http module is made of.

use crate::conf::{Context, Kind, Section};
use crate::sys;
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::offset_of;

/// nginx's `http { … }`.
pub struct Http;

const _: () = assert!(
    offset_of!(sys::ngx_http_conf_ctx_t, main_conf) == offset_of!(Context, main_conf),
    "the context of http begins with its main configurations"
);

// SAFETY: nginx's own module of the block; for its context see the assertion above.
unsafe impl Section for Http {
    const NAME: &'static str = "http";
    const MODULE_TYPE: u32 = sys::NGX_HTTP_MODULE;
    const MAIN: u32 = sys::NGX_HTTP_MAIN_CONF;
    const SERVER: u32 = sys::NGX_HTTP_SRV_CONF;
    const LOCATION: u32 = sys::NGX_HTTP_LOC_CONF;
    const UPSTREAM: u32 = sys::NGX_HTTP_UPS_CONF;

    fn module() -> *const sys::ngx_module_t {
        &raw const sys::ngx_http_module
    }
}

/// An http module: its configuration and its request state.
pub trait HttpKind: Kind<Section = Http> {
    /// Configuration of one `server` or `upstream`.
    type Srv: Default + 'static;
    /// Configuration of one `http`, `server` or `location` level.
    type Loc: Default + 'static;
    /// State of a main request, kept across its internal redirects, shared with its subrequests.
    type Record<'r>: Default;
    /// State of one request or subrequest, gone after an internal redirect.
    type Local<'r>: Default;
}

/// What a module keeps of its requests among nginx's values of variables, and where (`record.rs`).
#[derive(Default)]
pub struct Records {
    /// The records.
    pub(crate) place: Cell<Option<usize>>,
    /// The path and the arguments as received.
    pub(crate) received: Cell<Option<[usize; 2]>>,
}

/// The module's slot in one of nginx's tables for http modules: of configurations, of a request's
/// states.
///
/// # Safety
/// `table` has one slot for each http module.
pub(crate) unsafe fn slot<M: HttpKind>(table: *mut *mut c_void) -> *mut *mut c_void {
    // SAFETY: the module's static; `ctx_index` is set when a module is loaded.
    let index = unsafe { (*M::module()).ctx_index };
    // SAFETY: promised by the caller.
    unsafe { table.add(index) }
}

/// The configuration of an nginx module in one of nginx's tables.
///
/// # Safety
/// `table` is a live table of configurations, `module` an http module of nginx whose configuration
/// there is a `T`.
pub(crate) unsafe fn conf_of<T>(
    table: *mut *mut c_void,
    module: *const sys::ngx_module_t,
) -> *mut T {
    // SAFETY: promised by the caller.
    let index = unsafe { (*module).ctx_index };
    // SAFETY: one slot for each http module.
    let slot = unsafe { table.add(index) };
    // SAFETY: as above.
    unsafe { slot.read() }.cast()
}
