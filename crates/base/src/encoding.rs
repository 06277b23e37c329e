//! Bytes as text: hex and base64, written and read in one spelling only.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

/// How raw bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with the standard alphabet and padding (RFC 4648 section 4).
    Base64,
    /// Base64 with the URL alphabet, without padding (RFC 4648 section 5).
    Base64Url,
}

impl Encoding {
    /// Every encoding and its name.
    pub const ALL: [(&str, Encoding); 3] = [
        ("hex", Self::Hex),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
    ];

    /// Finds the encoding of a lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The length of the text of that many bytes.
    pub fn encoded_len(self, raw_len: usize) -> usize {
        match self {
            Self::Hex => raw_len.saturating_mul(2),
            Self::Base64 => digits(raw_len).next_multiple_of(4),
            Self::Base64Url => digits(raw_len),
        }
    }

    /// Writes `raw` as text to the start of `out`; `None` when `out` is too short.
    pub fn encode(self, raw: &[u8], out: &mut [u8]) -> Option<usize> {
        let len = self.encoded_len(raw.len());
        let out = out.get_mut(..len)?;
        match self {
            Self::Hex => hex_into(raw, out),
            Self::Base64 => BASE64.encode_mut(raw, out),
            Self::Base64Url => BASE64URL_NOPAD.encode_mut(raw, out),
        }
        Some(len)
    }

    /// Reads the text of exactly as many bytes as `out` holds; whether it is one. There is one spelling of
    /// each value, but for the padding that base64url may have.
    #[inline]
    pub fn decode(self, text: &[u8], out: &mut [u8]) -> bool {
        let alphabet = match self {
            Self::Hex => return hex_from(text, out),
            Self::Base64 => &BASE64_NOPAD,
            Self::Base64Url => &BASE64URL_NOPAD,
        };
        let Some((digits, padding)) = text.split_at_checked(digits(out.len())) else {
            return false;
        };
        let may_lack = self == Self::Base64Url && padding.is_empty();
        (may_lack || self.is_padding(digits, padding)) && alphabet.decode_mut(digits, out).is_ok()
    }

    /// Whether that may follow so many digits.
    fn is_padding(self, digits: &[u8], padding: &[u8]) -> bool {
        let whole = digits.len().next_multiple_of(4);
        let room = whole.saturating_sub(digits.len());
        let fits = match self {
            Self::Base64Url => padding.len() <= room,
            _ => padding.len() == room,
        };
        fits && padding.iter().all(|byte| *byte == b'=')
    }
}

/// How many digits of base64 hold so many bytes: four for three, and what is needed for the rest.
#[inline]
fn digits(raw_len: usize) -> usize {
    raw_len.saturating_mul(4).div_ceil(3)
}

/// Writes `raw` in lower-case hex; `out` holds two bytes for each of `raw`'s.
pub fn hex_into(raw: &[u8], out: &mut [u8]) {
    for (byte, digits) in raw.iter().zip(out.chunks_exact_mut(2)) {
        digits.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
}

/// The hex digit of a number below 16, without a table: the compiler does sixteen at a time.
fn hex_digit(nibble: u8) -> u8 {
    const TO_LETTERS: u8 = b'a' - b'0' - 10;
    let letter_offset = if nibble > 9 { TO_LETTERS } else { 0 };
    nibble.wrapping_add(b'0').wrapping_add(letter_offset)
}

/// Reads lower-case hex that fills `out`; whether it was that.
#[inline]
pub fn hex_from(text: &[u8], out: &mut [u8]) -> bool {
    if text.len() != out.len().saturating_mul(2) {
        return false;
    }
    let mut all = true;
    // No early exit: the compiler then takes many digits at a time.
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (
            pair.first().copied().unwrap_or(0),
            pair.last().copied().unwrap_or(0),
        );
        all &= is_hex_digit(high) & is_hex_digit(low);
        *byte = (hex_value(high) << 4) | hex_value(low);
    }
    all
}

fn is_hex_digit(text: u8) -> bool {
    matches!(text, b'0'..=b'9' | b'a'..=b'f')
}

fn hex_value(digit: u8) -> u8 {
    const FROM_LETTERS: u8 = b'a' - 10;
    digit.wrapping_sub(if digit < b'a' { b'0' } else { FROM_LETTERS }) & 15
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn decode(encoding: Encoding, text: &str, len: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; len];
        encoding.decode(text.as_bytes(), &mut out).then_some(out)
    }

    #[test]
    fn every_byte_in_hex() {
        let raw: Vec<u8> = (0..=255).collect();
        let mut out = vec![0; 512];
        hex_into(&raw, &mut out);
        assert_eq!(out, HEXLOWER.encode(&raw).as_bytes());
        let mut back = vec![0; 256];
        assert!(hex_from(&out, &mut back));
        assert_eq!(back, raw);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (_, encoding) in Encoding::ALL {
            for len in 0..70u8 {
                let raw: Vec<u8> = (0..len).map(|n| n.wrapping_mul(37)).collect();
                let mut out = vec![0; 200];
                let written = encoding.encode(&raw, &mut out).unwrap();
                assert_eq!(written, encoding.encoded_len(raw.len()));
                let text = std::str::from_utf8(&out[..written]).unwrap();
                assert_eq!(decode(encoding, text, raw.len()), Some(raw), "{text}");
            }
        }
    }

    #[test]
    fn a_value_has_one_spelling() {
        for (encoding, good, bad) in [
            (
                Encoding::Hex,
                "0123456789abcdef",
                &[
                    "0123456789ABCDEF",
                    "0123456789abcde",
                    "0123456789abcdef0",
                    "0123456789abcdeg",
                ][..],
            ),
            (
                Encoding::Base64,
                "ASNFZ4mrze8=",
                &[
                    "ASNFZ4mrze8",
                    "ASNFZ4mrze8==",
                    "ASNFZ4mrze9=",
                    "ASNFZ4mrz-8=",
                    "=SNFZ4mrze8=",
                ],
            ),
            (
                Encoding::Base64Url,
                "ASNFZ4mrze8",
                &[
                    "ASNFZ4mrze8==",
                    "ASNFZ4mrze8x",
                    "ASNFZ4mrze9",
                    "ASNFZ4mrz+8",
                    "ASNFZ4mrze",
                ],
            ),
        ] {
            let raw = HEXLOWER.decode(b"0123456789abcdef").unwrap();
            assert_eq!(decode(encoding, good, 8), Some(raw), "{good}");
            for text in bad {
                assert_eq!(decode(encoding, text, 8), None, "{text}");
            }
        }
        // A signer may pad base64url, or leave part of the padding out.
        let padded = |text: &str, len| decode(Encoding::Base64Url, text, len).is_some();
        assert!(padded("ASNFZ4mrze8=", 8) && padded("AQ=", 1) && padded("AQ==", 1));
        assert!(!padded("AQ===", 1) && !padded("ASNF=", 3) && !padded("AQ=x", 1));
    }
}
