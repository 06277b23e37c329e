//! `path.to.field`: the value a variable asks a record for, as text.

use std::io::Write;

use super::facts::Field;
use super::record::{Kind, Section, Value};

/// The way to a value inside a record: map keys and array indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
    /// The field whose code records have there.
    code: Option<Field>,
}

/// Where most databases have codes.
const CODES: [(Field, [&str; 2]); 2] = [
    (Field::Country, ["country", "iso_code"]),
    (Field::Continent, ["continent", "code"]),
];

/// A word is a key in a map and, when it is a number, an index in an array.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    key: Box<str>,
    /// Counted from the end where it is negative, as libmaxminddb does.
    index: Option<isize>,
}

impl Path {
    /// Reads a path from a directive's words: one word is split at its dots, several words are
    /// one step each (map keys may contain dots).
    ///
    /// # Errors
    /// A message for the configuration when there is no word or an empty step.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, String> {
        let steps: Vec<Step> = match words {
            [single] => single.as_ref().split('.').map(Step::new).collect(),
            _ => words.iter().map(|word| Step::new(word.as_ref())).collect(),
        };
        if steps.is_empty() || steps.iter().any(|step| step.key.is_empty()) {
            let shown: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
            return Err(format!("invalid path \"{}\"", shown.join(" ")));
        }
        Ok(Self::of(steps))
    }

    fn of(steps: Vec<Step>) -> Self {
        let is_it = |words: &[&str]| {
            steps
                .iter()
                .map(|step| &*step.key)
                .eq(words.iter().copied())
        };
        let code = CODES.iter().find(|(_, words)| is_it(words));
        Self {
            code: code.map(|(field, _)| *field),
            steps,
        }
    }

    /// The ways to codes.
    pub(super) fn to_codes() -> [(Field, Self); 2] {
        CODES.map(|(field, words)| (field, Self::of(words.map(Step::new).into())))
    }

    /// The field whose code most databases have there.
    pub(super) fn code(&self) -> Option<Field> {
        self.code
    }

    /// The value at the end of the path in the record at that offset.
    pub(super) fn find(&self, section: Section<'_>, offset: usize) -> Option<Value> {
        let mut value = section.value(offset)?;
        for step in &self.steps {
            let at = match value.kind {
                Kind::Map => section.member(value, step.key.as_bytes())?,
                Kind::Array => section.element(value, step.index(value.size)?)?,
                _ => return None,
            };
            value = section.value(at)?;
        }
        Some(value)
    }
}

impl Step {
    fn new(word: &str) -> Self {
        Self {
            key: word.into(),
            index: word.parse().ok(),
        }
    }

    /// Which of so many elements it names.
    fn index(&self, elements: usize) -> Option<usize> {
        let index = self.index?;
        if index < 0 {
            elements.checked_sub(index.unsigned_abs())
        } else {
            Some(index.unsigned_abs())
        }
    }
}

/// Room for a number's digits; strings are borrowed from the database instead.
#[derive(Debug)]
pub struct Out {
    bytes: [u8; Self::SIZE],
}

impl Out {
    const SIZE: usize = 64;

    /// An empty buffer.
    pub fn new() -> Self {
        Self {
            bytes: [0; Self::SIZE],
        }
    }

    /// Writes the text, or nothing and `None` when there is no room for all of it.
    fn put(&mut self, text: std::fmt::Arguments<'_>) -> Option<&[u8]> {
        let mut room = self.bytes.as_mut_slice();
        room.write_fmt(text).ok()?;
        let left = room.len();
        self.bytes.get(..Self::SIZE.checked_sub(left)?)
    }
}

impl Default for Out {
    fn default() -> Self {
        Self::new()
    }
}

/// A value as the text of a variable: strings as they are, numbers decimal, a boolean as 1 or 0,
/// floating point with five decimals, 128-bit numbers in hexadecimal (all as the module
/// ngx_http_geoip2 prints them). Maps, arrays and bytes have no text, nor has a string with a
/// control character.
pub(super) fn text<'o>(section: Section<'o>, value: Value, out: &'o mut Out) -> Option<&'o [u8]> {
    match value.kind {
        Kind::String => section.bytes(value).filter(|bytes| is_printable(bytes)),
        Kind::Uint16 | Kind::Uint32 | Kind::Uint64 => {
            let number = section.unsigned(value)?;
            out.put(format_args!("{number}"))
        }
        Kind::Uint128 => {
            let number = section.unsigned(value)?;
            out.put(format_args!("0x{number:032x}"))
        }
        Kind::Int32 => out.put(format_args!("{}", section.signed(value)?)),
        Kind::Bool => out.put(format_args!("{}", value.size)),
        Kind::Double => out.put(format_args!("{:.5}", section.double(value)?)),
        Kind::Float => out.put(format_args!("{:.5}", section.float(value)?)),
        Kind::Map | Kind::Array | Kind::Bytes | Kind::Pointer => None,
    }
}

fn is_printable(bytes: &[u8]) -> bool {
    // Without an end in the middle several bytes are looked at in one step.
    let is_control = |found: bool, byte: &u8| found | byte.is_ascii_control();
    !bytes.iter().fold(false, is_control)
}
