//! Codes of countries, continents and their parts, each in a few bits.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

/// A code of two upper-case ASCII letters: an ISO 3166-1 alpha-2 country, or a continent. They are one number
/// that is not 0, so that a code that may be missing takes two bytes, too, and facts are copied in few steps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(NonZeroU16);

impl Code {
    /// The code those two letters mean, whatever their case; `None` for anything else.
    pub fn new(text: &[u8]) -> Option<Self> {
        let letters: [u8; 2] = text.try_into().ok()?;
        let [first, second] = letters.map(|letter| letter.to_ascii_uppercase());
        let are_letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
        are_letters.then(|| Self::of([first, second])).flatten()
    }

    fn of(letters: [u8; 2]) -> Option<Self> {
        NonZeroU16::new(u16::from_ne_bytes(letters)).map(Self)
    }

    /// The two letters in ten bits, of which not all are 0.
    pub(super) fn packed(self) -> u64 {
        let [a, b] = self.as_bytes().map(|letter| u64::from(letter & 31));
        a | b << 5
    }

    /// The code that ten lower bits of a number hold, if any.
    #[inline]
    pub(super) fn unpacked(bits: u64) -> Option<Self> {
        let letter = |n: u64| b'@' | (n & 31) as u8;
        if bits & 0x3ff == 0 {
            return None;
        }
        Self::of([letter(bits), letter(bits >> 5)])
    }

    /// The two letters.
    pub fn as_bytes(&self) -> &[u8; 2] {
        bytemuck::cast_ref(&self.0)
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in, so the other arm is never taken.
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of a country by ISO 3166-2: the country's code and one to three letters or digits. In the ten lower bits is
/// the country, above them come six bits for each of the others; 0 ends them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subdivision(NonZeroU32);

impl Subdivision {
    /// Characters behind the hyphen.
    const LONGEST: usize = 3;
    /// Bits of the country, and of a character.
    const COUNTRY: u32 = 10;
    const CHARACTER: u32 = 6;
    /// Bits of them all.
    const BITS: u32 = 28;

    /// `US-CA`, whatever the case.
    pub fn new(text: &[u8]) -> Option<Self> {
        let (country, rest) = text.split_at_checked(2)?;
        Self::of(Code::new(country)?, rest.strip_prefix(b"-")?)
    }

    /// The part of a country that a database calls `CA`.
    pub fn of(country: Code, part: &[u8]) -> Option<Self> {
        if part.is_empty() || part.len() > Self::LONGEST {
            return None;
        }
        let mut bits = 0;
        for character in part.iter().rev() {
            let number = match character {
                b'A'..=b'Z' | b'a'..=b'z' => character & 31,
                b'0'..=b'9' => character.wrapping_sub(b'0').wrapping_add(27),
                _ => return None,
            };
            bits = bits << Self::CHARACTER | u32::from(number);
        }
        let country = country.packed() as u32;
        NonZeroU32::new(bits << Self::COUNTRY | country).map(Self)
    }

    pub(super) fn packed(self) -> u32 {
        self.0.get()
    }

    /// The country it is a part of.
    pub(super) fn country(self) -> Code {
        const NONE: Code = Code(NonZeroU16::MIN);
        // Whoever makes one gives it a country.
        Code::unpacked(u64::from(self.0.get())).unwrap_or(NONE)
    }

    /// The one that the lower 28 bits of a number hold, if any.
    #[inline]
    pub(super) fn unpacked(bits: u32) -> Option<Self> {
        NonZeroU32::new(bits & ((1 << Self::BITS) - 1)).map(Self)
    }

    /// Writes `US-CA`.
    pub fn text(self, room: &mut [u8; 6]) -> &[u8] {
        let [a, b] = *self.country().as_bytes();
        let mut left = self.0.get() >> Self::COUNTRY;
        *room = [a, b, b'-', 0, 0, 0];
        for place in room.iter_mut().skip(3) {
            *place = match left & 63 {
                0 => 0,
                letter @ 1..=26 => b'@' | letter as u8,
                digit => b'0'.wrapping_add((digit as u8).wrapping_sub(27)),
            };
            left >>= Self::CHARACTER;
        }
        let end = room.iter().position(|byte| *byte == 0);
        room.get(..end.unwrap_or(room.len())).unwrap_or_default()
    }
}

impl fmt::Display for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = [0; 6];
        f.write_str(&String::from_utf8_lossy(self.text(&mut room)))
    }
}

impl fmt::Debug for Subdivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
