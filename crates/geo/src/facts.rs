//! What rules and variables ask a record for, in a form that costs nothing to copy and compare.

use std::fmt;

/// A code of two upper-case ASCII letters: an ISO 3166-1 alpha-2 country, or a continent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code([u8; 2]);

impl Code {
    /// The code those two letters mean, whatever their case; `None` for anything else.
    pub fn new(text: &[u8]) -> Option<Self> {
        let letters: [u8; 2] = text.try_into().ok()?;
        let upper = letters.map(|letter| letter.to_ascii_uppercase());
        upper
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(upper))
    }

    /// The two letters in ten bits, of which not all are 0.
    pub(super) fn packed(self) -> u64 {
        let [a, b] = self.0.map(|letter| u64::from(letter & 31));
        a | b << 5
    }

    /// The code that ten lower bits of a number hold, if any.
    #[inline]
    pub(super) fn unpacked(bits: u64) -> Option<Self> {
        let letter = |n: u64| b'@' | (n & 31) as u8;
        (bits & 0x3ff != 0).then_some(Self([letter(bits), letter(bits >> 5)]))
    }

    /// The two letters.
    pub fn as_bytes(&self) -> &[u8; 2] {
        &self.0
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in, so the other arm is never taken.
        std::str::from_utf8(&self.0).unwrap_or("")
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

/// Whether an address is in a member state of the European Union.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eu {
    /// The database does not say.
    #[default]
    Unknown,
    /// It is in the Union.
    Yes,
    /// It is outside the Union.
    No,
}

/// What the databases know about one address, as far as rules ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `country.iso_code`.
    pub country: Option<Code>,
    /// `continent.code`.
    pub continent: Option<Code>,
    /// `country.is_in_european_union`; a record with a country but without the flag is outside,
    /// where the database carries the flag at all (MaxMind's leave out the `false`).
    pub eu: Eu,
    /// Whether any database has a record for the address.
    pub found: bool,
}

impl Facts {
    /// What is known about an address in no database, or about one that cannot be read.
    pub const UNKNOWN: Self = Self {
        country: None,
        continent: None,
        eu: Eu::Unknown,
        found: false,
    };

    /// These facts, with what they lack taken from `other`: for several databases, in order.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            country: self.country.or(other.country),
            continent: self.continent.or(other.continent),
            eu: if self.eu == Eu::Unknown {
                other.eu
            } else {
                self.eu
            },
            found: self.found || other.found,
        }
    }
}

/// A fact that only a database can supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// [`Facts::country`].
    Country,
    /// [`Facts::continent`].
    Continent,
    /// [`Facts::eu`].
    Eu,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 3] = [Self::Country, Self::Continent, Self::Eu];

    /// The word rules use for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Continent => "continent",
            Self::Eu => "eu",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Country => 1,
            Self::Continent => 2,
            Self::Eu => 4,
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= field.bit();
    }

    /// Adds the fields that a record states.
    pub(super) fn insert_stated(&mut self, facts: Facts) {
        let stated = [
            facts.country.is_some(),
            facts.continent.is_some(),
            facts.eu != Eu::Unknown,
        ];
        for (field, _) in Field::ALL
            .into_iter()
            .zip(stated)
            .filter(|(_, stated)| *stated)
        {
            self.insert(field);
        }
    }

    /// Whether the field is in the set.
    pub fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// Whether every field is in the set.
    pub fn is_all(self) -> bool {
        Field::ALL.into_iter().all(|field| self.contains(field))
    }
}
