//! Addresses as text without the formatting machinery: done once for every request to a backend.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddrV4;

/// Writes `10.0.0.5:3000`; the length, or `None` when `out` is too short.
pub(super) fn socket_v4(address: SocketAddrV4, out: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    for (index, octet) in address.ip().octets().into_iter().enumerate() {
        if index > 0 {
            at = put(out, at, b'.')?;
        }
        at = decimal(out, at, octet.into())?;
    }
    at = put(out, at, b':')?;
    decimal(out, at, address.port())
}

fn put(out: &mut [u8], at: usize, byte: u8) -> Option<usize> {
    *out.get_mut(at)? = byte;
    at.checked_add(1)
}

fn decimal(out: &mut [u8], mut at: usize, number: u16) -> Option<usize> {
    let mut started = false;
    let upper = [
        number / 10_000,
        number / 1_000 % 10,
        number / 100 % 10,
        number / 10 % 10,
    ];
    for digit in upper {
        started |= digit > 0;
        if started {
            at = put(out, at, b'0'.wrapping_add(digit as u8))?;
        }
    }
    put(out, at, b'0'.wrapping_add((number % 10) as u8))
}

/// Writes what `Display` says; the length, or `None` when `out` is too short.
pub(super) fn display(value: &impl Display, out: &mut [u8]) -> Option<usize> {
    let room = out.len();
    let mut rest = out;
    write!(rest, "{value}").ok()?;
    room.checked_sub(rest.len())
}

#[cfg(test)]
mod tests {
    use crate::route::Address;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_is_what_display_says(address: std::net::SocketAddr) {
            let (address, mut out) = (Address::Ip(address), [0; 64]);
            let expected = address.to_string();
            prop_assert_eq!(address.write_to(&mut out).unwrap(), expected.as_bytes());
        }

        #[test]
        fn short_buffers_are_refused(address: std::net::SocketAddrV4, len in 0_usize..9) {
            let mut out = vec![0; len];
            prop_assert_eq!(Address::Ip(address.into()).write_to(&mut out), None);
        }
    }
}
