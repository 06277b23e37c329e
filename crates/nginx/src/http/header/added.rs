//! Lines that are added to a response.

use crate::ffi::bytes;
use crate::http::request::Request;
use crate::sys;

impl<'r> Request<'r> {
    /// Adds a `Set-Cookie` line to the response. None when memory is short: then there is none.
    pub fn add_cookie(self, value: &'r [u8]) -> Option<()> {
        self.add(b"Set-Cookie", c"set-cookie", value)
    }

    /// The same of this text, with `value` at that place in it.
    pub fn add_cookie_with(self, text: &[u8], at: usize, value: &[u8]) -> Option<()> {
        let text = self.copy_to_change(text)?;
        let end = at.checked_add(value.len())?;
        text.get_mut(at..end)?.copy_from_slice(value);
        self.add_cookie(text)
    }

    /// Adds a `WWW-Authenticate` line to the response, beside those that are there. None when memory is short.
    pub fn add_challenge(self, value: &'r [u8]) -> Option<()> {
        self.add(b"WWW-Authenticate", c"www-authenticate", value)
    }

    fn add(
        self,
        name: &'static [u8],
        lower: &'static std::ffi::CStr,
        value: &'r [u8],
    ) -> Option<()> {
        // SAFETY: the live request's list.
        let list = unsafe { &raw mut (*self.raw()).headers_out.headers };
        // SAFETY: initialised.
        let line = unsafe { sys::ngx_list_push(list) }.cast::<sys::ngx_table_elt_t>();
        if line.is_null() {
            return None;
        }
        // SAFETY: a fresh element; zero is "no hash, no next", so it is valid at every moment.
        unsafe { line.write_bytes(0, 1) };
        // SAFETY: as above; nobody else looks at it meanwhile.
        let fields = unsafe { &mut *line };
        // Static strings, and one that lives as long as the request.
        fields.key = bytes::borrow(name);
        fields.value = bytes::borrow(value);
        fields.lowcase_key = lower.as_ptr().cast::<u8>().cast_mut();
        fields.hash = 1;
        Some(())
    }
}
