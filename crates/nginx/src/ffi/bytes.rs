//! `ngx_str_t` and byte slices.

use crate::sys::ngx_str_t;

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
