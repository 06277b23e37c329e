//! Makes a route's record.

use super::imprint;
use super::layout::MAX_RECORD_WORDS;
use super::live::{BELOW, is_live};
use super::record::{
    AttachedRef, EXTRA_CHECK, EXTRA_META, EXTRA_VAR, KIND_BOX_UNIX, KIND_BOX_V4, KIND_BOX_V6,
    KIND_V4, MAX_ATTACHED, Owner, Packed, PeerSlot, UNCHECKED, options_word, push_bytes, sevens,
};
use crate::route::check::own::OFF;
use crate::route::{Address, Endpoint, Options, Resolved};
use std::net::SocketAddr;

fn endpoint_kind(endpoint: &Endpoint<'_>) -> u64 {
    let plain = endpoint.name.is_none()
        && endpoint.sni.is_none()
        && endpoint.weight <= 255
        && endpoint.options == Options::default();
    match endpoint.address {
        Address::Ip(SocketAddr::V4(_)) if plain => KIND_V4,
        Address::Ip(SocketAddr::V4(_)) => KIND_BOX_V4,
        Address::Ip(SocketAddr::V6(_)) => KIND_BOX_V6,
        Address::Unix(_) => KIND_BOX_UNIX,
    }
}

fn pack(endpoint: &Endpoint<'_>, slot: PeerSlot, box_at: usize) -> Packed {
    let kind = endpoint_kind(endpoint);
    let flags = kind
        | u64::from(endpoint.tls) << 2
        | u64::from(endpoint.backup) << 3
        | u64::from(endpoint.drain || endpoint.is_waiting()) << 4;
    let first = flags << 31;
    let (port, ip) = match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => (a.port(), u64::from(a.ip().to_bits())),
        Address::Ip(SocketAddr::V6(a)) => (a.port(), 0),
        Address::Unix(_) => (0, 0),
    };
    let tail = if kind == KIND_V4 {
        ip | u64::from(endpoint.weight) << 48
    } else {
        let options = u64::from(endpoint.options != Options::default());
        box_at as u64 | u64::from(endpoint.weight) << 16 | options << 48
    };
    Packed(first, u64::from(port) << 32 | tail).with_slot(slot)
}

/// The box of a backend that does not fit two words: options, if there are any; lengths of name, sni and path, 13 bits
/// each, the top bytes of an IPv6 address's halves, and whether `drain` was said of a backend that waits for an address
/// (it gets no request, as if that were said); the address; the texts. The path's place is a service's where there is none.
fn push_box(out: &mut Vec<u64>, endpoint: &Endpoint<'_>) -> Option<()> {
    if endpoint.options != Options::default() {
        out.push(options_word(&endpoint.options)?);
    }
    let name = endpoint.name.unwrap_or("");
    let sni = endpoint.sni.unwrap_or("");
    let path = match endpoint.address {
        Address::Unix(path) => path,
        Address::Ip(_) => endpoint.service.unwrap_or(""),
    };
    let drain = u64::from(endpoint.drain && endpoint.is_waiting());
    let lengths =
        name.len() as u64 | (sni.len() as u64) << 13 | (path.len() as u64) << 26 | drain << 55;
    match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => out.extend([lengths, a.ip().to_bits().into()]),
        Address::Ip(SocketAddr::V6(a)) => {
            let ip = a.ip().to_bits();
            let (high, low) = ((ip >> 64) as u64, ip as u64);
            let tops = (high >> 56) << 39 | (low >> 56) << 47;
            out.extend([lengths | tops, high & BELOW, low & BELOW]);
        }
        Address::Unix(_) => out.push(lengths),
    }
    push_bytes(out, &[name.as_bytes(), sni.as_bytes(), path.as_bytes()]);
    Some(())
}

fn extras(route: &Resolved<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut push = |kind: u8, name: &[u8], value: &[u8]| -> Option<()> {
        out.push(kind);
        out.extend(sevens::<2>(name.len() as u64)?);
        out.extend(sevens::<2>(value.len() as u64)?);
        out.extend(name);
        out.extend(value);
        Some(())
    };
    for (name, value) in &route.vars {
        push(EXTRA_VAR, name.as_bytes(), value.as_bytes())?;
    }
    if let Some(meta) = route.meta {
        push(EXTRA_META, b"", meta.as_bytes())?;
    }
    if let Some(check) = route.check {
        push(EXTRA_CHECK, b"", check.as_bytes())?;
    }
    Some(out)
}

/// A route's record with these peers and attached blocks, or `None` when it is too big for one ([`MAX_RECORD_WORDS`]) or would look like words that workers
/// change (a key that is not UTF-8 may).
pub(super) fn encode(
    key: &[u8],
    owner: Owner,
    route: &Resolved<'_>,
    peers: &[PeerSlot],
    attached: &[AttachedRef],
) -> Option<Vec<u64>> {
    let extras = extras(route)?;
    let (id, count) = (route.id.as_bytes(), route.endpoints.len());
    if key.len() >= 1 << 11
        || id.len() >= 1 << 8
        || count >= 1 << 9
        || extras.len() >= 1 << 13
        || attached.len() > MAX_ATTACHED
    {
        return None;
    }
    let mut out = vec![0];
    push_bytes(&mut out, &[key, id]);
    let pairs = count.checked_add(attached.len())?;
    let mut box_at = pairs.checked_mul(2)?.checked_add(out.len())?;
    let mut boxes = Vec::new();
    for (endpoint, slot) in route.endpoints.iter().zip(peers) {
        let packed = pack(endpoint, *slot, box_at);
        out.extend([packed.0, packed.1]);
        if packed.kind() != KIND_V4 {
            let before = boxes.len();
            push_box(&mut boxes, endpoint)?;
            box_at = box_at.checked_add(boxes.len())?.checked_sub(before)?;
        }
    }
    for block in attached {
        out.extend(block.words());
    }
    out.extend(boxes);
    push_bytes(&mut out, &[&extras]);
    let length = out
        .len()
        .checked_sub(1)
        .filter(|_| out.len() <= MAX_RECORD_WORDS)?;
    let unchecked = if route.check == Some(OFF) {
        UNCHECKED
    } else {
        0
    };
    let first = length as u64
        | unchecked
        | (count as u64) << 10
        | (key.len() as u64) << 19
        | owner.code() << 30
        | (id.len() as u64) << 33
        | (extras.len() as u64) << 41
        | (attached.len() as u64) << 54;
    if let Some(word) = out.first_mut() {
        *word = first;
    }
    // What another source puts was not read from a file.
    if let Some(imprint) = route.imprint.filter(|_| owner == Owner::File) {
        imprint::put_behind(&mut out, imprint);
    }
    (!out.iter().any(|word| is_live(*word))).then_some(out)
}
