//! A route as bytes.

use crate::route::{Address, Endpoint, Options, Protocol, ProxyHeader};
use crate::table::{Keys, Owner, RouteView};
use std::net::IpAddr;

/// Bits of a backend's first byte; the two above them are the kind of its address.
pub(super) const TLS: u8 = 1;
pub(super) const BACKUP: u8 = 1 << 1;
pub(super) const DRAIN: u8 = 1 << 2;
pub(super) const NAME: u8 = 1 << 3;
pub(super) const SNI: u8 = 1 << 4;
pub(super) const OPTIONS: u8 = 1 << 5;
pub(super) const KIND: u32 = 6;
pub(super) const V4: u8 = 0;
pub(super) const V6: u8 = 1;
pub(super) const UNIX: u8 = 2;
/// Of a service: the byte of kind [`SERVICE`] comes before its name, and then that of the backend with its address.
pub(super) const SERVICE: u8 = 3;

/// The number of an owner.
pub(super) fn owner_code(owner: Owner) -> u8 {
    match owner {
        Owner::File => 1,
        Owner::Api => 2,
        Owner::Registration => 3,
        Owner::Redis => 4,
    }
}

/// Appends a number of seven bits a byte.
pub(super) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend(bytes);
}

/// Appends a route; nothing when its words are no record.
pub(super) fn route(out: &mut Vec<u8>, view: &RouteView<'_>, keys: &Keys<'_>) {
    let Some(owner) = view.owner() else {
        return;
    };
    let route = view.resolved();
    out.push(owner_code(owner));
    bytes(out, view.key());
    bytes(out, route.id.as_bytes());
    number(out, route.endpoints.len() as u64);
    for each in &route.endpoints {
        endpoint(out, each);
    }
    number(out, route.vars.len() as u64);
    for (name, value) in &route.vars {
        bytes(out, name.as_bytes());
        bytes(out, value.as_bytes());
    }
    number(out, keys.iter().count() as u64);
    for (name, value) in keys.iter() {
        bytes(out, name.as_bytes());
        bytes(out, value);
    }
    // An object is two bytes long at least.
    bytes(out, route.meta.unwrap_or_default().as_bytes());
    // Nor is this text ever empty.
    bytes(out, route.check.unwrap_or_default().as_bytes());
}

fn endpoint(out: &mut Vec<u8>, endpoint: &Endpoint<'_>) {
    let has_options = endpoint.options != Options::default();
    let kind = match endpoint.address {
        Address::Ip(address) if address.is_ipv4() => V4,
        Address::Ip(_) => V6,
        Address::Unix(_) => UNIX,
    };
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    if let Some(service) = endpoint.service {
        out.push(SERVICE << KIND);
        bytes(out, service.as_bytes());
    }
    out.push(
        flag(endpoint.tls, TLS)
            | flag(endpoint.backup, BACKUP)
            | flag(endpoint.drain, DRAIN)
            | flag(endpoint.name.is_some(), NAME)
            | flag(endpoint.sni.is_some(), SNI)
            | flag(has_options, OPTIONS)
            | kind << KIND,
    );
    match endpoint.address {
        Address::Ip(address) => {
            match address.ip() {
                IpAddr::V4(ip) => out.extend(ip.octets()),
                IpAddr::V6(ip) => out.extend(ip.octets()),
            }
            out.extend(address.port().to_le_bytes());
        }
        Address::Unix(path) => bytes(out, path.as_bytes()),
    }
    number(out, endpoint.weight.into());
    for text in [endpoint.name, endpoint.sni].into_iter().flatten() {
        bytes(out, text.as_bytes());
    }
    if has_options {
        options(out, &endpoint.options);
    }
}

fn options(out: &mut Vec<u8>, options: &Options) {
    out.push(match options.proxy {
        ProxyHeader::Off => 0,
        ProxyHeader::V1 => 1,
        ProxyHeader::V2 => 2,
    });
    out.push(match options.protocol {
        Protocol::Http => 0,
        Protocol::Tcp => 1,
        Protocol::Udp => 2,
    });
    number(out, options.max_conns.into());
    number(out, options.slow_start_ms.into());
}
