//! The one place where a MAC is compared, and the numbers tokens carry.

use subtle::{Choice, ConstantTimeEq};

/// Whether two MACs are equal, in a time that depends on their lengths only.
#[inline]
pub(crate) fn same(expected: &[u8], presented: &[u8]) -> bool {
    match (
        <&[u8; 16]>::try_from(expected),
        <&[u8; 16]>::try_from(presented),
    ) {
        (Ok(a), Ok(b)) => same_block(a, b).into(),
        _ => same_blocks(expected, presented),
    }
}

/// Compares sixteen bytes at once; subtle compares slices byte by byte.
#[inline]
fn same_block(a: &[u8; 16], b: &[u8; 16]) -> Choice {
    u128::from_ne_bytes(*a).ct_eq(&u128::from_ne_bytes(*b))
}

/// The same for MACs of another length than sixteen.
fn same_blocks(expected: &[u8], presented: &[u8]) -> bool {
    if expected.len() != presented.len() {
        return false;
    }
    let (Some(last_a), Some(last_b)) = (expected.last_chunk(), presented.last_chunk()) else {
        return expected.ct_eq(presented).into();
    };
    // The last block may overlap the one before it.
    let mut equal = same_block(last_a, last_b);
    let (mut left, mut right) = (expected, presented);
    while let (Some((a, rest_a)), Some((b, rest_b))) =
        (left.split_first_chunk(), right.split_first_chunk())
    {
        equal &= same_block(a, b);
        (left, right) = (rest_a, rest_b);
    }
    equal.into()
}

/// Reads seconds since the epoch: 1 to 18 decimal digits and nothing else, so that it cannot overflow
/// and no other text means the same number with junk behind.
pub(crate) fn parse_epoch(text: &[u8]) -> Option<i64> {
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    // So many digits cannot overflow, and no early exit keeps the loop short.
    let mut all = true;
    let mut number = 0i64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        all &= digit < 10;
        number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
    }
    all.then_some(number)
}

/// Reads seconds since the epoch of exactly ten digits: those of the years 2001 to 2286. Where a text is signed with
/// nothing between a path and an expiry, digits cannot be moved from one to the other.
pub(crate) fn parse_epoch_of_ten(text: &[u8]) -> Option<i64> {
    let in_range = text.len() == 10 && text.first() != Some(&b'0');
    parse_epoch(text).filter(|_| in_range)
}

/// Whether a text is decimal digits only, at least one.
pub(crate) fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_is_strict() {
        assert_eq!(parse_epoch(b"0"), Some(0));
        assert_eq!(parse_epoch(b"0001700000600"), Some(1_700_000_600));
        assert_eq!(
            parse_epoch(b"999999999999999999"),
            Some(999_999_999_999_999_999)
        );
        for bad in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1a",
            "1:",
            "1/",
            "0x1",
            "1.0",
            "1000000000000000000",
            "１",
        ] {
            assert_eq!(parse_epoch(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn ten_digits() {
        assert_eq!(parse_epoch_of_ten(b"1700000600"), Some(1_700_000_600));
        for bad in ["700000600", "11700000600", "0700000600", "170000060x", ""] {
            assert_eq!(parse_epoch_of_ten(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn digits_are_at_least_one() {
        for (text, wanted) in [
            ("0", true),
            ("0123456789", true),
            ("", false),
            ("1a", false),
            ("a1", false),
            ("/", false),
            (":", false),
        ] {
            assert_eq!(is_digits(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn same_needs_equal_length_and_bytes() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"ab"));
        assert!(!same(b"", b"a"));
        // As long as an MD5, a SHA-1, a SHA-256, a SHA-384.
        for len in [16, 20, 32, 48] {
            let mac: Vec<u8> = (0..len).collect();
            assert!(same(&mac, &mac));
            assert!(!same(&mac, &mac[1..]) && !same(&mac[..mac.len() - 1], &mac));
            assert!(!same(&mac, &mac[..16 - 1]) && !same(&[], &mac));
            for at in 0..mac.len() {
                let mut other = mac.clone();
                other[at] ^= 1;
                assert!(!same(&mac, &other), "{at}");
            }
        }
    }
}
