//! What rules ask about each record, worked out once when a file is verified, so that a request decodes nothing.
//!
//! A summary stands behind the file's bytes: a hash table of words, then a trailer. One word is a record: its offset and
//! its facts. A file without one is as good; its records are decoded each time.

use super::database::Database;
use super::facts::{Code, Eu, Facts};
use gatehouse_base::memory::free_part;

/// Ends an image that has a summary.
const MAGIC: u64 = 0x6761_7465_2067_656f;
/// Words of the trailer: places of the table, bytes of the file, [`MAGIC`].
const TRAILER: usize = 3;
const WORD: usize = size_of::<u64>();
/// Places that are looked at for a record. Half of all are empty, so it is in the first ones or, hardly ever, left out.
const PROBES: u32 = 16;

/// A bit of every word that is used.
const USED: u64 = 1 << 63;
/// Where the parts of a word begin.
const COUNTRY: u32 = 32;
const CONTINENT: u32 = 42;
const EU: u32 = 52;

/// A summary in the making.
#[derive(Debug)]
pub struct Summary {
    words: Vec<u64>,
    /// Words that are behind a file already.
    appended: usize,
}

impl Summary {
    /// Room for so many records; `None` when there is no memory for it.
    pub fn new(records: usize) -> Option<Self> {
        let places = records.checked_mul(2)?.max(1).checked_next_power_of_two()?;
        let mut words = Vec::new();
        words.try_reserve_exact(places).ok()?;
        words.resize(places, 0);
        Some(Self { words, appended: 0 })
    }

    /// Adds the record at an offset of the data.
    pub fn add<S: AsRef<[u8]>>(&mut self, database: &Database<S>, offset: u32) {
        let places = self.words.len();
        let free = probes(offset, places).find(|at| self.words.get(*at) == Some(&0));
        if let Some(place) = free.and_then(|at| self.words.get_mut(at)) {
            *place = word(offset, database.facts(offset));
        }
    }

    /// Bytes that it adds to a file of that length.
    pub fn len(&self, file: usize) -> usize {
        let words = self.words.len().saturating_add(TRAILER);
        padding(file).saturating_add(words.saturating_mul(WORD))
    }

    /// Puts up to so many words of it behind a file of that length; true when all are there.
    pub fn append_to(&mut self, image: &mut Vec<u8>, file: usize, most: usize) -> bool {
        if self.appended == 0 {
            image.resize(file.saturating_add(padding(file)), 0);
        }
        let rest = self.words.get(self.appended..).unwrap_or_default();
        let now = rest.get(..most).unwrap_or(rest);
        image.extend(now.iter().flat_map(|word| word.to_ne_bytes()));
        self.appended = self.appended.saturating_add(now.len());
        if now.len() < rest.len() {
            return false;
        }
        let trailer = [self.words.len() as u64, file as u64, MAGIC];
        image.extend(trailer.iter().flat_map(|word| word.to_ne_bytes()));
        true
    }

    /// Frees a part of its memory; false when there is none left.
    pub fn shrink(&mut self) -> bool {
        free_part(&mut self.words)
    }
}

/// Where the parts of an image are: a file, and its summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Bytes of the file.
    pub file: usize,
    /// Where the table begins and ends.
    table: usize,
    end: usize,
    places: usize,
}

impl Image {
    /// Looks at the end of an image; without a summary all of it is the file.
    pub fn of(image: &[u8]) -> Self {
        Self::summarized(image).unwrap_or(Self {
            file: image.len(),
            table: image.len(),
            end: image.len(),
            places: 0,
        })
    }

    fn summarized(image: &[u8]) -> Option<Self> {
        let trailer = image.len().checked_sub(TRAILER.checked_mul(WORD)?)?;
        let number = |at: usize| {
            let number = read(image, trailer, at)?;
            usize::try_from(number).ok()
        };
        let (places, file) = (number(0)?, number(1)?);
        let table = file.checked_add(padding(file))?;
        let end = table.checked_add(places.checked_mul(WORD)?)?;
        let is_whole = read(image, trailer, 2)? == MAGIC && places.is_power_of_two();
        (is_whole && end == trailer).then_some(Self {
            file,
            table,
            end,
            places,
        })
    }

    /// What the summary says about the record at an offset; `None` when it says nothing.
    #[inline]
    pub fn facts(&self, image: &[u8], offset: u32) -> Option<Facts> {
        let words: &[[u8; WORD]] =
            bytemuck::try_cast_slice(image.get(self.table..self.end)?).ok()?;
        for at in probes(offset, self.places) {
            let word = u64::from_ne_bytes(*words.get(at)?);
            if word as u32 == offset && word & USED != 0 {
                return Some(facts(word));
            }
            if word == 0 {
                return None;
            }
        }
        None
    }
}

/// The n-th word behind `from`.
#[inline]
fn read(image: &[u8], from: usize, n: usize) -> Option<u64> {
    let at = n.checked_mul(WORD)?.checked_add(from)?;
    Some(u64::from_ne_bytes(*image.get(at..)?.first_chunk()?))
}

/// The places in which a record may be.
#[inline]
fn probes(offset: u32, places: usize) -> impl Iterator<Item = usize> {
    // Offsets differ in their low bits first, but not evenly: a multiplication spreads them, and its upper bits are best.
    let spread = offset.wrapping_mul(0x9e37_79b1);
    let shift = u32::BITS.saturating_sub(places.trailing_zeros());
    let first = spread.checked_shr(shift).unwrap_or(0) as usize;
    let mask = places.wrapping_sub(1);
    let count = if places == 0 { 0 } else { PROBES };
    (0..count).map(move |n| first.wrapping_add(n as usize) & mask)
}

/// Zeros behind a file, so that words follow at a multiple of their size.
fn padding(file: usize) -> usize {
    file.wrapping_neg() % WORD
}

fn word(offset: u32, facts: Facts) -> u64 {
    let eu = match facts.eu {
        Eu::Unknown => 0,
        Eu::Yes => 1,
        Eu::No => 2,
    };
    USED | u64::from(offset)
        | facts.country.map_or(0, Code::packed) << COUNTRY
        | facts.continent.map_or(0, Code::packed) << CONTINENT
        | eu << EU
}

#[inline]
fn facts(word: u64) -> Facts {
    Facts {
        country: Code::unpacked(word >> COUNTRY),
        continent: Code::unpacked(word >> CONTINENT),
        eu: match word >> EU & 3 {
            1 => Eu::Yes,
            2 => Eu::No,
            _ => Eu::Unknown,
        },
        found: true,
    }
}
