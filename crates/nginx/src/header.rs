//! Headers of requests and responses.

use crate::bytes;
use crate::request::Request;
use nginx_sys as ngx;
use std::ptr;

/// A header line of a request.
#[derive(Clone, Copy)]
pub struct Header<'r> {
    element: *mut ngx::ngx_table_elt_t,
    /// Its name as sent.
    pub name: &'r [u8],
    /// Its value.
    pub value: &'r [u8],
}

/// Walks an nginx list of headers part by part.
struct Lines<'r> {
    previous: *mut ngx::ngx_list_part_t,
    part: *mut ngx::ngx_list_part_t,
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
                let element = unsafe { part.elts.cast::<ngx::ngx_table_elt_t>().add(self.at) };
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
                remove(self.raw(), &mut lines)?;
                unlink(&raw mut (*self.raw()).headers_in, header.element);
            }
        }
        Some(())
    }

    /// Adds a header line to the response. None when memory is short.
    pub fn add_response_header(
        self,
        name: &'static str,
        lower: &'static str,
        value: &'r [u8],
    ) -> Option<()> {
        // SAFETY: an initialised list of the live request.
        let element = unsafe { ngx::ngx_list_push(&raw mut (*self.raw()).headers_out.headers) }
            .cast::<ngx::ngx_table_elt_t>();
        if element.is_null() {
            return None;
        }
        // SAFETY: a fresh element; zero is "no hash, no next", so it is valid at every moment.
        unsafe { element.write_bytes(0, 1) };
        // SAFETY: as above; all strings live as long as the request.
        unsafe {
            (*element).key = bytes::borrow(name.as_bytes());
            (*element).value = bytes::borrow(value);
            (*element).lowcase_key = lower.as_ptr().cast_mut();
            (*element).hash = 1;
        }
        Some(())
    }
}

/// Removes the element that `lines` gave last from the list of request headers; `lines` goes on
/// with the one after it.
///
/// # Safety
/// `r` is live, `lines` walks its list and has given an element.
unsafe fn remove(r: *mut ngx::ngx_http_request_t, lines: &mut Lines<'_>) -> Option<()> {
    // SAFETY: the list is part of the live request.
    let list = unsafe { &mut (*r).headers_in.headers };
    let first = &raw mut list.part;
    let at = lines.part;
    // SAFETY: the part of the list that the element is in.
    let part = unsafe { &mut *at };
    let start = part.elts.cast::<ngx::ngx_table_elt_t>();
    let index = lines.at.checked_sub(1)?;
    let is_last_part = list.last == at;
    if index + 1 == part.nelts {
        // The last of its part: the part gets shorter; its room is not used again, since
        // somebody may still hold a pointer to the element.
        part.nelts -= 1;
        if is_last_part {
            list.nalloc = part.nelts;
        }
    } else if index == 0 {
        // SAFETY: the part has at least two elements.
        part.elts = unsafe { start.add(1) }.cast();
        part.nelts -= 1;
        lines.at = 0;
        if is_last_part {
            list.nalloc -= 1;
        }
    } else {
        // SAFETY: the request's pool is live.
        let rest = unsafe { ngx::ngx_palloc((*r).pool, size_of::<ngx::ngx_list_part_t>()) }
            .cast::<ngx::ngx_list_part_t>();
        if rest.is_null() {
            return None;
        }
        let tail = ngx::ngx_list_part_t {
            // SAFETY: inside the part: the element is not its last.
            elts: unsafe { start.add(index + 1) }.cast(),
            nelts: part.nelts - index - 1,
            next: part.next,
        };
        // SAFETY: fresh memory of the right size.
        unsafe { rest.write(tail) };
        part.nelts = index;
        part.next = rest;
        if is_last_part {
            list.last = rest;
            list.nalloc = list.nalloc.saturating_sub(index + 1);
        }
    }
    if part.nelts == 0 && at != first {
        // nginx's loops do not expect an empty part after the first.
        // SAFETY: not the first, so there is a previous one.
        let previous = unsafe { &mut *lines.previous };
        previous.next = part.next;
        (lines.part, lines.at) = (lines.previous, previous.nelts);
        if is_last_part {
            list.last = lines.previous;
            list.nalloc = previous.nelts;
        }
    }
    if list.nalloc == 0 {
        // SAFETY: the request's pool is live; without any header line the first part is the last.
        unsafe { give_room(list, (*r).pool)? };
    }
    Some(())
}

/// Room for new lines in a list that has lost all of them: ngx_list_push() makes a new part as large
/// as the last one was, and takes it for granted that one element fits.
///
/// # Safety
/// `pool` is live and outlives the list, whose only part is empty.
unsafe fn give_room(list: &mut ngx::ngx_list_t, pool: *mut ngx::ngx_pool_t) -> Option<()> {
    const LINES: usize = 4;
    let size = LINES.checked_mul(size_of::<ngx::ngx_table_elt_t>())?;
    // SAFETY: promised by the caller.
    let elements = unsafe { ngx::ngx_palloc(pool, size) };
    if elements.is_null() {
        return None;
    }
    list.part.elts = elements;
    list.nalloc = LINES;
    Some(())
}

/// Forgets nginx's own pointers to a removed header.
///
/// # Safety
/// `known` belongs to a live request; `gone` was an element of its list.
unsafe fn unlink(known: *mut ngx::ngx_http_headers_in_t, gone: *mut ngx::ngx_table_elt_t) {
    // SAFETY: plain pointer fields of the live request.
    let fields = unsafe {
        [
            &raw mut (*known).authorization,
            &raw mut (*known).user_agent,
            &raw mut (*known).referer,
            &raw mut (*known).accept_encoding,
            &raw mut (*known).via,
            &raw mut (*known).range,
            &raw mut (*known).if_range,
            &raw mut (*known).upgrade,
        ]
    };
    for field in fields {
        // SAFETY: null or an element of the request's list.
        unsafe { unchain(field, gone) };
    }
    // SAFETY: as above.
    unsafe { unlink_cookie(known, gone) };
}

#[cfg(not(cookie_array))]
unsafe fn unlink_cookie(known: *mut ngx::ngx_http_headers_in_t, gone: *mut ngx::ngx_table_elt_t) {
    // SAFETY: promised by the caller of `unlink`.
    unsafe { unchain(&raw mut (*known).cookie, gone) };
}

/// Takes `gone` out of a chain of equal headers (nginx ≥ 1.23: `next`).
#[cfg(not(cookie_array))]
unsafe fn unchain(mut field: *mut *mut ngx::ngx_table_elt_t, gone: *mut ngx::ngx_table_elt_t) {
    // SAFETY: each link is null or an element of the request's list.
    unsafe {
        while !(*field).is_null() {
            if *field == gone {
                *field = (*gone).next;
                return;
            }
            field = &raw mut (**field).next;
        }
    }
}

#[cfg(cookie_array)]
unsafe fn unchain(field: *mut *mut ngx::ngx_table_elt_t, gone: *mut ngx::ngx_table_elt_t) {
    // SAFETY: a plain pointer field of the live request.
    unsafe {
        if *field == gone {
            *field = ptr::null_mut();
        }
    }
}

/// nginx < 1.23 keeps an array of Cookie lines.
#[cfg(cookie_array)]
unsafe fn unlink_cookie(known: *mut ngx::ngx_http_headers_in_t, gone: *mut ngx::ngx_table_elt_t) {
    // SAFETY: an initialised array of pointers (ngx_http_request.c), or all zero.
    let lines = unsafe { &mut (*known).cookies };
    if lines.elts.is_null() {
        return;
    }
    // SAFETY: the array holds `nelts` pointers.
    let all = unsafe {
        std::slice::from_raw_parts_mut(lines.elts.cast::<*mut ngx::ngx_table_elt_t>(), lines.nelts)
    };
    if let Some(at) = all.iter().position(|line| *line == gone) {
        if let Some(tail) = all.get_mut(at..) {
            tail.rotate_left(1);
        }
        lines.nelts -= 1;
    }
}
