//! What rules ask about each record, worked out once when a file is verified, so that a request decodes nothing.
//!
//! A summary stands behind the file's bytes: a hash table of words, columns of the same length, then a trailer. One word
//! is a record: its offset, and the facts that most rules ask for. The columns have the other facts of the record in the
//! same place; a column that would be empty is left out, and so is one that nobody asks for or that takes too much memory
//! ([`Summary::narrow`]). A file without a summary is as good; its records are decoded each time.

use super::code::{Code, Subdivision};
use super::database::Database;
use super::facts::{Anonymous, Eu, Facts, Field, Fields};
use super::path::{Out, Path};
use gatehouse_base::memory::free_part;

/// Ends an image that has a summary.
const MAGIC: u64 = 0x6761_7465_2067_656d;
/// Words of the trailer: places of the table, bytes of the file, what there is, [`MAGIC`].
const TRAILER: usize = 4;
const WORD: usize = size_of::<u64>();
/// Bytes of a place in a column.
const CELL: usize = size_of::<u32>();
/// The columns: city, system, subdivision and country of registration, second subdivision.
const COLUMNS: usize = 4;
/// So many records are few.
const FEW: usize = 1 << 12;
/// Places that are looked at for a record. One in three is empty, so it is in the first ones or, hardly ever, left out.
const PROBES: usize = 64;

/// A bit of every word that is used.
const USED: u64 = 1 << 63;
/// Where the parts of a word begin.
const COUNTRY: u32 = 32;
const CONTINENT: u32 = 42;
const EU: u32 = 52;
const ANONYMOUS: u32 = 54;
/// These say that the record has the very text of its country or continent, or none, where a path leads to it.
const PLAIN_COUNTRY: u64 = 1 << 60;
const PLAIN_CONTINENT: u64 = 1 << 61;
const _: () = assert!(ANONYMOUS + Anonymous::BITS <= 60);

/// A summary in the making.
#[derive(Debug)]
pub struct Summary {
    words: Vec<u64>,
    columns: [Vec<u32>; COLUMNS],
    /// What columns are made for.
    asked: Fields,
    fields: Fields,
    /// Those of them that it says nothing about.
    lacks: Fields,
    /// Words that are behind a file already, those of the columns counted.
    appended: usize,
    to_codes: [(Field, Path); 2],
}

impl Summary {
    /// Room for so many records, of which so much will be asked; `None` when there is no memory for it.
    pub fn new(records: usize, asked: Fields) -> Option<Self> {
        // An even number, since two cells of a column are a word. Where they are few most places are empty.
        let more = if records <= FEW {
            records.checked_mul(3)?
        } else {
            records / 2
        };
        let places = records.checked_add(more)?.checked_add(2)?;
        let places = places.checked_next_multiple_of(WORD / CELL)?;
        let mut words = Vec::new();
        words.try_reserve_exact(places).ok()?;
        words.resize(places, 0);
        Some(Self {
            words,
            columns: Default::default(),
            asked,
            fields: Fields::default(),
            lacks: Fields::default(),
            appended: 0,
            to_codes: Path::to_codes(),
        })
    }

    /// Adds the record at an offset of the data.
    pub fn add<S: AsRef<[u8]>>(&mut self, database: &Database<S>, offset: u32) {
        let facts = database.facts(offset);
        self.fields.insert_stated(&facts);
        let places = self.words.len();
        let first = first_place(offset, places);
        let mut probes =
            std::iter::successors(Some(first), |place| Some(next_place(*place, places)))
                .take(PROBES);
        let free = probes.find(|at| self.words.get(*at) == Some(&0));
        let Some(place) = free else {
            return;
        };
        // A record whose column there is no memory for is left out.
        let mut is_kept = true;
        let columns = self.columns.iter_mut().zip(COLUMN_FIELDS);
        for (cell, (column, says)) in cells(&facts).into_iter().zip(columns) {
            if self.asked.meet(says) {
                is_kept &= set(column, places, place, cell);
            } else if cell != 0 {
                self.lacks = self.lacks.or(says);
            }
        }
        if let Some(at) = self.words.get_mut(place).filter(|_| is_kept) {
            *at = word(offset, &facts) | plain(&self.to_codes, database, offset, &facts);
        }
    }

    /// The fields that records have which were added.
    pub fn fields(&self) -> Fields {
        self.fields
    }

    /// Leaves out the columns that are not needed for what is asked for, and then, from the last one, those with which it
    /// would take more than a fifth of a file of that length and half a MiB: where each network has a record of its own,
    /// few bytes of the file are one record's. Before anything of it is appended.
    pub fn narrow(&mut self, asked: Fields, file: usize) {
        for (number, says) in COLUMN_FIELDS.into_iter().enumerate().rev() {
            let most = (file / SHARE).saturating_add(SPARE);
            let is_kept = asked.meet(says) && self.len(file) <= most;
            if let Some(column) = self.columns.get_mut(number).filter(|one| !one.is_empty()) {
                if !is_kept {
                    while free_part(column) {}
                    self.lacks = self.lacks.or(says);
                }
            }
        }
    }

    /// Bytes that it adds to a file of that length.
    pub fn len(&self, file: usize) -> usize {
        let columns = self
            .columns
            .iter()
            .map(|column| column.len() / (WORD / CELL));
        let words = columns.fold(self.words.len(), usize::saturating_add);
        let words = words.saturating_add(TRAILER);
        padding(file).saturating_add(words.saturating_mul(WORD))
    }

    /// Puts up to so many words of it behind a file of that length; true when all are there.
    pub fn append_to(&mut self, image: &mut Vec<u8>, file: usize, most: usize) -> bool {
        if self.appended == 0 {
            image.resize(file.saturating_add(padding(file)), 0);
        }
        let mut left = most;
        let mut before = 0_usize;
        let parts = std::iter::once(bytemuck::cast_slice::<u64, u8>(&self.words));
        let columns = self.columns.iter().map(|one| bytemuck::cast_slice(one));
        for bytes in parts.chain(columns) {
            let words = bytes.len() / WORD;
            let done = self.appended.saturating_sub(before).min(words);
            let now = words.saturating_sub(done).min(left);
            let end = done.saturating_add(now);
            let piece = bytes.get(done.saturating_mul(WORD)..end.saturating_mul(WORD));
            image.extend_from_slice(piece.unwrap_or_default());
            self.appended = self.appended.saturating_add(now);
            left = left.saturating_sub(now);
            if end < words {
                return false;
            }
            before = before.saturating_add(words);
        }
        let mut there = self.fields.packed() | self.lacks.packed() << LACKS;
        for (column, bit) in self.columns.iter().zip(COLUMN_BITS) {
            there |= if column.is_empty() { 0 } else { bit };
        }
        let trailer = [self.words.len() as u64, file as u64, there, MAGIC];
        image.extend(trailer.iter().flat_map(|word| word.to_ne_bytes()));
        true
    }

    /// Frees a part of its memory; false when there is none left.
    pub fn shrink(&mut self) -> bool {
        let columns = self.columns.iter_mut().map(free_part);
        let are_left = columns.fold(false, |left, one| left | one);
        free_part(&mut self.words) | are_left
    }
}

/// The bits of the columns in the trailer's third word, above those of the fields.
const COLUMN_BITS: [u64; COLUMNS] = [1 << 8, 1 << 9, 1 << 10, 1 << 11];

/// Where the fields begin there that nothing is said about.
const LACKS: u32 = 12;

/// The fields in the columns.
const COLUMN_FIELDS: [Fields; COLUMNS] = [
    Fields::of(Field::City),
    Fields::of(Field::Asn),
    Fields::of(Field::Subdivision).or(Fields::of(Field::RegisteredCountry)),
    Fields::of(Field::Subdivision),
];

/// The fields in any column.
const WIDE: Fields = {
    let [city, system, part, _] = COLUMN_FIELDS;
    city.or(system).or(part)
};

/// What part of a file its summary may take with columns, and how many bytes more.
const SHARE: usize = 5;
const SPARE: usize = 1 << 19;

/// Puts a cell into a column, which is made when it gets its first one; false when there is no memory for it.
fn set(column: &mut Vec<u32>, places: usize, place: usize, cell: u32) -> bool {
    if column.is_empty() {
        if cell == 0 {
            return true;
        }
        if column.try_reserve_exact(places).is_err() {
            return false;
        }
        column.resize(places, 0);
    }
    column.get_mut(place).map(|at| *at = cell).is_some()
}

/// Where the parts of an image are: a file, and its summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Bytes of the file.
    pub file: usize,
    /// Where the table begins.
    table: usize,
    places: usize,
    /// Where the columns begin; 0 for one that is not there.
    columns: [usize; COLUMNS],
    fields: Option<Fields>,
    lacks: Fields,
}

impl Image {
    /// Looks at the end of an image; without a summary all of it is the file.
    pub fn of(image: &[u8]) -> Self {
        Self::summarized(image).unwrap_or(Self {
            file: image.len(),
            table: image.len(),
            places: 0,
            columns: [0; COLUMNS],
            fields: None,
            lacks: Fields::ALL,
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
        let there = read(image, trailer, 2)?;
        let (mut columns, mut column) = ([0; COLUMNS], end);
        for (at, bit) in columns.iter_mut().zip(COLUMN_BITS) {
            if there & bit != 0 {
                *at = column;
                column = column.checked_add(places.checked_mul(CELL)?)?;
            }
        }
        let is_whole = read(image, trailer, 3)? == MAGIC && places > 0;
        (is_whole && column == trailer).then_some(Self {
            file,
            table,
            places,
            columns,
            fields: Some(Fields::unpacked(there)),
            lacks: Fields::unpacked(there >> LACKS),
        })
    }

    /// The fields that records of the file have; `None` when it has no summary.
    pub fn fields(&self) -> Option<Fields> {
        self.fields
    }

    /// What the summary says about the record at an offset; `None` when it says nothing, or not all of what is `asked`
    /// for. What was not asked for may be missing.
    #[inline]
    pub fn facts(&self, image: &[u8], offset: u32, asked: Fields) -> Option<Facts> {
        if asked.meet(self.lacks) {
            return None;
        }
        let (word, place) = self.find(image, offset)?;
        let mut facts = facts(word);
        if asked.meet(WIDE) {
            widen(
                &mut facts,
                self.columns.map(|column| cell(image, column, place)),
            );
        }
        Some(facts)
    }

    /// What the summary says about the value to which a path leads in the record at an offset: a code, or that there is
    /// none. `None` when it says nothing.
    pub fn value(&self, image: &[u8], offset: u32, path: &Path) -> Option<Option<Code>> {
        let field = path.code()?;
        let (word, _) = self.find(image, offset)?;
        let (code, bit) = code_of(&facts(word), field);
        (word & bit != 0).then_some(code)
    }

    /// The word of the record at an offset, and its place.
    #[inline(always)]
    fn find(&self, image: &[u8], offset: u32) -> Option<(u64, usize)> {
        let mut place = first_place(offset, self.places);
        for _ in 0..PROBES {
            let word = read(image, self.table, place)?;
            if word as u32 == offset && word & USED != 0 {
                return Some((word, place));
            }
            if word == 0 {
                return None;
            }
            place = next_place(place, self.places);
        }
        None
    }
}

/// The code that a field has, and the bit that says that a record has its text.
fn code_of(facts: &Facts, field: Field) -> (Option<Code>, u64) {
    match field {
        Field::Country => (facts.country, PLAIN_COUNTRY),
        Field::Continent => (facts.continent, PLAIN_CONTINENT),
        _ => (None, 0),
    }
}

/// Those bits for a record.
fn plain<S: AsRef<[u8]>>(
    to_codes: &[(Field, Path)],
    database: &Database<S>,
    offset: u32,
    facts: &Facts,
) -> u64 {
    let bits = to_codes.iter().map(|(field, path)| {
        let (code, bit) = code_of(facts, *field);
        let text = code.map(|code| code.as_bytes().as_slice());
        let is_it = database.value(offset, path, &mut Out::new()) == text;
        if is_it { bit } else { 0 }
    });
    bits.fold(0, |all, bit| all | bit)
}

/// What a column has in a place.
fn cell(image: &[u8], column: usize, place: usize) -> u32 {
    let at = place
        .checked_mul(CELL)
        .and_then(|at| at.checked_add(column));
    let bytes = at
        .filter(|_| column != 0)
        .and_then(|at| image.get(at..)?.first_chunk());
    bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// The n-th word behind `from`.
#[inline]
fn read(image: &[u8], from: usize, n: usize) -> Option<u64> {
    let at = n.checked_mul(WORD)?.checked_add(from)?;
    Some(u64::from_ne_bytes(*image.get(at..)?.first_chunk()?))
}

/// The first place in which a record may be; less than `places`.
#[inline]
fn first_place(offset: u32, places: usize) -> usize {
    // Offsets differ in their low bits first, but not evenly: two multiplications spread them over 32 bits. The place is the
    // same part of all places as that number is of all numbers.
    let spread = offset.wrapping_mul(0x9e37_79b1);
    let spread = u64::from((spread ^ spread >> 15).wrapping_mul(0x85eb_ca6b));
    (spread.wrapping_mul(places as u64) >> u32::BITS) as usize
}

/// The one after it.
#[inline]
fn next_place(place: usize, places: usize) -> usize {
    let next = place.saturating_add(1);
    if next < places { next } else { 0 }
}

/// Zeros behind a file, so that words follow at a multiple of their size.
fn padding(file: usize) -> usize {
    file.wrapping_neg() % WORD
}

fn word(offset: u32, facts: &Facts) -> u64 {
    let eu = match facts.eu {
        Eu::Unknown => 0,
        Eu::Yes => 1,
        Eu::No => 2,
    };
    USED | u64::from(offset)
        | u64::from(facts.country.map_or(0, Code::packed)) << COUNTRY
        | u64::from(facts.continent.map_or(0, Code::packed)) << CONTINENT
        | eu << EU
        | facts.anonymous.packed() << ANONYMOUS
}

/// What two bits of a word say.
static EUS: [Eu; 4] = [Eu::Unknown, Eu::Yes, Eu::No, Eu::Unknown];

#[inline]
fn facts(word: u64) -> Facts {
    Facts {
        country: Code::unpacked(word >> COUNTRY),
        continent: Code::unpacked(word >> CONTINENT),
        eu: *EUS.get((word >> EU & 3) as usize).unwrap_or(&Eu::Unknown),
        anonymous: Anonymous::unpacked(word >> ANONYMOUS),
        found: true,
        ..Facts::UNKNOWN
    }
}

/// What the columns have of a record. A subdivision is stored without its country, which is that of the record: above
/// the country of registration, or alone.
fn cells(facts: &Facts) -> [u32; COLUMNS] {
    let registered = u32::from(facts.registered_country.map_or(0, Code::packed));
    let [first, second] = facts
        .subdivisions
        .map(|part| part.map_or(0, Subdivision::packed) & !LETTERS);
    [facts.city, facts.asn, first | registered, second]
}

/// The bits of a country.
const LETTERS: u32 = 0x3ff;

fn widen(facts: &mut Facts, cells: [u32; COLUMNS]) {
    let [city, asn, first, second] = cells;
    (facts.city, facts.asn) = (city, asn);
    facts.registered_country = Code::unpacked(u64::from(first & LETTERS));
    let country = u32::from(facts.country.map_or(0, Code::packed));
    let part = |part: u32| match part & !LETTERS {
        0 => None,
        part => Subdivision::unpacked(part | country),
    };
    facts.subdivisions = [part(first), part(second)];
}
