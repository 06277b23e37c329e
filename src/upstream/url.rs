//! What a backend is called.

use gatehouse_live::table::{scheme, url_of};
use gatehouse_table::table::BackendView;
use std::borrow::Cow;

/// Room for the URL of any backend with an address.
pub(super) type Room = [u8; 64];

/// As [`url_of`], without memory of its own where it fits into `room`: a search reads those of all backends.
pub(super) fn url_in<'o>(backend: &BackendView<'_>, room: &'o mut Room) -> Cow<'o, [u8]> {
    write(backend, room)
        .and_then(|length| room.get(..length))
        .map_or_else(|| url_of(backend).into_bytes().into(), Cow::Borrowed)
}

/// How long it is; None when it does not fit.
fn write(backend: &BackendView<'_>, room: &mut Room) -> Option<usize> {
    let scheme = scheme(backend.tls()).as_bytes();
    let (first, rest) = room.split_at_mut_checked(scheme.len())?;
    first.copy_from_slice(scheme);
    let address = backend.address.write_to(rest)?;
    scheme.len().checked_add(address.len())
}
