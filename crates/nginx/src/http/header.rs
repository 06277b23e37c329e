//! Headers of requests and responses.

mod added;
mod cache_control;
mod known;
mod lines;
mod remove;

use crate::ffi::bytes;
use crate::http::request::Request;
pub use lines::Header;
use lines::Lines;
use std::ptr;

impl<'r> Request<'r> {
    /// The request's header lines, in their order.
    pub fn headers(self) -> impl Iterator<Item = Header<'r>> {
        self.lines()
    }

    fn lines(self) -> Lines<'r> {
        // SAFETY: the list is part of the request.
        let part = unsafe { &raw mut (*self.raw()).headers_in.headers.part };
        Lines {
            previous: ptr::null_mut(),
            part,
            at: 0,
            life: std::marker::PhantomData,
        }
    }

    /// The first header line of that name, compared without case.
    pub fn header(self, name: &[u8]) -> Option<&'r [u8]> {
        self.headers()
            .find(|h| h.name.eq_ignore_ascii_case(name))
            .map(|h| h.value)
    }

    /// The values of the Cookie lines, in their order.
    pub fn cookies(self) -> impl Iterator<Item = Header<'r>> {
        self.headers()
            .filter(|h| h.name.eq_ignore_ascii_case(b"cookie"))
    }

    /// The values of the lines that nginx has found to be cookies, in their order: those of `$cookie_NAME`. Quicker than
    /// [`Request::cookies`], which sees what another module has put among the lines, too.
    #[cfg(not(cookie_array))]
    pub fn cookie_values(self) -> impl Iterator<Item = &'r [u8]> {
        let mut line = self.fields().headers_in.cookie;
        std::iter::from_fn(move || {
            // SAFETY: null, or an element of the live request's list.
            let one = unsafe { line.as_ref() }?;
            line = one.next;
            // SAFETY: the string lives as long as the request.
            Some(unsafe { bytes::slice(one.value) })
        })
    }

    /// The values of the lines that are cookies, in their order.
    #[cfg(cookie_array)]
    pub fn cookie_values(self) -> impl Iterator<Item = &'r [u8]> {
        self.cookies().map(|line| line.value)
    }

    /// Replaces a header line's value.
    pub fn set_header(self, header: Header<'r>, value: &'r [u8]) {
        // SAFETY: an element of this request's list (elements never move); the bytes live as
        // long as the request.
        unsafe { (*header.element).value = bytes::borrow(value) };
    }

    /// Takes header lines out of the request: the upstream does not see them, nor does any
    /// variable computed later. None when memory was short (nothing half-done is left).
    ///
    /// nginx's own `headers_in.*` pointers lead into the list, so elements are never moved: a
    /// part is shortened, or split in two around the element.
    pub fn remove_headers(self, doomed: impl Fn(&Header<'r>) -> bool) -> Option<()> {
        // One walk: a client may send thousands of lines.
        let mut lines = self.lines();
        while let Some(header) = lines.find(|h| doomed(h)) {
            // SAFETY: the request is live and its list was just walked up to the element.
            unsafe { remove::remove(self.raw(), &mut lines)? };
            // SAFETY: a part of the live request.
            let known = unsafe { &raw mut (*self.raw()).headers_in };
            // SAFETY: as above; the element was in the list.
            unsafe { known::forget(known, header.element) };
        }
        Some(())
    }
}
