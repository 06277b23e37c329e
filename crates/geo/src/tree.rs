//! The search tree: from an address, bit by bit, to a record of the data section.

use std::net::IpAddr;

/// Zero bytes between the search tree and the data section; node numbers count them too.
pub(super) const SEPARATOR: u32 = 16;

/// The shape of a search tree. Its bytes are given to each call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub(super) width: Width,
    pub(super) nodes: u32,
    /// Bits of an address of the family the tree is made for: 32 or 128.
    pub(super) bits: u8,
    /// Where IPv4 addresses start: the node of `::/96`, or what a shorter path ended at.
    ipv4_start: u32,
}

/// Bits per record; a node is two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// Node numbers and data up to 16 MiB.
    W24,
    /// Up to 256 MiB.
    W28,
    /// Up to 4 GiB.
    W32,
}

impl Width {
    /// From the metadata's `record_size`.
    pub(super) fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            24 => Some(Self::W24),
            28 => Some(Self::W28),
            32 => Some(Self::W32),
            _ => None,
        }
    }

    /// The metadata's `record_size`.
    pub(super) fn bits(self) -> u16 {
        match self {
            Self::W24 => 24,
            Self::W28 => 28,
            Self::W32 => 32,
        }
    }

    /// Bytes of a node.
    pub(super) fn node_size(self) -> usize {
        usize::from(self.bits() / 4)
    }
}

/// Where a tree record leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Node(u32),
    Nothing,
    Data(u32),
    Outside,
}

impl Tree {
    /// The tree of `bytes`, which are exactly its nodes; `ip_version` is 4 or 6.
    pub(super) fn new(bytes: &[u8], width: Width, nodes: u32, ip_version: u16) -> Self {
        let bits = if ip_version == 4 { 32 } else { 128 };
        let mut tree = Self {
            width,
            nodes,
            bits,
            ipv4_start: 0,
        };
        if bits == 128 {
            let half = tree.walk(bytes, 0, 0, 64);
            tree.ipv4_start = tree.walk(bytes, half, 0, 32);
        }
        tree
    }

    /// The record an address leads to; call [`Self::target`] to know what it is.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(v4) => self.walk(bytes, self.ipv4_start, u64::from(v4.to_bits()) << 32, 32),
            IpAddr::V6(_) if self.bits == 32 => self.nodes,
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, low @ ..] = v6.octets();
                let half = self.walk(bytes, 0, u64::from_be_bytes([a, b, c, d, e, f, g, h]), 64);
                self.walk(bytes, half, u64::from_be_bytes(low), 64)
            }
        }
    }

    #[inline]
    fn walk(&self, bytes: &[u8], start: u32, key: u64, bits: u8) -> u32 {
        match self.width {
            Width::W24 => walk::<24>(bytes, start, key, bits),
            Width::W28 => walk::<28>(bytes, start, key, bits),
            Width::W32 => walk::<32>(bytes, start, key, bits),
        }
    }

    /// One record of a node; `None` when there is no such node.
    pub(super) fn record(&self, bytes: &[u8], node: u32, right: bool) -> Option<u32> {
        match self.width {
            Width::W24 => record::<24>(bytes, node, right),
            Width::W28 => record::<28>(bytes, node, right),
            Width::W32 => record::<32>(bytes, node, right),
        }
    }

    /// What a record means, in a file with that many bytes of data.
    #[inline]
    pub(super) fn target(&self, record: u32, data: usize) -> Target {
        match record.checked_sub(self.nodes) {
            None => Target::Node(record),
            Some(0) => Target::Nothing,
            Some(beyond) => match beyond.checked_sub(SEPARATOR) {
                Some(offset) if usize::try_from(offset).is_ok_and(|at| at < data) => {
                    Target::Data(offset)
                }
                _ => Target::Outside,
            },
        }
    }
}

/// Follows the key's bits from the top until they end or a record is no node. `bytes` holds the nodes and
/// nothing else, so that reading past it is the end of the way.
#[inline(always)]
fn walk<const WIDTH: usize>(bytes: &[u8], start: u32, key: u64, bits: u8) -> u32 {
    let (mut node, mut key) = (start, key);
    for _ in 0..bits {
        let right = key >> 63 == 1;
        match record::<WIDTH>(bytes, node, right) {
            Some(next) => node = next,
            None => break,
        }
        key <<= 1;
    }
    node
}

/// Both records lie in a four-byte window of their own inside the node.
#[inline(always)]
fn record<const WIDTH: usize>(bytes: &[u8], node: u32, right: bool) -> Option<u32> {
    let node_size = WIDTH / 4;
    let right_at = node_size.checked_sub(4)?;
    let start = usize::try_from(node).ok()?.checked_mul(node_size)?;
    let at = if right {
        start.checked_add(right_at)?
    } else {
        start
    };
    let window: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    let word = u32::from_be_bytes(window);
    Some(match (WIDTH, right) {
        (24, false) => word >> 8,
        (24, true) => word & 0x00ff_ffff,
        // The byte in the middle has the upper four bits of the left, then of the right record.
        (28, false) => (word >> 8) | ((word & 0xf0) << 20),
        (28, true) => word & 0x0fff_ffff,
        _ => word,
    })
}
