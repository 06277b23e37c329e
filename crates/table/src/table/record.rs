//! A route as words: written once, never changed, copied whole by readers. What the words mean; see
//! [`encode`](super::encode) for how they are made and [`view`](super::view) for how they are read.
//!
//! ```text
//! w0        length-1 10 | backends 9 | key bytes 11 | owner 3 | id bytes 8 | extras bytes 13 | attached 4 | imprint 1 |
//!           unchecked 1 | spare 4
//! key, id   bytes, one after the other, padded to a word
//! backends  two words each: see `Packed`
//! attached  two words for each block beside the record: see `attached`
//! boxes     for backends that do not fit two words: options, lengths, address, name, sni, path
//! extras    vars, meta, check: kind 1 byte, name length 2, value length 2, name, value
//! imprint   a word, if there is one: see `imprint`
//! ```
//! Bytes are in the machine's order, so a copy can be read in place. No word looks like one that workers change
//! ([`live`](super::live)): numbers among the bytes have seven bits a byte, and upper bits of words are left free.
//!
//! Room for what comes: a box begins with as many words of options as its backend says (up to 255), a kind of extra is
//! a byte, and what is larger than a record or must not be copied with it is attached.

use crate::route::{Options, Protocol, ProxyHeader};
use std::net::{Ipv4Addr, SocketAddrV4};

/// The source that made a route. No other source may change it.
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
    pub(super) fn code(self) -> u64 {
        match self {
            Self::File => 1,
            Self::Api => 2,
            Self::Registration => 3,
            Self::Redis => 4,
        }
    }

    pub(super) fn from_code(code: u64) -> Option<Self> {
        [Self::File, Self::Api, Self::Registration, Self::Redis]
            .into_iter()
            .find(|o| o.code() == code)
    }
}

/// A peer's line and the life it was in when a record named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    /// Line number: offset in words divided by 8.
    pub(super) line: u32,
    /// The line's generation: seven bits.
    pub(super) generation: u8,
}

impl PeerId {
    /// Bits of [`PeerId::to_bits`].
    pub const BITS: u32 = LINE_BITS + 7;

    /// The same as a number, which is not 0.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.line) | u64::from(self.generation) << LINE_BITS
    }

    /// What [`PeerId::to_bits`] gave, whatever stands above its bits; `None` for 0.
    #[must_use]
    pub fn from_bits(number: u64) -> Option<Self> {
        let line = bits(number, 0, LINE_BITS) as u32;
        let generation = bits(number, LINE_BITS, 7) as u8;
        (line != 0).then_some(Self { line, generation })
    }
}

/// Bits of a line's number.
const LINE_BITS: u32 = 28;

/// No balancing cell: the route has one backend.
pub(crate) const NO_CELL: u32 = 0;

/// What one endpoint of a route has in the table besides its record: its peer, and its cell if it needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerSlot {
    pub(super) peer: PeerId,
    pub(super) cell: u32,
}

impl PeerSlot {
    /// That of a backend whose record is only measured or compared.
    pub(super) const NOWHERE: Self = Self {
        peer: PeerId {
            line: 0,
            generation: 0,
        },
        cell: NO_CELL,
    };
}

/// In the first word of a record: its last one is an imprint.
const IMPRINT: u64 = 1 << 58;

/// In the first word of a record: the route's backends are not checked.
pub(super) const UNCHECKED: u64 = 1 << 59;

/// The first word of a record.
#[derive(Clone, Copy)]
pub(super) struct First(pub(super) u64);

#[inline]
pub(super) fn bits(word: u64, from: u32, count: u32) -> usize {
    (word >> from & !(u64::MAX << count)) as usize
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

    /// Words up to the end of the key.
    pub(super) fn key_end(self) -> usize {
        self.key_len().div_ceil(8).saturating_add(1)
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

    /// How many blocks are attached.
    pub(super) fn attached(self) -> usize {
        bits(self.0, 54, 4)
    }

    /// The word the backends begin at.
    pub(super) fn backends_at(self) -> usize {
        self.name_words().saturating_add(1)
    }

    /// The word the references to attached blocks begin at.
    pub(super) fn attached_at(self) -> usize {
        let backends = self.backends().saturating_mul(2);
        self.backends_at().saturating_add(backends)
    }

    /// Words of key and id.
    pub(super) fn name_words(self) -> usize {
        self.key_len().saturating_add(self.id_len()).div_ceil(8)
    }

    /// The word the extras begin at.
    pub(super) fn extras_at(self) -> usize {
        let behind = self.extras_len().div_ceil(8);
        let behind = behind.saturating_add(usize::from(self.has_imprint()));
        self.words().saturating_sub(behind)
    }

    /// Whether the last word is an imprint.
    pub(super) fn has_imprint(self) -> bool {
        self.0 & IMPRINT != 0
    }

    /// Whether the route's backends are not checked.
    #[inline]
    pub(super) fn is_unchecked(self) -> bool {
        self.0 & UNCHECKED != 0
    }

    /// The first word of the same record with an imprint behind it, which is shorter than the longest.
    pub(super) fn with_imprint(self) -> u64 {
        self.0.wrapping_add(1) | IMPRINT
    }

    /// And without its imprint.
    pub(super) fn without_imprint(self) -> u64 {
        self.0.wrapping_sub(1) & !IMPRINT
    }
}

pub(super) const KIND_V4: u64 = 0;
pub(super) const KIND_BOX_V4: u64 = 1;
pub(super) const KIND_BOX_V6: u64 = 2;
pub(super) const KIND_BOX_UNIX: u64 = 3;

// Lines are told apart by 27 bits, so that the highest bit of a word stays 0.
const _: () = assert!(super::layout::MAX_WORDS / super::layout::LINE <= 1 << 27);

/// The two words of a backend:
/// `cell 31 | kind 2 | tls | backup | drain | line 28` from the lowest bit, and
/// `IPv4 32 | port 16 | weight 8 | generation 7`, or for a box `its word 16 | weight 16 | port 16 | option words 8 | generation 7`.
/// The highest bit of both is 0: there are fewer than 2^27 lines.
#[derive(Clone, Copy)]
pub(crate) struct Packed(pub(super) u64, pub(super) u64);

impl Packed {
    /// What holds the place of a backend.
    pub(crate) const NOTHING: Self = Self(0, 0);

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

    /// How many words of options its box begins with.
    pub(super) fn option_words(self) -> usize {
        if self.kind() == KIND_V4 {
            0
        } else {
            bits(self.1, 48, 8)
        }
    }

    /// The address of a backend without a box.
    pub(super) fn ipv4(self) -> u32 {
        bits(self.1, 0, 32) as u32
    }

    /// Its address if that is all it has.
    #[inline]
    pub(crate) fn plain(self) -> Option<SocketAddrV4> {
        let address = SocketAddrV4::new(Ipv4Addr::from_bits(self.ipv4()), self.port());
        (self.kind() == KIND_V4 && !self.tls()).then_some(address)
    }

    pub(super) fn slot(self) -> PeerSlot {
        PeerSlot {
            peer: self.peer(),
            cell: self.cell(),
        }
    }

    /// The same backend with another peer and cell.
    pub(super) fn with_slot(self, slot: PeerSlot) -> Self {
        let (cell, line) = ((1 << 31) - 1, (1 << 28) - 1);
        Self(
            self.0 & !(cell | line << 36) | u64::from(slot.cell) | u64::from(slot.peer.line) << 36,
            self.1 & !(0x7f << 56) | u64::from(slot.peer.generation) << 56,
        )
    }
}

/// Most blocks of a route.
pub(super) const MAX_ATTACHED: usize = 15;
/// A record's reference to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttachedRef {
    /// Where it is.
    pub(super) at: usize,
    /// Its first word.
    pub(super) first: u64,
}

impl AttachedRef {
    pub(super) fn from_words(at: u64, first: u64) -> Self {
        Self {
            at: (at & 0xffff_ffff) as usize,
            first,
        }
    }

    /// That of any block, in a record that is only compared.
    pub(super) const NOWHERE: Self = Self { at: 0, first: 0 };

    pub(super) fn words(self) -> [u64; 2] {
        [self.at as u64, self.first]
    }

    /// Words of the block.
    pub(super) fn len(self) -> usize {
        First(self.first).words()
    }

    /// Words of the block behind its first one.
    pub(super) fn content_len(self) -> usize {
        self.len().saturating_sub(1)
    }
}

/// Appends bytes, padded with zeros to a whole word.
pub(super) fn push_bytes(out: &mut Vec<u64>, parts: &[&[u8]]) {
    let len = parts.iter().map(|part| part.len());
    let (from, len) = (out.len(), len.fold(0, usize::saturating_add));
    out.resize(from.saturating_add(len.div_ceil(8)), 0);
    let words = out.get_mut(from..).unwrap_or_default();
    let mut rest: &mut [u8] = bytemuck::cast_slice_mut(words);
    for part in parts {
        let Some((to, after)) = rest.split_at_mut_checked(part.len()) else {
            return;
        };
        to.copy_from_slice(part);
        rest = after;
    }
}

pub(super) const EXTRA_VAR: u8 = 1;
pub(super) const EXTRA_META: u8 = 3;
/// How the route's backends are checked.
pub(super) const EXTRA_CHECK: u8 = 4;
/// A key, among what is attached.
pub(super) const EXTRA_KEY: u8 = 2;

/// The number in bytes of seven bits, the lowest first.
pub(super) fn from_sevens(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 7 | u64::from(*byte))
}

/// A number in bytes of seven bits, the lowest first; `None` if it is too large for so many.
pub(super) fn sevens<const N: usize>(mut number: u64) -> Option<[u8; N]> {
    let bytes = std::array::from_fn(|_| {
        let byte = number as u8 & 0x7f;
        number >>= 7;
        byte
    });
    (number == 0).then_some(bytes)
}

/// Options as a word: `proxy 2 | protocol 2 | spare 4 | max_conns 20 | slow_start 28`; `None` if they do not fit it.
pub(super) fn options_word(options: &Options) -> Option<u64> {
    let proxy = match options.proxy {
        ProxyHeader::Off => 0,
        ProxyHeader::V1 => 1,
        ProxyHeader::V2 => 2,
    };
    let protocol = match options.protocol {
        Protocol::Http => 0,
        Protocol::Tcp => 1,
        Protocol::Udp => 2,
    };
    let fits = options.max_conns <= Options::MOST_CONNS
        && options.slow_start_ms <= Options::MOST_SLOW_START_MS;
    fits.then_some(
        proxy
            | protocol << 2
            | u64::from(options.max_conns) << 8
            | u64::from(options.slow_start_ms) << 28,
    )
}

/// The options of such a word.
pub(super) fn options_of(word: u64) -> Options {
    Options {
        proxy: match bits(word, 0, 2) {
            1 => ProxyHeader::V1,
            2 => ProxyHeader::V2,
            _ => ProxyHeader::Off,
        },
        protocol: match bits(word, 2, 2) {
            1 => Protocol::Tcp,
            2 => Protocol::Udp,
            _ => Protocol::Http,
        },
        max_conns: bits(word, 8, 20) as u32,
        slow_start_ms: bits(word, 28, 28) as u32,
    }
}
