//! The mark of a connection to a backend, which tells it from others to the same address.

use super::record::PeerId;

impl PeerId {
    /// The mark of a connection to this backend, under that name where it speaks TLS. [`PeerId::from_bits`] reads whose it
    /// is. The backend alone would do as long as it is in the table; a later one in its place has another generation, which
    /// comes again after 128 of them.
    #[must_use]
    pub fn mark(self, tls: Option<&[u8]>) -> u64 {
        self.to_bits() | tls.map_or(0, fnv1a) << Self::BITS
    }
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{PeerId, fnv1a};

    /// From the page of its authors.
    #[test]
    fn known_hashes() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_mark_names_its_backend_and_tells_names_apart() {
        let peer = |bits| PeerId::from_bits(bits).expect("a number of a peer");
        // The lowest and the highest of each part.
        for bits in [1, (1 << 28) - 1, 1 | 127 << 28, (1 << 35) - 1] {
            let peer = peer(bits);
            assert_eq!(peer.mark(None), bits);
            let mut marks = vec![peer.mark(None)];
            for name in [&b""[..], b"a.test", b"b.test", b"test.a"] {
                let mark = peer.mark(Some(name));
                assert_eq!(PeerId::from_bits(mark), Some(peer));
                assert_eq!(mark >> 35, fnv1a(name) & ((1 << 29) - 1));
                assert!(!marks.contains(&mark), "{mark:x}");
                marks.push(mark);
            }
        }
    }
}
