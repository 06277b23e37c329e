//! Memory of nginx's pools.

use crate::ffi::guard;
use crate::sys::{self, ngx_pool_t};
use std::ffi::c_void;
use std::ptr;

/// `len` zero bytes of a pool; None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn alloc<'a>(pool: *mut ngx_pool_t, len: usize) -> Option<&'a mut [u8]> {
    // SAFETY: the pool is live.
    let at = unsafe { sys::ngx_pnalloc(pool, len.max(1)) }.cast::<u8>();
    if at.is_null() {
        return None;
    }
    // SAFETY: ngx_pnalloc returned at least `len` bytes of our own.
    unsafe { at.write_bytes(0, len) };
    // SAFETY: initialised just now, owned by nobody else, as long-lived as the pool.
    Some(unsafe { std::slice::from_raw_parts_mut(at, len) })
}

/// `value` in a pool; its `Drop` never runs. None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn alloc_value<'a, T>(pool: *mut ngx_pool_t, value: T) -> Option<&'a mut T> {
    const { assert!(!std::mem::needs_drop::<T>()) };
    const { assert!(std::mem::align_of::<T>() <= sys::NGX_ALIGNMENT) };
    // SAFETY: the pool is live; ngx_palloc aligns to NGX_ALIGNMENT.
    let at = unsafe { sys::ngx_palloc(pool, std::mem::size_of::<T>().max(1)) }.cast::<T>();
    if at.is_null() {
        return None;
    }
    // SAFETY: fresh, large enough, aligned memory.
    unsafe { at.write(value) };
    // SAFETY: initialised just now, owned by nobody else.
    Some(unsafe { &mut *at })
}

/// A value owned by a pool: dropped with it. None when memory is short.
///
/// # Safety
/// `pool` is live.
pub(crate) unsafe fn keep<T: 'static>(pool: *mut ngx_pool_t, value: T) -> Option<*mut T> {
    // SAFETY: promised by the caller.
    let cleanup = unsafe { sys::ngx_pool_cleanup_add(pool, 0) };
    // SAFETY: null or the fresh cleanup.
    let cleanup = unsafe { cleanup.as_mut() }?;
    let value = Box::into_raw(Box::new(value));
    cleanup.data = value.cast();
    cleanup.handler = Some(destroy::<T>);
    Some(value)
}

unsafe extern "C" fn destroy<T>(value: *mut c_void) {
    let body = || {
        // SAFETY: made by `keep` with Box::into_raw; nginx runs a cleanup once.
        drop(unsafe { Box::from_raw(value.cast::<T>()) });
    };
    // A reload closes the old configuration's log files before it drops the configuration
    // (ngx_init_cycle): there is no log to write to.
    // SAFETY: a null log is allowed.
    unsafe { guard::run(ptr::null_mut(), "dropping a configuration", (), body) };
}
