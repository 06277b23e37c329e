//! Takes lines out of nginx's list of request headers.

use super::lines::Lines;
use crate::sys;

/// Removes the element that `lines` gave last from the list of request headers; `lines` goes on
/// with the one after it. None when memory was short.
///
/// # Safety
/// `r` is live, `lines` walks its list and has given an element.
pub(super) unsafe fn remove(r: *mut sys::ngx_http_request_t, lines: &mut Lines<'_>) -> Option<()> {
    // The first part lies inside the list, so that a reference to the one would alias a reference
    // to the other. Both are only reached through pointers that come from the request.
    // SAFETY: the list is part of the live request.
    let list = unsafe { &raw mut (*r).headers_in.headers };
    // SAFETY: as above.
    let first = unsafe { &raw mut (*list).part };
    let part = lines.part;
    let index = lines.at.checked_sub(1)?;
    // SAFETY: the part of the list that the element is in; no reference to it is held.
    let old = unsafe { part.read() };
    let start = old.elts.cast::<sys::ngx_table_elt_t>();
    // SAFETY: the list is live; no reference to it is held.
    let is_last_part = unsafe { (*list).last == part };
    // SAFETY: as above.
    let nalloc = unsafe { (*list).nalloc };
    // SAFETY: the live request's own.
    let pool = unsafe { (*r).pool };
    let rest_of_part = old.nelts.saturating_sub(lines.at);
    if rest_of_part == 0 {
        // The last of its part: the part gets shorter; its room is not used again, since
        // somebody may still hold a pointer to the element.
        // SAFETY: the live part.
        unsafe { (*part).nelts = index };
        if is_last_part {
            // SAFETY: the live list.
            unsafe { (*list).nalloc = index };
        }
    } else if index == 0 {
        // SAFETY: the part has at least two elements.
        let rest = unsafe { start.add(1) };
        // SAFETY: the live part.
        unsafe { (*part).elts = rest.cast() };
        // SAFETY: as above.
        unsafe { (*part).nelts = rest_of_part };
        lines.at = 0;
        if is_last_part {
            // The part has room for its elements at least.
            // SAFETY: the live list.
            unsafe { (*list).nalloc = nalloc.saturating_sub(1) };
        }
    } else {
        // SAFETY: the request's pool is live.
        let rest = unsafe { sys::ngx_palloc(pool, size_of::<sys::ngx_list_part_t>()) }
            .cast::<sys::ngx_list_part_t>();
        if rest.is_null() {
            return None;
        }
        let tail = sys::ngx_list_part_t {
            // SAFETY: inside the part: the element is not its last.
            elts: unsafe { start.add(lines.at) }.cast(),
            nelts: rest_of_part,
            next: old.next,
        };
        // SAFETY: fresh memory of the right size.
        unsafe { rest.write(tail) };
        // SAFETY: the live part.
        unsafe { (*part).nelts = index };
        // SAFETY: as above.
        unsafe { (*part).next = rest };
        if is_last_part {
            // SAFETY: the live list.
            unsafe { (*list).last = rest };
            // SAFETY: as above.
            unsafe { (*list).nalloc = nalloc.saturating_sub(lines.at) };
        }
    }
    // SAFETY: the live part.
    let is_empty = unsafe { (*part).nelts } == 0;
    if is_empty && part != first {
        // nginx's loops do not expect an empty part after the first.
        let previous = lines.previous;
        // SAFETY: the live part.
        let next = unsafe { (*part).next };
        // SAFETY: not the first, so there is a previous one in the live list.
        unsafe { (*previous).next = next };
        // SAFETY: as above.
        let elements = unsafe { (*previous).nelts };
        (lines.part, lines.at) = (previous, elements);
        if is_last_part {
            // SAFETY: the live list.
            unsafe { (*list).last = previous };
            // SAFETY: as above.
            unsafe { (*list).nalloc = elements };
        }
    }
    // SAFETY: the live list.
    if unsafe { (*list).nalloc } == 0 {
        // SAFETY: the request's pool is live; without any header line the first part is the last.
        unsafe { give_room(list, pool)? };
    }
    Some(())
}

/// Room for new lines in a list that has lost all of them: ngx_list_push() makes a new part as large
/// as the last one was, and takes it for granted that one element fits.
///
/// # Safety
/// `list` is live, `pool` is live and outlives it, and its only part is empty.
unsafe fn give_room(list: *mut sys::ngx_list_t, pool: *mut sys::ngx_pool_t) -> Option<()> {
    const LINES: usize = 4;
    let size = LINES.checked_mul(size_of::<sys::ngx_table_elt_t>())?;
    // SAFETY: promised by the caller.
    let elements = unsafe { sys::ngx_palloc(pool, size) };
    if elements.is_null() {
        return None;
    }
    // SAFETY: promised by the caller; no reference to the list is held.
    unsafe { (*list).part.elts = elements };
    // SAFETY: as above.
    unsafe { (*list).nalloc = LINES };
    Some(())
}
