//! How often a token may be used, and from how many addresses: `limit`.

/// The most addresses that are remembered of a token.
pub(crate) const MOST_ADDRESSES: usize = 50;
/// The most uses that are counted.
pub(crate) const MOST_USES: u32 = 1_000_000_000;

/// A `limit` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many requests are let in with one token; `None`: any number.
    pub uses: Option<u32>,
    /// They may come from so many addresses; `None`: from any.
    pub addresses: Option<u8>,
    /// Bytes of the memory in which tokens are counted.
    pub zone: usize,
}

impl Limit {
    /// The addresses that are remembered of a token.
    pub fn kept_addresses(&self) -> usize {
        usize::from(self.addresses.unwrap_or(0)).min(MOST_ADDRESSES)
    }
}
