//! Values that belong to a request: told when it ends, dropped when its memory is freed.
//!
//! nginx ends a request first (a client may be gone while somebody waits) and frees it later, when nothing
//! of it is on its way to the client any more.

use crate::ffi::{guard, pool};
use crate::http::request::Request;
use crate::sys;
use std::any::TypeId;
use std::ffi::c_void;
use std::ptr;

/// What `ngx_http_cleanup_t.data` leads to.
struct Attached {
    kind: TypeId,
    value: *const c_void,
    log: *mut sys::ngx_log_t,
    /// # Safety
    /// Takes `value`.
    ended: unsafe fn(*const c_void),
}

/// A value that hears of its request's end.
pub(crate) trait Attach: 'static {
    /// The request is over: nothing may be done with it from here on.
    fn ended(&self);
}

unsafe fn call_ended<T: Attach>(value: *const c_void) {
    // SAFETY: `attach` stored a `T` there, alive until the request's pool is destroyed, which is later.
    unsafe { &*value.cast::<T>() }.ended();
}

/// Gives a value to a request; None when memory is short.
pub(crate) fn attach<'r, T: Attach>(r: Request<'r>, value: T) -> Option<&'r T> {
    // SAFETY: the request's pool is live.
    let value = unsafe { pool::keep(r.fields().pool, value) }?;
    // SAFETY: a live request; the cleanup's data has room for it.
    let cleanup = unsafe { sys::ngx_http_cleanup_add(r.raw(), size_of::<Attached>()) };
    // SAFETY: null or the fresh cleanup.
    let cleanup = unsafe { cleanup.as_mut() }?;
    let attached = Attached {
        kind: TypeId::of::<T>(),
        value: value.cast_const().cast(),
        log: r.log_ptr(),
        ended: call_ended::<T>,
    };
    let at = cleanup.data.cast::<Attached>();
    // SAFETY: nginx reserved that size, aligned as ngx_palloc does.
    unsafe { at.write(attached) };
    cleanup.handler = Some(end);
    // SAFETY: in its box until the pool is destroyed.
    Some(unsafe { &*value })
}

/// The first value of that type, the newest first, that `is` it.
pub(crate) fn find<'r, T: Attach>(r: Request<'r>, is: impl Fn(&T) -> bool) -> Option<&'r T> {
    let mut cleanup = r.main().fields().cleanup;
    // SAFETY: null or an element of the request's list.
    while let Some(one) = unsafe { cleanup.as_ref() } {
        let ours = one
            .handler
            .is_some_and(|h| ptr::fn_addr_eq(h, end as unsafe extern "C" fn(*mut c_void)));
        if ours {
            // SAFETY: our handler's data.
            let attached = unsafe { &*one.data.cast::<Attached>() };
            if attached.kind == TypeId::of::<T>() {
                // SAFETY: of that type, alive until the pool is destroyed.
                let value = unsafe { &*attached.value.cast::<T>() };
                if is(value) {
                    return Some(value);
                }
            }
        }
        cleanup = one.next;
    }
    None
}

unsafe extern "C" fn end(data: *mut c_void) {
    // SAFETY: nginx passes what `attach` has written.
    let attached = unsafe { &*data.cast::<Attached>() };
    let body = || {
        // SAFETY: made for the type of that value.
        unsafe { (attached.ended)(attached.value) }
    };
    // SAFETY: the connection's log: the request ends before its connection.
    unsafe { guard::run(attached.log, "ending a request", (), body) }
}
