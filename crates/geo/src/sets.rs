//! Sets of codes and of addresses, quick to ask.

use std::net::IpAddr;

use ipnet::IpNet;

use super::code::Code;
use super::facts::Anonymous;

/// Values that a rule lists.
pub(super) trait Set: Default + 'static {
    /// One of them.
    type Item;

    /// Adds one; [`Self::finish`] is called behind the last one, before the set is asked.
    fn put(&mut self, item: Self::Item);

    /// Brings the values into order.
    fn finish(&mut self) {}
}

/// Any of the codes of two letters: a row for each second one, a bit there for each first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CodeSet([u32; 32]);

impl Set for CodeSet {
    type Item = Code;

    fn put(&mut self, code: Code) {
        let (row, bit) = place(code);
        if let Some(row) = self.0.get_mut(row) {
            *row |= bit;
        }
    }
}

impl CodeSet {
    #[inline]
    pub(super) fn contains(&self, code: Option<Code>) -> bool {
        code.is_some_and(|code| {
            let (row, bit) = place(code);
            self.0.get(row).is_some_and(|row| row & bit != 0)
        })
    }
}

/// Numbers, in order; 0 is none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers(Vec<u32>);

impl Set for Numbers {
    type Item = u32;

    fn put(&mut self, number: u32) {
        self.0.push(number);
    }

    fn finish(&mut self) {
        self.0.sort_unstable();
        self.0.dedup();
    }
}

impl Numbers {
    pub(super) fn contains(&self, number: u32) -> bool {
        number != 0 && self.0.binary_search(&number).is_ok()
    }
}

/// Kinds of anonymity.
impl Set for Anonymous {
    type Item = Self;

    fn put(&mut self, kind: Self) {
        *self = self.with(kind);
    }
}

/// A code's row and bit.
#[inline]
fn place(code: Code) -> (usize, u32) {
    let packed = code.packed();
    (usize::from(packed >> 5), 1 << (packed & 31))
}

/// Networks of both families. As for nginx's `allow` and `deny`, an IPv4 address mapped into IPv6
/// is an IPv4 address, and no IPv6 network contains IPv4 addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AddressSet {
    v4: Ranges,
    v6: Ranges,
}

impl Set for AddressSet {
    type Item = IpNet;

    fn put(&mut self, network: IpNet) {
        let network = unmapped(network);
        let ranges = if network.addr().is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        let range = (key(network.network()), key(network.broadcast()));
        ranges.0.push(range);
    }

    fn finish(&mut self) {
        self.v4.finish();
        self.v6.finish();
    }
}

impl AddressSet {
    /// Not inlined: a loop over conditions of all kinds would have the number of an address made before it, for whatever
    /// comes.
    #[inline(never)]
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
    fn finish(&mut self) {
        let all = &mut self.0;
        all.sort_unstable();
        all.dedup_by(|next, before| {
            let joins = next.0 <= before.1.saturating_add(1);
            if joins {
                before.1 = before.1.max(next.1);
            }
            joins
        });
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
