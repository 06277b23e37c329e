//! A route as words: written once, never changed, copied whole by readers.
//!
//! ```text
//! w0        length-1 10 | backends 9 | key bytes 11 | owner 3 | id bytes 8 | extras bytes 13 | spare 10
//! key, id   bytes, one after the other, padded to a word
//! backends  two words each: see `Packed`
//! boxes     for backends that do not fit two words: lengths, address, name, sni, path
//! extras    vars, key fingerprints, meta: kind 1 byte, name length 2, value length 2, name, value
//! ```
//! Bytes are in the machine's order, so a copy can be read in place. No word looks like one that workers change
//! ([`live`](super::live)): numbers among the bytes have seven bits a byte, and upper bits of words are left free.

use super::layout::MAX_RECORD_WORDS;
use super::live::{BELOW, is_live};
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
    /// The line's generation: seven bits.
    pub(super) generation: u8,
}

/// No balancing cell: the route has one backend.
pub(crate) const NO_CELL: u32 = 0;

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

// Lines are told apart by 27 bits, so that the highest bit of a word stays 0.
const _: () = assert!(super::layout::MAX_WORDS / super::layout::LINE <= 1 << 27);

/// The two words of a backend:
/// `cell 31 | kind 2 | tls | backup | drain | line 28` from the lowest bit, and
/// `IPv4 32 | port 16 | weight 8 | generation 7`, or for a box `its word 16 | weight 16 | port 16 | - 8 | generation 7`.
/// The highest bit of both is 0: there are fewer than 2^27 lines.
#[derive(Clone, Copy)]
pub(crate) struct Packed(pub(super) u64, pub(super) u64);

impl Packed {
    pub(crate) fn peer(self) -> PeerId {
        PeerId {
            line: bits(self.0, 36, 28) as u32,
            generation: bits(self.1, 56, 7) as u8,
        }
    }

    pub(crate) fn cell(self) -> u32 {
        bits(self.0, 0, 31) as u32
    }

    pub(super) fn kind(self) -> u64 {
        bits(self.0, 31, 2) as u64
    }

    #[inline]
    pub(crate) fn weight(self) -> u16 {
        if self.kind() == KIND_V4 {
            bits(self.1, 48, 8) as u16
        } else {
            bits(self.1, 16, 16) as u16
        }
    }

    pub(super) fn port(self) -> u16 {
        bits(self.1, 32, 16) as u16
    }

    pub(crate) fn tls(self) -> bool {
        bits(self.0, 33, 1) != 0
    }

    pub(crate) fn backup(self) -> bool {
        bits(self.0, 34, 1) != 0
    }

    pub(crate) fn drain(self) -> bool {
        bits(self.0, 35, 1) != 0
    }

    pub(super) fn box_at(self) -> usize {
        bits(self.1, 0, 16)
    }

    /// The address of a backend without a box.
    pub(super) fn ipv4(self) -> u32 {
        bits(self.1, 0, 32) as u32
    }

    pub(super) fn place(self) -> Place {
        Place {
            peer: self.peer(),
            cell: self.cell(),
        }
    }

    /// The same backend with another peer and cell.
    pub(super) fn placed(self, place: Place) -> Self {
        let (cell, line) = ((1 << 31) - 1, (1 << 28) - 1);
        Self(
            self.0 & !(cell | line << 36)
                | u64::from(place.cell)
                | u64::from(place.peer.line) << 36,
            self.1 & !(0x7f << 56) | u64::from(place.peer.generation) << 56,
        )
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
    let first = flags << 31;
    let (port, ip) = match endpoint.address {
        Address::Ip(SocketAddr::V4(a)) => (a.port(), u64::from(a.ip().to_bits())),
        Address::Ip(SocketAddr::V6(a)) => (a.port(), 0),
        Address::Unix(_) => (0, 0),
    };
    let tail = if kind == KIND_V4 {
        ip | u64::from(endpoint.weight) << 48
    } else {
        box_at as u64 | u64::from(endpoint.weight) << 16
    };
    Packed(first, u64::from(port) << 32 | tail).placed(place)
}

/// The box of a backend that does not fit two words: lengths of name, sni and path, 13 bits each, and the top bytes of
/// an IPv6 address's halves; the address; the texts.
fn push_box(out: &mut Vec<u64>, endpoint: &Endpoint<'_>) {
    let name = endpoint.name.unwrap_or("");
    let sni = endpoint.sni.unwrap_or("");
    let path = match endpoint.address {
        Address::Unix(path) => path,
        Address::Ip(_) => "",
    };
    let lengths = name.len() as u64 | (sni.len() as u64) << 13 | (path.len() as u64) << 26;
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
}

pub(super) const EXTRA_VAR: u8 = 1;
pub(super) const EXTRA_KEY: u8 = 2;
const EXTRA_META: u8 = 3;

/// A number in bytes of seven bits, the lowest first; `None` if it is too large for so many.
fn sevens<const N: usize>(mut number: u64) -> Option<[u8; N]> {
    let bytes = std::array::from_fn(|_| {
        let byte = number as u8 & 0x7f;
        number >>= 7;
        byte
    });
    (number == 0).then_some(bytes)
}

/// The number in bytes of seven bits.
pub(super) fn from_sevens(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 7 | u64::from(*byte))
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
    for (name, value) in &route.keys {
        push(EXTRA_KEY, name.as_bytes(), &sevens::<10>(*value)?)?;
    }
    if let Some(meta) = route.meta {
        push(EXTRA_META, b"", meta.as_bytes())?;
    }
    Some(out)
}

/// A route's record, or `None` when it is too big for one ([`MAX_RECORD_WORDS`]) or would look like words that workers
/// change (a key that is not UTF-8 may).
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
    (!out.iter().any(|word| is_live(*word))).then_some(out)
}
