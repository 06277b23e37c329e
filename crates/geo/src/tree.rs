//! The search tree: from an address, bit by bit, to a record of the data section.

use std::net::IpAddr;

/// Zero bytes between the search tree and the data section; node numbers count them too.
pub(super) const SEPARATOR: u32 = 16;

/// Bits of an address whose way is worked out beforehand: half of what most addresses need, in 64 KiB for each family.
const FIRST: u8 = 14;
// As many as whole turns of `walk` take, as are those of an address.
const _: () = assert!(FIRST % 2 == 0);

/// The shape of a search tree. Its bytes are given to each call, and the one behind them.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) width: Width,
    pub(super) nodes: u32,
    /// Bits of an address of the family the tree is made for: 32 or 128.
    pub(super) bits: u8,
    /// Where IPv4 addresses start: the node of `::/96`, or what a shorter path ended at.
    ipv4_start: u32,
    /// Where each value of the [`FIRST`] bits leads, of IPv4 and of IPv6 addresses; empty unless [`Self::prepare`] was called.
    ways_v4: Vec<u32>,
    ways_v6: Vec<u32>,
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
    /// The tree of `bytes`, which are its nodes and one byte more; `ip_version` is 4 or 6.
    pub(super) fn new(bytes: &[u8], width: Width, nodes: u32, ip_version: u16) -> Self {
        let bits = if ip_version == 4 { 32 } else { 128 };
        let mut tree = Self {
            width,
            nodes,
            bits,
            ipv4_start: 0,
            ways_v4: Vec::new(),
            ways_v6: Vec::new(),
        };
        if bits == 128 {
            let half = tree.walk(bytes, 0, 0, 64);
            tree.ipv4_start = tree.walk(bytes, half, 0, 32);
        }
        tree
    }

    /// Works out where addresses lead at first, for those who look up many.
    pub(super) fn prepare(&mut self, bytes: &[u8]) {
        self.ways_v4 = self.ways(bytes, self.ipv4_start);
        if self.bits == 128 {
            self.ways_v6 = self.ways(bytes, 0);
        }
    }

    fn ways(&self, bytes: &[u8], start: u32) -> Vec<u32> {
        let mut ways = vec![start];
        for _ in 0..FIRST {
            let both = |node: &u32| {
                [false, true].map(|right| self.record(bytes, *node, right).unwrap_or(*node))
            };
            ways = ways.iter().flat_map(both).collect();
        }
        ways
    }

    /// The record an address leads to, one of IPv4 mapped into IPv6 as that of IPv4; call [`Self::target`] to know what
    /// it is.
    ///
    /// It is not inlined: a caller that tries more than once would then have the bits of addresses of either family
    /// made before the first try.
    #[inline(never)]
    pub(super) fn find(&self, bytes: &[u8], address: IpAddr) -> u32 {
        let mapped = match address {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        };
        if let Some(v4) = mapped {
            let key = u64::from(v4.to_bits()) << 32;
            return self.follow(bytes, &self.ways_v4, self.ipv4_start, key, 32);
        }
        match address {
            IpAddr::V6(v6) if self.bits == 128 => {
                let [a, b, c, d, e, f, g, h, low @ ..] = v6.octets();
                let high = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                let half = self.follow(bytes, &self.ways_v6, 0, high, 64);
                self.walk(bytes, half, u64::from_be_bytes(low), 64)
            }
            _ => self.nodes,
        }
    }

    /// As [`Self::walk`], by the shorter way if there is one.
    #[inline(always)]
    fn follow(&self, bytes: &[u8], ways: &[u32], start: u32, key: u64, bits: u8) -> u32 {
        let first = (key >> u64::BITS.saturating_sub(u32::from(FIRST))) as usize;
        match ways.get(first) {
            Some(node) => self.walk(bytes, *node, key << FIRST, bits.saturating_sub(FIRST)),
            None => self.walk(bytes, start, key, bits),
        }
    }

    #[inline]
    fn walk(&self, bytes: &[u8], start: u32, key: u64, bits: u8) -> u32 {
        match self.width {
            Width::W24 => walk::<6>(bytes, start, key, bits),
            Width::W28 => walk::<7>(bytes, start, key, bits),
            Width::W32 => walk::<8>(bytes, start, key, bits),
        }
    }

    /// One record of a node; `None` when there is no such node.
    pub(super) fn record(&self, bytes: &[u8], node: u32, right: bool) -> Option<u32> {
        match self.width {
            Width::W24 => record::<6>(bytes, node, right),
            Width::W28 => record::<7>(bytes, node, right),
            Width::W32 => record::<8>(bytes, node, right),
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

/// Follows the key's bits from the top until they end, an even number of them, or a record is no node. `bytes` are the
/// nodes and one byte more, so that a number beyond them is the end of the way.
#[inline(always)]
fn walk<const SIZE: usize>(bytes: &[u8], start: u32, key: u64, bits: u8) -> u32 {
    let (mut node, mut key) = (start, key);
    // Two steps a turn take fewer instructions.
    for _ in 0..bits / 2 {
        for _ in 0..2 {
            match record::<SIZE>(bytes, node, key >> 63 == 1) {
                Some(next) => node = next,
                None => return node,
            }
            key <<= 1;
        }
    }
    node
}

/// One record of a node of `SIZE` bytes. Of those of three bytes four are read: also of the last one, since there is a
/// byte more.
#[inline(always)]
fn record<const SIZE: usize>(bytes: &[u8], node: u32, right: bool) -> Option<u32> {
    let node = usize::try_from(node).ok()?;
    // Counted in records; where their size is odd, each node has a byte more. Nothing of this is large enough to wrap.
    let number = node.wrapping_mul(2).wrapping_add(usize::from(right));
    let at = number
        .wrapping_mul(SIZE / 2)
        .wrapping_add(node.wrapping_mul(SIZE % 2));
    let word = bytes.get(at..at.wrapping_add(4))?.first_chunk()?;
    let word = u32::from_be_bytes(*word);
    Some(match (SIZE, right) {
        (6, _) => word >> 8,
        // The byte in the middle has the upper four bits of the left, then of the right record.
        (7, false) => (word >> 8) | ((word & 0xf0) << 20),
        (7, true) => word & 0x0fff_ffff,
        _ => word,
    })
}
