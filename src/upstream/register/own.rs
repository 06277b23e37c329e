//! Whether an address is this nginx's own: as a backend, it would make requests run in a circle.

use gatehouse_nginx::event::listening;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Whether this nginx takes connections there.
pub(super) fn is_own(at: SocketAddr) -> bool {
    listening::addresses().iter().any(|own| {
        let ip = own.ip().to_canonical();
        own.port() == at.port() && (ip == at.ip() || ip.is_unspecified() && is_local(at.ip()))
    })
}

/// Whether an address is one of this machine's: for such a one the kernel chooses that very address as the sender's. No
/// packet is sent. An address that cannot be judged counts as local.
fn is_local(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let sender = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((ip, 9))?;
        socket.local_addr()
    };
    ip.is_loopback() || sender().map_or(true, |sender| sender.ip() == ip)
}
