//! Addresses of servers, as they are written.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A server of a store, or a Sentinel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub place: Place,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path of a unix socket.
    Unix(String),
    /// An address.
    Inet(SocketAddr),
    /// A name to be resolved each time, and a port.
    Name(String, u16),
}

/// Bytes of the longest path: `sun_path` of Linux without its closing zero.
const PATH: usize = 107;

impl Server {
    /// Reads `unix:/path`, `10.0.0.1:6379`, `[::1]:6379` or `name:6379`; without a port it is the usual one.
    #[must_use]
    pub fn parse(text: &str, port: u16) -> Option<Self> {
        let place = match text.strip_prefix("unix:") {
            Some(path) => {
                let fits = path.starts_with('/') && path.len() <= PATH;
                fits.then(|| Place::Unix(path.to_owned()))?
            }
            None => inet(text, port)?,
        };
        Some(Self { place })
    }

    /// A server at an address that a Sentinel gives.
    #[must_use]
    pub fn at(host: &str, port: u16) -> Option<Self> {
        let place = match IpAddr::from_str(host) {
            Ok(ip) => Place::Inet(SocketAddr::new(ip, port)),
            Err(_) => Place::Name(name(host)?, port),
        };
        Some(Self { place })
    }

    /// What its certificate is for.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.place {
            Place::Unix(_) => String::new(),
            Place::Inet(address) => address.ip().to_string(),
            Place::Name(name, _) => name.clone(),
        }
    }
}

fn inet(text: &str, usual: u16) -> Option<Place> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(text).parse::<Ipv6Addr>() {
        return Some(Place::Inet(SocketAddr::new(ip.into(), usual)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let digits = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| digits && *port > 0)?;
            (host, port)
        }
        None => (text, usual),
    };
    if let Some(v6) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let ip: Ipv6Addr = v6.parse().ok()?;
        return Some(Place::Inet(SocketAddr::new(ip.into(), port)));
    }
    match host.parse::<IpAddr>() {
        Ok(ip) => Some(Place::Inet(SocketAddr::new(ip, port))),
        Err(_) => Some(Place::Name(name(host)?, port)),
    }
}

/// A host name; one that ends in a number is a mistaken address.
fn name(host: &str) -> Option<String> {
    let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(byte);
    let bare = host.strip_suffix('.').unwrap_or(host);
    let last = bare.rsplit('.').next()?;
    let is_number = last.bytes().all(|b| b.is_ascii_digit());
    (bare.len() <= 253 && !is_number && bare.split('.').all(label))
        .then(|| bare.to_ascii_lowercase())
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix:{path}"),
            Place::Inet(address) => address.fmt(f),
            Place::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let shown = |text: &str| Server::parse(text, 6379).map(|server| server.to_string());
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1:6379")),
            ("127.0.0.1:7000", Some("127.0.0.1:7000")),
            ("[::1]", Some("[::1]:6379")),
            ("[::1]:7000", Some("[::1]:7000")),
            ("::1", Some("[::1]:6379")),
            ("Redis.test", Some("redis.test:6379")),
            ("redis:7000", Some("redis:7000")),
            ("unix:/run/redis.sock", Some("unix:/run/redis.sock")),
            ("127.0.0.1:0", None),
            ("127.0.0.1:70000", None),
            ("127.0.0.1:+1", None),
            ("127.0.0.256", None),
            ("[::1", None),
            ("::1]", None),
            ("[[::1]]", None),
            ("unix:redis.sock", None),
            ("redis://127.0.0.1", None),
            ("a b", None),
            ("", None),
            (":6379", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
        assert_eq!(
            Server::at("fd00::1", 1).map(|s| s.to_string()).as_deref(),
            Some("[fd00::1]:1")
        );
        assert_eq!(Server::at("a b", 1), None);
    }
}
