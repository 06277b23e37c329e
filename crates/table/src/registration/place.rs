//! Addresses at which no backend can be.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPlace(&'static str);

impl fmt::Display for BadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a backend cannot be at a{} address", self.0)
    }
}

/// The address of a caller, as requests will reach it: an IPv4 address in IPv6 clothing is an IPv4 address.
///
/// # Errors
/// It is unspecified, link-local or one of many machines.
pub fn check_place(ip: IpAddr) -> Result<IpAddr, BadPlace> {
    let ip = ip.to_canonical();
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => is_link_local(v6),
    };
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    match () {
        () if ip.is_unspecified() => Err(BadPlace("n unspecified")),
        () if link_local => Err(BadPlace(" link-local")),
        () if ip.is_multicast() => Err(BadPlace(" multicast")),
        () if broadcast => Err(BadPlace(" broadcast")),
        () => Ok(ip),
    }
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()
        .first()
        .is_some_and(|first| first & 0xffc0 == 0xfe80)
}
