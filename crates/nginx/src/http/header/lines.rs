//! The lines of nginx's list of request headers.

use crate::ffi::bytes;
use crate::sys;

/// A header line of a request.
#[derive(Clone, Copy)]
pub struct Header<'r> {
    pub(super) element: *mut sys::ngx_table_elt_t,
    /// Its name as sent.
    pub name: &'r [u8],
    /// Its value.
    pub value: &'r [u8],
}

/// Walks an nginx list of headers part by part.
pub(super) struct Lines<'r> {
    pub(super) previous: *mut sys::ngx_list_part_t,
    pub(super) part: *mut sys::ngx_list_part_t,
    pub(super) at: usize,
    pub(super) life: std::marker::PhantomData<&'r ()>,
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
                self.at = self.at.saturating_add(1);
                // SAFETY: as above; nobody writes it meanwhile.
                let fields = unsafe { &*element };
                return Some(Header {
                    element,
                    // SAFETY: the strings live as long as the request.
                    name: unsafe { bytes::slice(fields.key) },
                    // SAFETY: as above.
                    value: unsafe { bytes::slice(fields.value) },
                });
            }
            (self.previous, self.part) = (self.part, part.next);
            self.at = 0;
        }
    }
}
