//! `Cache-Control` of a response, linked as nginx links it: `expires` and `add_header` change and
//! extend that list, `$sent_http_cache_control` reads it.

use crate::ffi::bytes;
use crate::http::bits;
use crate::http::request::Request;
use crate::sys;

/// The statuses for which nginx's `expires` rewrites `Cache-Control`.
const EXPIRES: [u16; 10] = [200, 201, 204, 206, 301, 302, 303, 304, 307, 308];

impl<'r> Request<'r> {
    /// Makes `value` the response's only `Cache-Control`; whatever stood there is not sent, nor are the lines for some
    /// caches only (RFC 9213), which count more. None when memory is short.
    ///
    /// A later `add_header Cache-Control …` adds its own line, `expires` leaves this one alone.
    pub fn set_cache_control(self, value: &'static [u8]) -> Option<()> {
        let r = self.raw();
        // SAFETY: the live request's links.
        unsafe { hide_all(r) };
        // SAFETY: a live request.
        unsafe { bits::gatehouse_response_hide_targeted(r) };
        // `expires` writes into the first line of the list, whether that is sent or not.
        if EXPIRES.contains(&self.status()) {
            // SAFETY: a live request.
            let empty = unsafe { add(r, value, 0)? };
            // SAFETY: as above.
            unsafe { link(r, empty)? };
            // SAFETY: as above.
            unsafe { add(r, value, 1)? };
            return Some(());
        }
        // SAFETY: a live request.
        let line = unsafe { add(r, value, 1)? };
        // SAFETY: as above.
        unsafe { link(r, line) }
    }
}

/// Pushes a line; with `hash` 0 it is not sent.
///
/// # Safety
/// `r` is live.
unsafe fn add(
    r: *mut sys::ngx_http_request_t,
    value: &'static [u8],
    hash: sys::ngx_uint_t,
) -> Option<*mut sys::ngx_table_elt_t> {
    // SAFETY: the live request's list.
    let list = unsafe { &raw mut (*r).headers_out.headers };
    // SAFETY: initialised.
    let line = unsafe { sys::ngx_list_push(list) }.cast::<sys::ngx_table_elt_t>();
    if line.is_null() {
        return None;
    }
    // SAFETY: a fresh element; zero is "no hash, no next", so it is valid at every moment.
    unsafe { line.write_bytes(0, 1) };
    // SAFETY: as above; nobody else looks at it meanwhile.
    let fields = unsafe { &mut *line };
    // All strings are static.
    fields.key = bytes::borrow(b"Cache-Control");
    fields.value = bytes::borrow(value);
    fields.lowcase_key = b"cache-control".as_ptr().cast_mut();
    fields.hash = hash;
    Some(line)
}

/// Stops the linked lines from being sent and forgets them.
///
/// # Safety
/// `r` is live.
#[cfg(not(cookie_array))]
unsafe fn hide_all(r: *mut sys::ngx_http_request_t) {
    // SAFETY: a pointer field of the live request.
    let mut line = unsafe { (*r).headers_out.cache_control };
    while !line.is_null() {
        // SAFETY: an element of the response's list of headers.
        unsafe { (*line).hash = 0 };
        // SAFETY: as above.
        line = unsafe { (*line).next };
    }
    // SAFETY: a pointer field of the live request.
    unsafe { (*r).headers_out.cache_control = std::ptr::null_mut() };
}

/// Makes `line` the only linked one.
///
/// # Safety
/// `r` is live, `line` one of its response headers, and no other is linked.
#[cfg(not(cookie_array))]
#[allow(clippy::unnecessary_wraps)] // before nginx 1.23 it may fail
unsafe fn link(r: *mut sys::ngx_http_request_t, line: *mut sys::ngx_table_elt_t) -> Option<()> {
    // SAFETY: a pointer field of the live request.
    unsafe { (*r).headers_out.cache_control = line };
    Some(())
}

/// Stops the linked lines from being sent and forgets them.
///
/// # Safety
/// `r` is live.
#[cfg(cookie_array)]
unsafe fn hide_all(r: *mut sys::ngx_http_request_t) {
    // SAFETY: an array of pointers in the live request, initialised or all zero.
    let lines = unsafe { &mut (*r).headers_out.cache_control };
    for at in 0..lines.nelts {
        // SAFETY: one of the `nelts` pointers to elements of the response's list.
        let line = unsafe {
            lines
                .elts
                .cast::<*mut sys::ngx_table_elt_t>()
                .add(at)
                .read()
        };
        // SAFETY: an element of the response's list of headers.
        unsafe { (*line).hash = 0 };
    }
    lines.nelts = 0;
}

/// Makes `line` the only linked one.
///
/// # Safety
/// `r` is live, `line` one of its response headers, and no other is linked.
#[cfg(cookie_array)]
unsafe fn link(r: *mut sys::ngx_http_request_t, line: *mut sys::ngx_table_elt_t) -> Option<()> {
    const SIZE: usize = size_of::<*mut sys::ngx_table_elt_t>();
    // SAFETY: an array of the live request.
    let lines = unsafe { &mut (*r).headers_out.cache_control };
    if lines.elts.is_null() {
        // SAFETY: the request's pool is live.
        let elements = unsafe { sys::ngx_palloc((*r).pool, SIZE) };
        if elements.is_null() {
            return None;
        }
        // What ngx_array_init() does, an inline function of C.
        *lines = sys::ngx_array_t {
            elts: elements,
            nelts: 0,
            size: SIZE,
            nalloc: 1,
            // SAFETY: a plain field of the live request.
            pool: unsafe { (*r).pool },
        };
    }
    // SAFETY: an initialised array of pointers.
    let slot = unsafe { sys::ngx_array_push(lines) }.cast::<*mut sys::ngx_table_elt_t>();
    if slot.is_null() {
        return None;
    }
    // SAFETY: a fresh element of the array.
    unsafe { slot.write(line) };
    Some(())
}
