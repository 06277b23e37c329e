//! nginx's own pointers to request headers: `$content_type`, `$proxy_add_x_forwarded_for` and others
//! read these and not the list.

use crate::sys;
#[cfg(cookie_array)]
use std::ptr;

/// nginx's pointers to single headers come after the list of all of them.
const FIRST_FIELD: usize = size_of::<sys::ngx_list_t>();
const _: () = assert!(std::mem::offset_of!(sys::ngx_http_headers_in_t, headers) == 0);

/// Forgets nginx's own pointers to a removed header. Which header goes where is asked of the table
/// that nginx itself fills them by, so that none is missed in any version or build.
///
/// # Safety
/// `known` belongs to a live request; `gone` was an element of its list.
pub(super) unsafe fn forget(
    known: *mut sys::ngx_http_headers_in_t,
    gone: *mut sys::ngx_table_elt_t,
) {
    // SAFETY: a plain pointer field of the live request.
    let has_user = unsafe { (*known).authorization } == gone;
    // SAFETY: the removed element lives on in the request's pool.
    let name = unsafe { (*gone).key };
    // SAFETY: as above.
    let name = unsafe { crate::ffi::bytes::slice(name) };
    let mut row = (&raw const sys::ngx_http_headers_in).cast::<sys::ngx_http_header_t>();
    loop {
        // SAFETY: a row of nginx's static table, which ends with a row without a name.
        let one = unsafe { row.read() };
        if one.name.len == 0 {
            break;
        }
        // SAFETY: names are literals of nginx.
        let is_this = unsafe { crate::ffi::bytes::slice(one.name) }.eq_ignore_ascii_case(name);
        // Chains of other headers may be long, and many lines may go: they are not looked through. A
        // header without a field has the offset 0, where the list of all headers is (since 1.31).
        if is_this && one.offset >= FIRST_FIELD {
            // SAFETY: the offset of a field in that very structure.
            let field = unsafe { known.byte_add(one.offset) };
            // SAFETY: what the field is is said by the handler that fills it.
            unsafe { forget_in(field.cast(), one.handler, gone) };
        }
        // SAFETY: not the last row.
        row = unsafe { row.add(1) };
    }
    // What nginx has read out of `Authorization` goes with it (`$remote_user`).
    if has_user {
        // SAFETY: a plain field of the live request.
        unsafe { (*known).user = sys::ngx_str_t::default() };
        // SAFETY: as above.
        unsafe { (*known).passwd = sys::ngx_str_t::default() };
    }
}

/// Takes `gone` out of a chain of equal headers (nginx ≥ 1.23: `next`).
///
/// # Safety
/// `field` is one of nginx's pointers in a live request.
#[cfg(not(cookie_array))]
unsafe fn forget_in(
    mut field: *mut *mut sys::ngx_table_elt_t,
    _: sys::ngx_http_header_handler_pt,
    gone: *mut sys::ngx_table_elt_t,
) {
    loop {
        // SAFETY: a field of the live request, or the link of an element of its list.
        let line = unsafe { field.read() };
        if line.is_null() {
            return;
        }
        // SAFETY: an element of the request's list.
        let next = unsafe { &raw mut (*line).next };
        if line == gone {
            // SAFETY: as above.
            let after = unsafe { next.read() };
            // SAFETY: as above.
            unsafe { field.write(after) };
            return;
        }
        field = next;
    }
}

/// Before 1.23 a field is one pointer, or an array of them where `handler` is the one for `Cookie`.
///
/// # Safety
/// `field` is what `handler` fills in a live request.
#[cfg(cookie_array)]
unsafe fn forget_in(
    field: *mut *mut sys::ngx_table_elt_t,
    handler: sys::ngx_http_header_handler_pt,
    gone: *mut sys::ngx_table_elt_t,
) {
    if is_array(handler) {
        // SAFETY: promised by the caller.
        unsafe { forget_in_array(field.cast(), gone) };
        return;
    }
    // SAFETY: promised by the caller.
    if unsafe { field.read() } == gone {
        // SAFETY: as above.
        unsafe { field.write(ptr::null_mut()) };
    }
}

/// Whether a handler of nginx's table keeps all lines of a header: it is the one for `Cookie`.
#[cfg(cookie_array)]
fn is_array(handler: sys::ngx_http_header_handler_pt) -> bool {
    let mut row = (&raw const sys::ngx_http_headers_in).cast::<sys::ngx_http_header_t>();
    loop {
        // SAFETY: a row of nginx's static table, which ends with a row without a name.
        let one = unsafe { row.read() };
        // SAFETY: names are literals of nginx.
        let name = unsafe { crate::ffi::bytes::slice(one.name) };
        if name.is_empty() || name == b"Cookie" {
            let address = |h: sys::ngx_http_header_handler_pt| h.map(|h| h as usize);
            return !name.is_empty() && address(one.handler) == address(handler);
        }
        // SAFETY: not the last row.
        row = unsafe { row.add(1) };
    }
}

/// # Safety
/// `lines` is an array of pointers in a live request, initialised or all zero.
#[cfg(cookie_array)]
unsafe fn forget_in_array(lines: *mut sys::ngx_array_t, gone: *mut sys::ngx_table_elt_t) {
    // SAFETY: promised by the caller.
    let array = unsafe { &mut *lines };
    if array.elts.is_null() {
        return;
    }
    // SAFETY: the array holds `nelts` pointers.
    let all = unsafe {
        std::slice::from_raw_parts_mut(array.elts.cast::<*mut sys::ngx_table_elt_t>(), array.nelts)
    };
    if let Some(at) = all.iter().position(|line| *line == gone) {
        if let Some(tail) = all.get_mut(at..) {
            tail.rotate_left(1);
        }
        array.nelts -= 1;
    }
}
