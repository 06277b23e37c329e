//! What rules and variables ask a record for, in a form that costs nothing to copy and compare.

use std::fmt;

use super::code::{Code, Subdivision};

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

/// Which kinds of anonymity an address has, as far as the databases say: a set.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Anonymous(u8);

impl Anonymous {
    /// Nothing is said.
    pub const UNKNOWN: Self = Self(0);
    /// A virtual private network.
    pub const VPN: Self = Self(1);
    /// A proxy that anybody may use, or one in a home.
    pub const PROXY: Self = Self(2);
    /// A data centre.
    pub const HOSTING: Self = Self(4);
    /// An exit of Tor.
    pub const TOR: Self = Self(8);
    /// Anonymous in a way that has no name of its own here.
    pub const OTHER: Self = Self(16);
    /// The database says something about it, be it no.
    pub const STATED: Self = Self(32);
    /// Any kind.
    pub const ANY: Self = Self(31);

    /// Bits that a set has.
    pub(super) const BITS: u32 = 6;

    /// The kinds that rules have a word for.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("vpn", Self::VPN),
        ("proxy", Self::PROXY),
        ("hosting", Self::HOSTING),
        ("tor", Self::TOR),
        ("any", Self::ANY),
    ];

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets share a kind.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 & Self::ANY.0 != 0
    }

    /// Whether nothing is said.
    pub fn is_unknown(self) -> bool {
        self.0 == 0
    }

    pub(super) fn packed(self) -> u64 {
        u64::from(self.0)
    }

    #[inline]
    pub(super) fn unpacked(bits: u64) -> Self {
        Self(bits as u8 & (Self::ANY.0 | Self::STATED.0))
    }
}

impl fmt::Display for Anonymous {
    /// Its kinds by their words, `no` for a database's no.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = Self::WORDS.into_iter().take(4);
        let words = kinds.filter(|(_, kind)| self.meets(*kind));
        let words: Vec<&str> = words.map(|(word, _)| word).collect();
        f.write_str(&match (words.is_empty(), self.meets(Self::ANY)) {
            (false, _) => words.join(","),
            (true, true) => "any".to_owned(),
            (true, false) if self.is_unknown() => "-".to_owned(),
            (true, false) => "no".to_owned(),
        })
    }
}

impl fmt::Debug for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What the databases know about one address, as far as rules ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Where the address is.
    pub country: Option<Code>,
    /// Where the holder of the address is registered.
    pub registered_country: Option<Code>,
    /// The continent.
    pub continent: Option<Code>,
    /// Parts of the country, the larger one first: England and Westminster.
    pub subdivisions: [Option<Subdivision>; 2],
    /// GeoNames id of the city; 0 where none is known.
    pub city: u32,
    /// Number of the autonomous system; 0 where none is known.
    pub asn: u32,
    /// `country.is_in_european_union`; a record with a country but without the flag is outside,
    /// where the database carries the flag at all (MaxMind's leave out the `false`).
    pub eu: Eu,
    /// Kinds of anonymity.
    pub anonymous: Anonymous,
    /// Whether any database has a record for the address.
    pub found: bool,
}

impl Facts {
    /// What is known about an address in no database, or about one that cannot be read.
    pub const UNKNOWN: Self = Self {
        country: None,
        registered_country: None,
        continent: None,
        subdivisions: [None; 2],
        city: 0,
        asn: 0,
        eu: Eu::Unknown,
        anonymous: Anonymous::UNKNOWN,
        found: false,
    };

    /// These facts, with what they lack taken from `other`: for several databases, in order. The kinds of anonymity
    /// add up: one database knows exits of Tor, another one data centres.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let number = |first: u32, second: u32| if first == 0 { second } else { first };
        let parts = |of: Self| of.subdivisions;
        Self {
            country: self.country.or(other.country),
            registered_country: self.registered_country.or(other.registered_country),
            continent: self.continent.or(other.continent),
            subdivisions: match parts(self) {
                [None, None] => parts(other),
                own => own,
            },
            city: number(self.city, other.city),
            asn: number(self.asn, other.asn),
            eu: if self.eu == Eu::Unknown {
                other.eu
            } else {
                self.eu
            },
            anonymous: self.anonymous.with(other.anonymous),
            found: self.found || other.found,
        }
    }
}

/// Facts that are looked for when they are asked for first.
pub struct Lazily<F> {
    find: F,
    facts: Option<Facts>,
}

impl<F: FnMut() -> Facts> Lazily<F> {
    /// Those that `find` finds.
    pub fn new(find: F) -> Self {
        Self { find, facts: None }
    }

    /// The facts.
    #[inline]
    pub(super) fn facts(&mut self) -> &Facts {
        self.facts.get_or_insert_with(&mut self.find)
    }
}

/// A fact that only a database can supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// [`Facts::country`].
    Country,
    /// [`Facts::registered_country`].
    RegisteredCountry,
    /// [`Facts::continent`].
    Continent,
    /// [`Facts::subdivisions`].
    Subdivision,
    /// [`Facts::city`].
    City,
    /// [`Facts::asn`].
    Asn,
    /// [`Facts::eu`].
    Eu,
    /// [`Facts::anonymous`].
    Anonymous,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 8] = [
        Self::Country,
        Self::RegisteredCountry,
        Self::Continent,
        Self::Subdivision,
        Self::City,
        Self::Asn,
        Self::Eu,
        Self::Anonymous,
    ];

    /// The word rules use for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::RegisteredCountry => "registered_country",
            Self::Continent => "continent",
            Self::Subdivision => "subdivision",
            Self::City => "city",
            Self::Asn => "asn",
            Self::Eu => "eu",
            Self::Anonymous => "anonymous",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    fn is_stated(self, facts: &Facts) -> bool {
        match self {
            Self::Country => facts.country.is_some(),
            Self::RegisteredCountry => facts.registered_country.is_some(),
            Self::Continent => facts.continent.is_some(),
            Self::Subdivision => facts.subdivisions != [None; 2],
            Self::City => facts.city != 0,
            Self::Asn => facts.asn != 0,
            Self::Eu => facts.eu != Eu::Unknown,
            Self::Anonymous => !facts.anonymous.is_unknown(),
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u8::MAX);

    /// One field.
    #[must_use]
    pub const fn of(field: Field) -> Self {
        Self(field.bit())
    }

    /// Adds a field.
    pub fn insert(&mut self, field: Field) {
        self.0 |= field.bit();
    }

    /// Adds the fields that a record states.
    pub(super) fn insert_stated(&mut self, facts: &Facts) {
        for field in Field::ALL {
            if field.is_stated(facts) {
                self.insert(field);
            }
        }
    }

    /// Whether the field is in the set.
    pub fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// The fields of both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The fields of either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every field is in the set.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether the sets have a field in common.
    pub fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn packed(self) -> u64 {
        u64::from(self.0)
    }

    pub(super) fn unpacked(bits: u64) -> Self {
        Self(bits as u8)
    }
}
