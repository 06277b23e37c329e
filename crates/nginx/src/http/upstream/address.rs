//! Socket addresses as nginx's connection record wants them.

use crate::ffi::bytes;
use crate::http::piece::{Piece, words_of};
use crate::http::request::Request;
use crate::sys;
use std::ffi::c_char;
use std::net::{Ipv6Addr, SocketAddr};

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub enum Address<'r> {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// The path of a unix socket.
    Unix(&'r [u8]),
}

/// Bytes that hold any address as text: the longest is a unix socket's path of 108 bytes.
pub const NAME_MAX: usize = 128;

/// One backend for one try.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'r> {
    /// Its address.
    pub address: Address<'r>,
    /// What `$upstream_addr` shows: so many bytes of the room for it.
    pub name: usize,
    /// The name for SNI and verification when the backend speaks TLS.
    pub tls: Option<&'r [u8]>,
    /// Tells connections to this backend from others to the same address: nginx reuses a kept connection only for the same
    /// mark, and [`close_kept`](super::close_kept) shows it again.
    pub mark: u64,
}

/// What nginx's connection record points to.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) name: *mut sys::ngx_str_t,
    pub(super) address: *mut sys::sockaddr,
    pub(super) size: sys::socklen_t,
}

/// Bytes of a name that stands beside its address: any of IPv4.
const SHORT: usize = 24;

/// The same in the request's pool, in one piece.
#[repr(C)]
struct Placed<A> {
    name: sys::ngx_str_t,
    address: A,
    text: [u8; SHORT],
}

/// Words that the most usual try takes of a request's piece of memory.
pub(super) const ROOM: usize = words_of::<Placed<sys::sockaddr_in>>();

fn place<'r, A: Copy + 'static>(r: Request<'r>, way: &Way<'_, 'r>, address: A) -> Option<Target> {
    let placed = Placed {
        name: sys::ngx_str_t::default(),
        address,
        text: *way.room.first_chunk()?,
    };
    let placed = r.place_in(way.piece, placed)?;
    placed.name = bytes::borrow(match placed.text.get(..way.len) {
        Some(text) => text,
        None => r.concat(&[way.room.get(..way.len)?])?,
    });
    Some(Target {
        name: &raw mut placed.name,
        address: (&raw mut placed.address).cast(),
        size: size_of::<A>() as _,
    })
}

/// A name and the room that it is in, and where it is to go.
struct Way<'n, 'r> {
    room: &'n [u8; NAME_MAX],
    len: usize,
    piece: Option<&'n Piece<'r>>,
}

/// The address for connect(), and its name. nginx's keepalive compares all bytes of an address, so bytes that Linux
/// ignores carry the mark: connections with another one are not reused.
pub(super) fn target<'r>(
    r: Request<'r>,
    chosen: &Chosen<'r>,
    room: &[u8; NAME_MAX],
    piece: Option<&Piece<'r>>,
) -> Option<Target> {
    let way = &Way {
        room,
        len: chosen.name,
        piece,
    };
    let mark = chosen.mark;
    match chosen.address {
        Address::Inet(SocketAddr::V4(v4)) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_in = unsafe { std::mem::zeroed() };
            raw.sin_family = sys::AF_INET as sys::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            raw.sin_zero = mark.to_ne_bytes();
            place(r, way, raw)
        }
        Address::Inet(SocketAddr::V6(v6)) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_in6 = unsafe { std::mem::zeroed() };
            raw.sin6_family = sys::AF_INET6 as sys::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.__in6_u.__u6_addr8 = v6.ip().octets();
            let low = mark as u32;
            let high = (mark >> 32) as u32;
            // The scope of an address that is local to a link is the interface, and not ignored.
            if v6.ip().is_unicast_link_local() {
                raw.sin6_flowinfo = low ^ high;
            } else {
                raw.sin6_flowinfo = low;
                raw.sin6_scope_id = high;
            }
            place(r, way, raw)
        }
        Address::Unix(path) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_un = unsafe { std::mem::zeroed() };
            raw.sun_family = sys::AF_UNIX as sys::sa_family_t;
            for (to, from) in raw.sun_path.get_mut(..path.len())?.iter_mut().zip(path) {
                *to = *from as c_char;
            }
            // The path ends at its NUL; the mark stands in the last bytes, if there is room.
            let rest = raw.sun_path.get_mut(path.len().checked_add(1)?..)?;
            match rest.last_chunk_mut::<8>() {
                Some(room) => *room = mark.to_ne_bytes().map(|byte| byte as c_char),
                // Without a name for TLS nothing else is at the same path.
                None if chosen.tls.is_none() => {}
                None => return None,
            }
            place(r, way, raw)
        }
    }
}

/// The mark of an address that [`target`] made; None where there is no room for one.
///
/// # Safety
/// A live address of the size that its family says.
pub(super) unsafe fn mark_of(address: *const sys::sockaddr) -> Option<u64> {
    // SAFETY: promised by the caller.
    let family = unsafe { address.read_unaligned() }.sa_family;
    match u32::from(family) {
        sys::AF_INET => {
            // SAFETY: the family says so.
            let v4 = unsafe { address.cast::<sys::sockaddr_in>().read_unaligned() };
            Some(u64::from_ne_bytes(v4.sin_zero))
        }
        sys::AF_INET6 => {
            // SAFETY: the family says so.
            let v6 = unsafe { address.cast::<sys::sockaddr_in6>().read_unaligned() };
            // SAFETY: all forms of an address are sixteen bytes.
            let bytes = unsafe { v6.sin6_addr.__in6_u.__u6_addr8 };
            let is_local = Ipv6Addr::from(bytes).is_unicast_link_local();
            let mark = u64::from(v6.sin6_flowinfo) | u64::from(v6.sin6_scope_id) << 32;
            (!is_local).then_some(mark)
        }
        sys::AF_UNIX => {
            // SAFETY: the family says so.
            let unix = unsafe { address.cast::<sys::sockaddr_un>().read_unaligned() };
            let end = unix.sun_path.iter().position(|byte| *byte == 0)?;
            let room = unix.sun_path.get(end.saturating_add(1)..)?.last_chunk()?;
            Some(u64::from_ne_bytes(room.map(|byte| byte as u8)))
        }
        _ => None,
    }
}
