//! A route from bytes that may be anything.

use super::WITH_CHECKS;
use super::encode::{
    BACKUP, DRAIN, KIND, NAME, OPTIONS, SERVICE, SNI, TLS, UNIX, V4, V6, owner_code,
};
use crate::route::{Address, Endpoint, Options, Protocol, ProxyHeader, Resolved, Secret};
use crate::table::Owner;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The bytes that are still to be read.
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

/// A route as it was written.
pub(super) struct Written<'b> {
    pub(super) owner: Owner,
    pub(super) key: &'b [u8],
    /// All of it but the keys.
    pub(super) route: Resolved<'b>,
    pub(super) keys: Vec<(&'b str, Secret)>,
}

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number of seven bits a byte: five bytes at most, and no more of them than it needs.
    pub(super) fn number(&mut self) -> Option<u32> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let is_short = byte > 0 || shift == 0;
                return u32::try_from(number).ok().filter(|_| is_short);
            }
        }
        None
    }

    /// A count of things that take a byte each at least: no memory is asked for on the word of a number alone.
    fn count(&mut self) -> Option<usize> {
        let count = self.number()? as usize;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.number()? as usize;
        self.take(len)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A route in a file of this version, which must end where the bytes do; `None` for what is none.
    pub(super) fn route(mut self, version: u32) -> Option<Written<'b>> {
        let owner = owner(self.byte()?)?;
        let key = self.bytes()?;
        let mut route = Resolved {
            id: self.text()?,
            ..Resolved::default()
        };
        for _ in 0..self.count()? {
            route.endpoints.push(self.endpoint()?);
        }
        for _ in 0..self.count()? {
            route.vars.push((self.text()?, self.text()?));
        }
        let mut keys = Vec::new();
        for _ in 0..self.count()? {
            keys.push((self.text()?, Secret::new(self.text()?.to_owned())));
        }
        route.meta = Some(self.text()?).filter(|meta| !meta.is_empty());
        if version >= WITH_CHECKS {
            route.check = Some(self.text()?).filter(|check| !check.is_empty());
        }
        self.0.is_empty().then_some(Written {
            owner,
            key,
            route,
            keys,
        })
    }

    fn endpoint(&mut self) -> Option<Endpoint<'b>> {
        let mut flags = self.byte()?;
        let mut service = None;
        if flags == SERVICE << KIND {
            service = Some(self.text()?);
            flags = self.byte()?;
        }
        let has = |bit: u8| flags & bit != 0;
        let address = match flags >> KIND {
            V4 => self.ip::<4>(|octets| Ipv4Addr::from(octets).into())?,
            V6 => self.ip::<16>(|octets| Ipv6Addr::from(octets).into())?,
            UNIX => Address::Unix(self.text()?),
            _ => return None,
        };
        Some(Endpoint {
            address,
            tls: has(TLS),
            backup: has(BACKUP),
            drain: has(DRAIN),
            weight: u16::try_from(self.number()?).ok()?,
            name: if has(NAME) { Some(self.text()?) } else { None },
            sni: if has(SNI) { Some(self.text()?) } else { None },
            service,
            options: if has(OPTIONS) {
                self.options()?
            } else {
                Options::default()
            },
        })
    }

    fn ip<const N: usize>(&mut self, ip: impl Fn([u8; N]) -> IpAddr) -> Option<Address<'b>> {
        let ip = ip(self.array()?);
        let port = u16::from_le_bytes(self.array()?);
        Some(Address::Ip(SocketAddr::new(ip, port)))
    }

    fn options(&mut self) -> Option<Options> {
        Some(Options {
            proxy: match self.byte()? {
                0 => ProxyHeader::Off,
                1 => ProxyHeader::V1,
                2 => ProxyHeader::V2,
                _ => return None,
            },
            protocol: match self.byte()? {
                0 => Protocol::Http,
                1 => Protocol::Tcp,
                2 => Protocol::Udp,
                _ => return None,
            },
            max_conns: self.number()?,
            slow_start_ms: self.number()?,
        })
    }
}

fn owner(code: u8) -> Option<Owner> {
    [Owner::File, Owner::Api, Owner::Registration, Owner::Redis]
        .into_iter()
        .find(|owner| owner_code(*owner) == code)
}
