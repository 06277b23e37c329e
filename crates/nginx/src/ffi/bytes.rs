//! `ngx_str_t` and byte slices.

use nginx_sys::{ngx_pool_t, ngx_str_t};

/// The bytes of an nginx string.
///
/// # Safety
/// `s.data` points to `s.len` readable bytes that live for `'a` and are not written meanwhile.
pub(crate) unsafe fn slice<'a>(s: ngx_str_t) -> &'a [u8] {
    if s.len == 0 || s.data.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(s.data, s.len) }
}

/// An nginx string over bytes that are kept alive elsewhere; nginx only reads it.
pub(crate) const fn borrow(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t {
        len: bytes.len(),
        data: bytes.as_ptr().cast_mut(),
    }
}

/// `len` uninitialised-then-zeroed bytes of a pool; None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn alloc<'a>(pool: *mut ngx_pool_t, len: usize) -> Option<&'a mut [u8]> {
    // SAFETY: the pool is live.
    let at = unsafe { nginx_sys::ngx_pnalloc(pool, len.max(1)) }.cast::<u8>();
    if at.is_null() {
        return None;
    }
    // SAFETY: ngx_pnalloc returned at least `len` bytes of our own.
    unsafe { at.write_bytes(0, len) };
    // SAFETY: initialised just now, owned by nobody else, as long-lived as the pool.
    Some(unsafe { std::slice::from_raw_parts_mut(at, len) })
}

/// One zeroed value of `T` in a pool, initialised with `value`; its `Drop` never runs.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn place<'a, T>(pool: *mut ngx_pool_t, value: T) -> Option<&'a mut T> {
    const { assert!(!std::mem::needs_drop::<T>()) };
    const { assert!(std::mem::align_of::<T>() <= nginx_sys::NGX_ALIGNMENT) };
    // SAFETY: the pool is live; ngx_palloc aligns to NGX_ALIGNMENT.
    let at = unsafe { nginx_sys::ngx_palloc(pool, std::mem::size_of::<T>().max(1)) }.cast::<T>();
    if at.is_null() {
        return None;
    }
    // SAFETY: fresh, large enough, aligned memory.
    unsafe { at.write(value) };
    // SAFETY: initialised just now, owned by nobody else.
    Some(unsafe { &mut *at })
}
