//! nginx's chain of header filters.

use crate::sys;
use ngx::core::Status;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

type Filter = unsafe extern "C" fn(*mut sys::ngx_http_request_t) -> isize;

/// The filter after ours.
pub struct NextFilter(AtomicPtr<()>);

impl NextFilter {
    /// Empty until the filter is installed.
    #[allow(clippy::new_without_default)] // a const for statics
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts `filter` in front of nginx's chain and remembers what was there.
    pub(crate) fn install(&self, filter: Filter) {
        // SAFETY: nginx's filter chain is rebuilt by one thread while the configuration is read.
        let top = unsafe { sys::ngx_http_top_header_filter };
        let next = top.map_or(ptr::null_mut(), |f| f as *mut ());
        self.0.store(next, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { sys::ngx_http_top_header_filter = Some(filter) };
    }

    /// Goes on to the next filter.
    ///
    /// # Safety
    /// `r` is the live request our filter was called with.
    pub(crate) unsafe fn call(&self, r: *mut sys::ngx_http_request_t) -> isize {
        let next = self.0.load(Ordering::Relaxed);
        if next.is_null() {
            return Status::NGX_ERROR.0;
        }
        // SAFETY: `install` stored a function of exactly this type.
        let next = unsafe { std::mem::transmute::<*mut (), Filter>(next) };
        // SAFETY: the next filter of nginx's chain, called as nginx would.
        unsafe { next(r) }
    }
}
