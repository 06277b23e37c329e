//! Headers of requests and responses.

mod cache_control;
mod known;
mod remove;

use crate::ffi::bytes;
use crate::http::request::Request;
use crate::sys;
use std::ptr;

/// A header line of a request.
#[derive(Clone, Copy)]
pub struct Header<'r> {
    element: *mut sys::ngx_table_elt_t,
    /// Its name as sent.
    pub name: &'r [u8],
    /// Its value.
    pub value: &'r [u8],
}

/// Walks an nginx list of headers part by part.
struct Lines<'r> {
    previous: *mut sys::ngx_list_part_t,
    part: *mut sys::ngx_list_part_t,
    at: usize,
    life: std::marker::PhantomData<&'r ()>,
}

impl<'r> Iterator for Lines<'r> {
    type Item = Header<'r>;

    fn next(&mut self) -> Option<Header<'r>> {
        loop {
            // SAFETY: null or a part of a live list.
            let part = unsafe { self.part.as_ref()? };
            if self.at < part.nelts {
                // SAFETY: within the part, whose elements are ngx_table_elt_t.
                let element = unsafe { part.elts.cast::<sys::ngx_table_elt_t>().add(self.at) };
                self.at += 1;
                // SAFETY: the strings live as long as the request.
                let (name, value) =
                    unsafe { (bytes::slice((*element).key), bytes::slice((*element).value)) };
                return Some(Header {
                    element,
                    name,
                    value,
                });
            }
            (self.previous, self.part) = (self.part, part.next);
            self.at = 0;
        }
    }
}

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
            unsafe {
                remove::remove(self.raw(), &mut lines)?;
                known::forget(&raw mut (*self.raw()).headers_in, header.element);
            }
        }
        Some(())
    }
}
