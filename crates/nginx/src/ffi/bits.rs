//! What only C can say; see bits.c.

use std::ffi::c_char;

unsafe extern "C" {
    /// Null, or a text that lives as long as this library is loaded.
    pub(crate) safe fn gatehouse_library_path() -> *const c_char;
}
