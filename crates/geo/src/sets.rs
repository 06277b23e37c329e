//! Sets of codes and of addresses, quick to ask.

use std::net::IpAddr;

use ipnet::IpNet;

use super::facts::Code;

/// Any of the 26 × 26 codes of two letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CodeSet([u32; 26]);

impl CodeSet {
    pub(super) fn insert(&mut self, code: Code) {
        let (row, bit) = place(code);
        if let Some(row) = self.0.get_mut(row) {
            *row |= bit;
        }
    }

    #[inline]
    pub(super) fn contains(&self, code: Option<Code>) -> bool {
        code.is_some_and(|code| {
            let (row, bit) = place(code);
            self.0.get(row).is_some_and(|row| row & bit != 0)
        })
    }
}

/// The first letter's row and the second one's bit.
#[inline]
fn place(code: Code) -> (usize, u32) {
    let [first, second] = code.as_bytes().map(|letter| letter.wrapping_sub(b'A'));
    (usize::from(first), 1u32.wrapping_shl(u32::from(second)))
}

/// Networks of both families. As for nginx's `allow` and `deny`, an IPv4 address mapped into IPv6
/// is an IPv4 address, and no IPv6 network contains IPv4 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AddressSet {
    v4: Ranges,
    v6: Ranges,
}

impl AddressSet {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = networks
            .iter()
            .copied()
            .map(unmapped)
            .partition(|network| network.addr().is_ipv4());
        Self {
            v4: Ranges::new(&v4),
            v6: Ranges::new(&v6),
        }
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let ranges = if address.is_ipv4() {
            &self.v4
        } else {
            &self.v6
        };
        ranges.contains(key(address))
    }
}

/// Sorted ranges that neither touch nor overlap: many thousands take some sixteen steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<(u128, u128)>);

impl Ranges {
    fn new(networks: &[IpNet]) -> Self {
        let mut all: Vec<(u128, u128)> = networks
            .iter()
            .map(|network| (key(network.network()), key(network.broadcast())))
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::new();
        for (first, last) in all {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    fn contains(&self, key: u128) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= key);
        after
            .checked_sub(1)
            .and_then(|at| self.0.get(at))
            .is_some_and(|(_, last)| key <= *last)
    }
}

/// A network of mapped addresses as the IPv4 network it is.
fn unmapped(network: IpNet) -> IpNet {
    let prefix = network.prefix_len().checked_sub(96);
    match (network, network.addr().to_canonical(), prefix) {
        (IpNet::V6(_), v4 @ IpAddr::V4(_), Some(prefix)) => {
            IpNet::new(v4, prefix).unwrap_or(network)
        }
        _ => network,
    }
}

/// An address as a number.
fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
