//! Socket addresses as nginx's connection record wants them.

use crate::http::request::Request;
use crate::sys;
use std::ffi::c_char;
use std::net::SocketAddr;
use std::ptr;

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub enum Address<'r> {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// The path of a unix socket.
    Unix(&'r [u8]),
}

/// One backend for one try.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'r> {
    /// Its address.
    pub address: Address<'r>,
    /// What `$upstream_addr` shows.
    pub name: &'r [u8],
    /// The name for SNI and verification when the backend speaks TLS.
    pub tls: Option<&'r [u8]>,
}

/// The address for connect(). nginx's keepalive compares all its bytes, so bytes that Linux
/// ignores carry a tag: connections made for another TLS name are not reused.
pub(super) fn socket_address(
    r: Request<'_>,
    chosen: &Chosen<'_>,
) -> Option<(*mut sys::sockaddr, sys::socklen_t)> {
    let tag = chosen.tls.map_or(0, fnv1a);
    match chosen.address {
        Address::Inet(SocketAddr::V4(v4)) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_in = unsafe { std::mem::zeroed() };
            raw.sin_family = sys::AF_INET as sys::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from(*v4.ip()).to_be();
            raw.sin_zero = tag.to_ne_bytes();
            Some((
                ptr::from_mut(r.place(raw)?).cast(),
                size_of::<sys::sockaddr_in>() as _,
            ))
        }
        Address::Inet(SocketAddr::V6(v6)) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_in6 = unsafe { std::mem::zeroed() };
            raw.sin6_family = sys::AF_INET6 as sys::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.__in6_u.__u6_addr8 = v6.ip().octets();
            raw.sin6_flowinfo = (tag ^ (tag >> 32)) as u32;
            Some((
                ptr::from_mut(r.place(raw)?).cast(),
                size_of::<sys::sockaddr_in6>() as _,
            ))
        }
        Address::Unix(path) => {
            // SAFETY: plain C data for which zero is valid.
            let mut raw: sys::sockaddr_un = unsafe { std::mem::zeroed() };
            raw.sun_family = sys::AF_UNIX as sys::sa_family_t;
            for (to, from) in raw.sun_path.get_mut(..path.len())?.iter_mut().zip(path) {
                *to = *from as c_char;
            }
            // The path ends at its NUL; a tag stands in the last bytes.
            let tag = tag.to_ne_bytes();
            let tag: &[u8] = if chosen.tls.is_some() { &tag } else { &[] };
            let rest = raw.sun_path.get_mut(path.len().checked_add(1)?..)?;
            let place = rest.len().checked_sub(tag.len())?;
            for (to, from) in rest.iter_mut().skip(place).zip(tag) {
                *to = *from as c_char;
            }
            Some((
                ptr::from_mut(r.place(raw)?).cast(),
                size_of::<sys::sockaddr_un>() as _,
            ))
        }
    }
}

/// FNV-1a, 64 bits: tells TLS names apart.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
