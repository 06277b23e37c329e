//! Addresses as text without the formatting machinery: done once for every request to a backend.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddrV4;

/// Bytes that any such text has room in, and what is written beside it on the way.
const ROOM: usize = 24;

/// Writes `10.0.0.5:3000`; the length, or `None` when `out` is too short.
#[inline]
pub(super) fn socket_v4(address: SocketAddrV4, out: &mut [u8]) -> Option<usize> {
    if let Some(room) = out.first_chunk_mut() {
        return written(address, room);
    }
    let mut room = [0; ROOM];
    let len = written(address, &mut room)?;
    out.get_mut(..len)?.copy_from_slice(room.get(..len)?);
    Some(len)
}

#[inline]
fn written(address: SocketAddrV4, room: &mut [u8; ROOM]) -> Option<usize> {
    let mut at = 0_usize;
    for octet in address.ip().octets() {
        let text = OCTETS.get(usize::from(octet))?;
        // Four bytes at once: what is too much is written over.
        *room.get_mut(at..)?.first_chunk_mut()? = *text;
        let more = usize::from(octet > 9).wrapping_add(usize::from(octet > 99));
        at = at.checked_add(2)?.checked_add(more)?;
    }
    // Instead of the last dot.
    *room.get_mut(at.checked_sub(1)?)? = b':';
    let port = address.port();
    let (upper, lower) = (port / 100, port % 100);
    let [b, c] = *PAIRS.get(usize::from(upper % 100))?;
    let [d, e] = *PAIRS.get(usize::from(lower))?;
    let a = b'0'.wrapping_add((upper / 100) as u8);
    let text = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
    // Leading zeros but the last digit: bytes that are the same as those of all zeros.
    let zeros = (text ^ u64::from_le_bytes(*b"0000\xff\0\0\0")).trailing_zeros() / 8;
    let text = text.checked_shr(zeros.wrapping_mul(8))?;
    *room.get_mut(at..)?.first_chunk_mut()? = text.to_le_bytes();
    at.checked_add(5)?.checked_sub(zeros as usize)
}

/// Every two digits.
static PAIRS: [[u8; 2]; 100] = pairs();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // in a static: a fault is a compile error
const fn pairs() -> [[u8; 2]; 100] {
    let mut all = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        all[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    all
}

/// Every octet with a dot behind it.
static OCTETS: [[u8; 4]; 256] = octets();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // in a static: a fault is a compile error
const fn octets() -> [[u8; 4]; 256] {
    let mut all = [[0; 4]; 256];
    let mut n = 0;
    while n < 256 {
        let (hundreds, tens, ones) = (n / 100, n / 10 % 10, n % 10);
        let [a, b, c] = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        all[n] = match n {
            0..10 => [c, b'.', 0, 0],
            10..100 => [b, c, b'.', 0],
            _ => [a, b, c, b'.'],
        };
        n += 1;
    }
    all
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

    #[test]
    fn every_octet_and_every_port_is_written() {
        let octets = (0..=255).map(|n| ([n, 255 - n, n, n], 8080));
        let ports = (0..=u16::MAX).map(|port| ([127, 0, 0, 1], port));
        for (ip, port) in octets.chain(ports) {
            let address = Address::Ip((ip, port).into());
            let mut out = [0; 24];
            let written = address.write_to(&mut out).unwrap();
            assert_eq!(written, address.to_string().as_bytes());
        }
    }

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
