//! Where a connection goes.

use crate::sys;
use std::ffi::c_char;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An address and port, or the path of a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// A unix socket; no NUL, at most 107 bytes.
    Unix(String),
}

/// Neither `ADDRESS:PORT` nor `unix:PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

/// The room for a path in a `sockaddr_un`, its NUL included.
const PATH_MAX: usize = 108;

impl FromStr for Address {
    type Err = NoAddress;

    /// Reads `127.0.0.1:80`, `[::1]:80` and `unix:/path`.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        match text.strip_prefix("unix:") {
            Some(path) if fits(path) => Ok(Self::Unix(path.to_owned())),
            Some(_) => Err(NoAddress),
            None => text.parse().map(Self::Inet).map_err(|_| NoAddress),
        }
    }
}

fn fits(path: &str) -> bool {
    !path.is_empty() && path.len() < PATH_MAX && !path.contains('\0')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A socket address as C has it.
#[derive(Clone, Copy)]
pub(crate) union Raw {
    v4: sys::sockaddr_in,
    v6: sys::sockaddr_in6,
    unix: sys::sockaddr_un,
}

impl Address {
    /// The address and the length of it that counts.
    pub(crate) fn raw(&self) -> (Raw, sys::socklen_t) {
        match self {
            Self::Inet(SocketAddr::V4(from)) => {
                // SAFETY: plain C data for which zero is valid.
                let mut v4: sys::sockaddr_in = unsafe { std::mem::zeroed() };
                v4.sin_family = sys::AF_INET as sys::sa_family_t;
                v4.sin_port = from.port().to_be();
                v4.sin_addr.s_addr = u32::from(*from.ip()).to_be();
                (Raw { v4 }, size_of::<sys::sockaddr_in>() as _)
            }
            Self::Inet(SocketAddr::V6(from)) => {
                // SAFETY: plain C data for which zero is valid.
                let mut v6: sys::sockaddr_in6 = unsafe { std::mem::zeroed() };
                v6.sin6_family = sys::AF_INET6 as sys::sa_family_t;
                v6.sin6_port = from.port().to_be();
                v6.sin6_addr.__in6_u.__u6_addr8 = from.ip().octets();
                v6.sin6_scope_id = from.scope_id();
                (Raw { v6 }, size_of::<sys::sockaddr_in6>() as _)
            }
            Self::Unix(path) => {
                // SAFETY: plain C data for which zero is valid.
                let mut unix: sys::sockaddr_un = unsafe { std::mem::zeroed() };
                unix.sun_family = sys::AF_UNIX as sys::sa_family_t;
                // The last byte stays the NUL that ends the path.
                let room = unix.sun_path.iter_mut().take(PATH_MAX.saturating_sub(1));
                for (to, from) in room.zip(path.bytes()) {
                    *to = from as c_char;
                }
                (Raw { unix }, size_of::<sys::sockaddr_un>() as _)
            }
        }
    }
}

/// The address in a `sockaddr`; None for one of another family, or one cut short: a client of a unix
/// socket has an address of two bytes.
///
/// # Safety
/// `address` is null or leads to `len` readable bytes.
pub(crate) unsafe fn read(address: *const sys::sockaddr, len: usize) -> Option<SocketAddr> {
    let holds = |size: usize| (!address.is_null() && len >= size).then_some(());
    holds(size_of::<sys::sa_family_t>())?;
    // SAFETY: a plain field among the first bytes; no reference to the whole structure is made.
    let family = unsafe { &raw const (*address).sa_family };
    // SAFETY: as above.
    let family = unsafe { family.read() };
    match u32::from(family) {
        sys::AF_INET => {
            holds(size_of::<sys::sockaddr_in>())?;
            // SAFETY: an AF_INET address of its full size is a sockaddr_in.
            let v4 = unsafe { address.cast::<sys::sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some((ip, u16::from_be(v4.sin_port)).into())
        }
        sys::AF_INET6 => {
            holds(size_of::<sys::sockaddr_in6>())?;
            // SAFETY: an AF_INET6 address of its full size is a sockaddr_in6.
            let v6 = unsafe { address.cast::<sys::sockaddr_in6>().read_unaligned() };
            // SAFETY: any bytes are an IPv6 address.
            let ip = Ipv6Addr::from(unsafe { v6.sin6_addr.__in6_u.__u6_addr8 });
            Some((ip, u16::from_be(v6.sin6_port)).into())
        }
        _ => None,
    }
}
