//! A route as words: written once, never changed, copied whole by readers.
//!
//! ```text
//! w0        length-1 10 | backends 9 | key bytes 11 | owner 3 | id bytes 8 | extras bytes 13 | spare 10
//! key, id   bytes, one after the other, padded to a word
//! backends  two words each: see `Packed`
//! boxes     for backends that do not fit two words: lengths, address, name, sni, path
//! extras    vars, key fingerprints, meta: kind 1 byte, name length 2, value length 2, name, value
//! ```
//! Bytes are in the machine's order, so a copy can be read in place.

use super::layout::MAX_RECORD_WORDS;
use crate::route::{Address, Endpoint, Resolved};
use std::net::SocketAddr;

/// Who made a route, and alone may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The table's `file`.
    File,
    /// The HTTP API.
    Api,
    /// A registration.
    Registration,
    /// The Redis store.
    Redis,
}

impl Owner {
    fn code(self) -> u64 {
        match self {
            Self::File => 1,
            Self::Api => 2,
            Self::Registration => 3,
            Self::Redis => 4,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        [Self::File, Self::Api, Self::Registration, Self::Redis]
            .into_iter()
            .find(|o| o.code() == code)
    }
}

/// A peer's line and the life it was in when a record named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId {
    /// Line number: offset in words divided by 8.
    pub(super) line: u32,
    /// Low 8 bits of the line's generation.
    pub(super) generation: u8,
}

/// No balancing cell: the route has one backend.
pub(super) const NO_CELL: u32 = 0;

/// Peer and cell of one endpoint, decided by the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) peer: PeerId,
    pub(super) cell: u32,
}

/// The first word of a record.
#[derive(Clone, Copy)]
pub(super) struct First(pub(super) u64);

#[inline]
pub(super) fn bits(word: u64, from: u32, count: u32) -> usize {
    ((word >> from) & ((1 << count) - 1)) as usize
}

impl First {
    #[inline]
    pub(super) fn words(self) -> usize {
        bits(self.0, 0, 10).saturating_add(1)
    }

    pub(super) fn backends(self) -> usize {
        bits(self.0, 10, 9)
    }

    #[inline]
    pub(super) fn key_len(self) -> usize {
        bits(self.0, 19, 11)
    }

    pub(super) fn owner(self) -> Option<Owner> {
        Owner::from_code(bits(self.0, 30, 3) as u64)
    }

    pub(super) fn id_len(self) -> usize {
        bits(self.0, 33, 8)
    }

    pub(super) fn extras_len(self) -> usize {
        bits(self.0, 41, 13)
    }

    /// Words of key and id.
    pub(super) fn name_words(self) -> usize {
        self.key_len().saturating_add(self.id_len()).div_ceil(8)
    }

    pub(super) fn extras_words(self) -> usize {
        self.extras_len().div_ceil(8)
    }
}

pub(super) const KIND_V4: u64 = 0;
pub(super) const KIND_BOX_V4: u64 = 1;
pub(super) const KIND_BOX_V6: u64 = 2;
const KIND_BOX_UNIX: u64 = 3;

/// The two words of a backend:
/// `line 28 | cell 31 | kind 2 | tls | backup | drain`, and
/// `generation 8 | port 16 | weight 8 | IPv4 32`, or for a box `generation 8 | port 16 | weight 16 | word of the box 16`.
#[derive(Clone, Copy)]
pub(super) struct Packed(pub(super) u64, pub(super) u64);

impl Packed {
    pub(super) fn peer(self) -> PeerId {
        PeerId {
            line: bits(self.0, 0, 28) as u32,
            generation: bits(self.1, 0, 8) as u8,
        }
    }

    pub(super) fn cell(self) -> u32 {
        bits(self.0, 28, 31) as u32
    }

    pub(super) fn kind(self) -> u64 {
        bits(self.0, 59, 2) as u64
    }

    #[inline]
    pub(super) fn weight(self) -> u16 {
        bits(self.1, 24, if self.kind() == KIND_V4 { 8 } else { 16 }) as u16
    }

    pub(super) fn port(self) -> u16 {
        bits(self.1, 8, 16) as u16
    }

    pub(super) fn tls(self) -> bool {
        bits(self.0, 61, 1) != 0
    }

    pub(super) fn backup(self) -> bool {
        bits(self.0, 62, 1) != 0
    }

    pub(super) fn drain(self) -> bool {
        bits(self.0, 63, 1) != 0
    }

    pub(super) fn box_at(self) -> usize {
        bits(self.1, 40, 16)
    }
}

/// Appends bytes, padded with zeros to a whole word.
fn push_bytes(out: &mut Vec<u64>, parts: &[&[u8]]) {
    let mut word = [0_u8; 8];
    let mut used = 0;
    for &byte in parts.iter().copied().flatten() {
        if let Some(place) = word.get_mut(used) {
            *place = byte;
        }
        used = used.saturating_add(1);
        if used == 8 {
            out.push(u64::from_ne_bytes(word));
            word = [0; 8];
            used = 0;
        }
    }
    if used > 0 {
        out.push(u64::from_ne_bytes(word));
    }
}

fn endpoint_kind(endpoint: &Endpoint<'_>) -> u64 {
    let plain = endpoint.name.is_none() && endpoint.sni.is_none() && endpoint.weight <= 255;
    match endpoint.address {
        Address::Ip(SocketAddr::V4(_)) if plain => KIND_V4,
        Address::Ip(SocketAddr::V4(_)) => KIND_BOX_V4,
        Address::Ip(SocketAddr::V6(_)) => KIND_BOX_V6,
        Address::Unix(_) => KIND_BOX_UNIX,
    }
}

fn pack(endpoint: &Endpoint<'_>, place: Place, box_at: usize) -> Packed {
    let kind = endpoint_kind(endpoint);
    let flags = kind
        | u64::from(endpoint.tls) << 2
        | u64::from(endpoint.backup) << 3
        | u64::from(endpoint.drain) << 4;
    let first = u64::from(place.peer.line) | u64::from(place.cell) << 28 | flags << 59;
    let (port, ip) = match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => (a.port(), u64::from(a.ip().to_bits())),
        Address::Ip(SocketAddr::V6(a)) => (a.port(), 0),
        Address::Unix(_) => (0, 0),
    };
    let tail = if kind == KIND_V4 {
        ip << 32
    } else {
        (box_at as u64) << 40
    };
    Packed(
        first,
        u64::from(place.peer.generation)
            | u64::from(port) << 8
            | u64::from(endpoint.weight) << 24
            | tail,
    )
}

/// The box of a backend that does not fit two words: lengths of name, sni and path; the address; the texts.
fn push_box(out: &mut Vec<u64>, endpoint: &Endpoint<'_>) {
    let name = endpoint.name.unwrap_or("");
    let sni = endpoint.sni.unwrap_or("");
    let path = match endpoint.address {
        Address::Unix(path) => path,
        Address::Ip(_) => "",
    };
    out.push(name.len() as u64 | (sni.len() as u64) << 16 | (path.len() as u64) << 32);
    match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => out.push(u64::from(a.ip().to_bits())),
        Address::Ip(SocketAddr::V6(a)) => {
            let ip = a.ip().to_bits();
            out.extend([(ip >> 64) as u64, ip as u64]);
        }
        Address::Unix(_) => {}
    }
    push_bytes(out, &[name.as_bytes(), sni.as_bytes(), path.as_bytes()]);
}

pub(super) const EXTRA_VAR: u8 = 1;
pub(super) const EXTRA_KEY: u8 = 2;
const EXTRA_META: u8 = 3;

fn extras(route: &Resolved<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut push = |kind: u8, name: &[u8], value: &[u8]| -> Option<()> {
        out.push(kind);
        out.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        out.extend(u16::try_from(value.len()).ok()?.to_le_bytes());
        out.extend(name);
        out.extend(value);
        Some(())
    };
    for (name, value) in &route.vars {
        push(EXTRA_VAR, name.as_bytes(), value.as_bytes())?;
    }
    for (name, value) in &route.keys {
        push(EXTRA_KEY, name.as_bytes(), &value.to_le_bytes())?;
    }
    if let Some(meta) = route.meta {
        push(EXTRA_META, b"", meta.as_bytes())?;
    }
    Some(out)
}

/// A route's record, or `None` when it is too big for one ([`MAX_RECORD_WORDS`]).
pub(super) fn encode(
    key: &[u8],
    owner: Owner,
    route: &Resolved<'_>,
    places: &[Place],
) -> Option<Vec<u64>> {
    let extras = extras(route)?;
    let (id, count) = (route.id.as_bytes(), route.endpoints.len());
    if key.len() >= 1 << 11 || id.len() >= 1 << 8 || count >= 1 << 9 || extras.len() >= 1 << 13 {
        return None;
    }
    let mut out = vec![0];
    push_bytes(&mut out, &[key, id]);
    let mut box_at = count.checked_mul(2)?.checked_add(out.len())?;
    let mut boxes = Vec::new();
    for (endpoint, place) in route.endpoints.iter().zip(places) {
        let packed = pack(endpoint, *place, box_at);
        out.extend([packed.0, packed.1]);
        if packed.kind() != KIND_V4 {
            let before = boxes.len();
            push_box(&mut boxes, endpoint);
            box_at = box_at.checked_add(boxes.len())?.checked_sub(before)?;
        }
    }
    out.extend(boxes);
    push_bytes(&mut out, &[&extras]);
    let length = out
        .len()
        .checked_sub(1)
        .filter(|_| out.len() <= MAX_RECORD_WORDS)?;
    let first = length as u64
        | (count as u64) << 10
        | (key.len() as u64) << 19
        | owner.code() << 30
        | (id.len() as u64) << 33
        | (extras.len() as u64) << 41;
    if let Some(word) = out.first_mut() {
        *word = first;
    }
    Some(out)
}
