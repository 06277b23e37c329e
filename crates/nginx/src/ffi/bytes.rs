//! `ngx_str_t` and byte slices.

use crate::sys::ngx_str_t;
use ngx::core::NgxStr;

/// The bytes of an nginx string.
///
/// # Safety
/// `s.data` points to `s.len` readable bytes that live for `'a` and are not written meanwhile.
pub(crate) unsafe fn slice<'a>(s: ngx_str_t) -> &'a [u8] {
    if s.data.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { NgxStr::from_ngx_str(s) }.as_bytes()
}

/// An nginx string over bytes that are kept alive elsewhere; nginx only reads it.
pub(crate) const fn borrow(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t {
        len: bytes.len(),
        data: bytes.as_ptr().cast_mut(),
    }
}
