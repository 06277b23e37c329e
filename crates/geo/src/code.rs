//! Codes of countries, continents and their parts, each in a few bits.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

/// A code of two upper-case ASCII letters: an ISO 3166-1 alpha-2 country, or a continent. Five bits of a number are a
/// letter, the first one's are the lower ones. They are not all 0, so that a code that may be missing takes two bytes, too.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(NonZeroU16);

/// The bits of both letters, and of the first one.
const BOTH: u16 = 0x3ff;
const FIRST: u16 = 0x1f;

/// The two letters of each code.
static LETTERS: [[u8; 2]; BOTH as usize + 1] = {
    let mut all = [[0; 2]; BOTH as usize + 1];
    let mut code = 0_u16;
    while code <= BOTH {
        #[allow(clippy::indexing_slicing)] // in a static: out of bounds is a compile error
        {
            all[code as usize] = [b'@' | (code & FIRST) as u8, b'@' | (code >> 5) as u8];
        }
        code = code.saturating_add(1);
    }
    all
};

impl Code {
    /// The code those two letters mean, whatever their case; `None` for anything else.
    pub fn new(text: &[u8]) -> Option<Self> {
        let letters: [u8; 2] = text.try_into().ok()?;
        let are_letters = letters.iter().all(u8::is_ascii_alphabetic);
        let [first, second] = letters.map(|letter| u64::from(letter & 31));
        are_letters
            .then(|| Self::unpacked(first | second << 5))
            .flatten()
    }

    /// The two letters in ten bits, of which not all are 0.
    #[inline]
    pub(super) fn packed(self) -> u16 {
        self.0.get()
    }

    /// The code that ten lower bits of a number hold, if any.
    #[inline]
    pub(super) fn unpacked(bits: u64) -> Option<Self> {
        NonZeroU16::new(bits as u16 & BOTH).map(Self)
    }

    /// The two letters.
    pub fn as_bytes(self) -> &'static [u8; 2] {
        LETTERS
            .get(usize::from(self.0.get() & BOTH))
            .unwrap_or(&[b'@'; 2])
    }

    /// The two letters.
    pub fn as_str(self) -> &'static str {
        // They are ASCII, so the other arm is never taken.
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
        let country = u32::from(country.packed());
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
