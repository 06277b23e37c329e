//! Where all data comes from.

/// The key of all tokens.
pub(crate) const KEY: &str = "bench-key-0123456789abcdef";

/// A number that looks random and is always the same (SplitMix64).
pub(super) fn mix(n: usize) -> usize {
    let mut z = (n as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}
