//! Pages of shared memory that nobody needs.

use crate::ffi::bits;
use crate::sys;
use std::sync::atomic::AtomicU64;

/// Gives the pages of `body` that are not needed for anything else back to the system: those from its byte `from` on that
/// end before its byte `to`. Pieces that follow one another leave no page between them. What is read there later is zeros.
/// Where the system cannot do that, nothing happens.
pub(super) fn give_back(body: &[AtomicU64], from: usize, to: usize) {
    // SAFETY: a plain global.
    let page = unsafe { sys::ngx_pagesize };
    let start = body.as_ptr().addr();
    let size = size_of_val(body);
    // The page in which the body begins has other words, too.
    let first = start.checked_next_multiple_of(page);
    let begin = page_of(start.saturating_add(from.min(size)), page);
    let end = page_of(start.saturating_add(to.min(size)), page);
    let (Some(first), Some(begin), Some(end)) = (first, begin, end) else {
        return;
    };
    let begin = begin.max(first);
    let Some(length) = end.checked_sub(begin).filter(|length| *length > 0) else {
        return;
    };
    let pages = body.as_ptr().with_addr(begin).cast_mut();
    // SAFETY: whole pages inside the body, which is shared memory of ours that may be written: its words become 0.
    unsafe { bits::gatehouse_pages_give_back(pages.cast(), length) };
}

/// Where the page of an address begins.
fn page_of(address: usize, page: usize) -> Option<usize> {
    address.checked_sub(address.checked_rem(page)?)
}
