//! A request of which a variable could not be computed ends with 500.
//!
//! nginx takes a failed variable for an empty one (ngx_http_script_copy_var_len_code), and a
//! configuration may read an empty value as "allowed". So the request is marked, and whatever its
//! response would have been is replaced before the headers are sent.

use crate::ffi::guard;
use crate::http::chain::NextFilter;
use crate::http::request::Request;
use crate::sys;
use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a request of this process was ever marked: spares all others the search.
static EVER: AtomicBool = AtomicBool::new(false);

static NEXT: NextFilter = NextFilter::new();

/// Puts the filter in front of nginx's chain.
pub(crate) fn install() {
    NEXT.install(filter);
}

/// Marks a request or subrequest; without memory for the mark it stays as it is.
pub(crate) fn mark(r: Request<'_>) {
    EVER.store(true, Ordering::Relaxed);
    if find(r).is_some() {
        return;
    }
    // SAFETY: the request's pool is live.
    let cleanup = unsafe { sys::ngx_pool_cleanup_add(r.fields().pool, 0) };
    // SAFETY: null or the fresh cleanup.
    if let Some(cleanup) = unsafe { cleanup.as_mut() } {
        cleanup.data = r.raw().cast();
        cleanup.handler = Some(marked);
    }
}

/// Names a mark among the cleanups of a pool; there is nothing to clean up.
unsafe extern "C" fn marked(mark: *mut c_void) {
    // Not empty, so that no other function has its address.
    // SAFETY: a null log is allowed.
    unsafe {
        guard::run(ptr::null_mut(), "ending a request", (), || {
            _ = black_box(mark)
        })
    };
}

/// The request's mark, among the cleanups of its pool.
fn find(r: Request<'_>) -> Option<*mut sys::ngx_pool_cleanup_t> {
    // SAFETY: the pool's list of cleanups, live as long as the pool.
    let mut cleanup = unsafe { (*r.fields().pool).cleanup };
    // SAFETY: null or an element of that list.
    while let Some(one) = unsafe { cleanup.as_ref() } {
        let ours = one.handler.is_some_and(|handler| {
            ptr::fn_addr_eq(handler, marked as unsafe extern "C" fn(*mut c_void))
        });
        if ours && one.data == r.raw().cast() {
            return Some(cleanup);
        }
        cleanup = one.next;
    }
    None
}

unsafe extern "C" fn filter(r: *mut sys::ngx_http_request_t) -> isize {
    if EVER.load(Ordering::Relaxed) {
        // SAFETY: nginx passes a live request.
        let request = unsafe { Request::new(r) };
        if let Some(mark) = find(request) {
            // SAFETY: an element of the live pool's list; one 500 is enough.
            unsafe { (*mark).data = ptr::null_mut() };
            // SAFETY: this is the request's header filter.
            return unsafe { respond(r, &NEXT) };
        }
    }
    // SAFETY: nginx passes a live request to its chain of filters.
    unsafe { NEXT.call(r) }
}

/// Has a 500 sent instead of the response a header filter was given; what the filter returns.
///
/// Usually nginx makes it, as for the 415 of its image filter: the 500 comes through the filters
/// again, with `err_status` set. Not while nginx answers with an error already:
/// ngx_http_send_special_response would go on with its page's body, without a header. So then the
/// 500 goes out here, without a body.
///
/// # Safety
/// Called from a header filter for its live request; `next` is the filter after it.
pub(crate) unsafe fn respond(r: *mut sys::ngx_http_request_t, next: &NextFilter) -> isize {
    const STATUS: u32 = sys::NGX_HTTP_INTERNAL_SERVER_ERROR;
    // SAFETY: promised by the caller; forgets the headers of the response that is not sent.
    unsafe { sys::ngx_http_clean_header(r) };
    // SAFETY: promised by the caller; not held across a call into nginx.
    let fields = unsafe { &mut *r };
    if fields.err_status == 0 {
        return STATUS as isize;
    }
    fields.err_status = STATUS as usize;
    fields.headers_out.status = STATUS as usize;
    fields.headers_out.content_length_n = 0;
    fields.set_header_only(1);
    // SAFETY: promised by the caller.
    unsafe { next.call(r) }
}
