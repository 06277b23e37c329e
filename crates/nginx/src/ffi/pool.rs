//! Memory of nginx's pools.

use crate::ffi::guard;
use crate::sys::{self, ngx_pool_t};
use ngx::allocator::{Allocator, allocate};
use ngx::core::Pool;
use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr;

/// `len` zero values of `T` in a pool; None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn alloc<'a, T: Zero>(pool: *mut ngx_pool_t, len: usize) -> Option<&'a mut [T]> {
    if len == 0 {
        return Some(&mut []);
    }
    // SAFETY: promised by the caller.
    let pool = unsafe { Pool::from_ngx_pool(pool) };
    let bytes = pool.allocate_zeroed(Layout::array::<T>(len).ok()?).ok()?;
    // SAFETY: `len` zero values, aligned, owned by nobody else, as long-lived as the pool.
    Some(unsafe { std::slice::from_raw_parts_mut(bytes.cast().as_ptr(), len) })
}

/// A copy of the numbers in a pool; None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn copy<'a, T: Zero>(pool: *mut ngx_pool_t, numbers: &[T]) -> Option<&'a [T]> {
    // SAFETY: promised by the caller.
    unsafe { copy_to_change(pool, numbers) }.map(|copy| &*copy)
}

/// The same, to be changed before it is used.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn copy_to_change<'a, T: Zero>(
    pool: *mut ngx_pool_t,
    numbers: &[T],
) -> Option<&'a mut [T]> {
    // SAFETY: promised by the caller.
    let pool = unsafe { Pool::from_ngx_pool(pool) };
    let place = Allocator::allocate(&pool, Layout::for_value(numbers)).ok()?;
    let to: *mut T = place.cast().as_ptr();
    // SAFETY: fresh memory of that size, aligned.
    unsafe { ptr::copy_nonoverlapping(numbers.as_ptr(), to, numbers.len()) };
    // SAFETY: initialised just now, owned by nobody else, as long-lived as the pool.
    Some(unsafe { std::slice::from_raw_parts_mut(to, numbers.len()) })
}

/// Numbers: all bits zero is one.
pub(crate) trait Zero: Copy {}

impl Zero for u8 {}
impl Zero for u64 {}
impl Zero for i32 {}

/// `value` in a pool; its `Drop` never runs. None when memory is short.
///
/// # Safety
/// `pool` is a live pool that outlives `'a`.
pub(crate) unsafe fn alloc_value<'a, T>(pool: *mut ngx_pool_t, value: T) -> Option<&'a mut T> {
    const { assert!(!std::mem::needs_drop::<T>()) };
    // SAFETY: promised by the caller.
    let pool = unsafe { Pool::from_ngx_pool(pool) };
    let mut place = allocate(value, &pool).ok()?;
    // SAFETY: initialised just now, owned by nobody else, as long-lived as the pool.
    Some(unsafe { place.as_mut() })
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
