//! What a record states, in the shapes of several vendors.
//!
//! MaxMind and DB-IP nest their members (`country.iso_code`), IPinfo has most of them side by side (`country_code`, or
//! `country` in older files, `asn` as the text `AS64496`). A member that has another type than these is not there.
//! Where several say the same, as in a map that has a key twice, the first one counts: libmaxminddb finds that one, too.
//!
//! Sources: <https://dev.maxmind.com/geoip/docs/databases/>, <https://db-ip.com/db/format/>,
//! <https://ipinfo.io/developers/database-types>.

use super::code::{Code, Subdivision};
use super::facts::{Anonymous, Eu, Facts};
use super::record::{Kind, Section, Value};

/// Maps and lists inside a record that are looked into: several times those of any real one. A crafted record may have
/// thousands that all lead to one long list.
const INSIDE: u32 = 16;

/// The facts that the record at an offset states itself. A damaged record has none but that it was found.
pub(super) fn facts(section: Section<'_>, offset: u32) -> Facts {
    let mut seen = Seen {
        inside: INSIDE,
        ..Seen::default()
    };
    let record = usize::try_from(offset)
        .ok()
        .and_then(|at| section.value(at));
    if let Some(record) = record {
        seen.read(section, record, true);
    }
    seen.facts()
}

/// What has been met so far.
#[derive(Default)]
struct Seen<'a> {
    facts: Facts,
    /// `country` as a text, which older files of IPinfo have for the code and newer ones for the name.
    country: Option<Code>,
    continent: Option<Code>,
    /// Names of subdivisions, the larger first.
    parts: [Option<&'a [u8]>; 2],
    /// An id beside the city's name.
    place: u32,
    /// How many more maps and lists may be looked into.
    inside: u32,
}

impl<'a> Seen<'a> {
    fn facts(self) -> Facts {
        let mut facts = self.facts;
        facts.found = true;
        facts.country = facts.country.or(self.country);
        facts.continent = facts.continent.or(self.continent);
        if facts.city == 0 {
            facts.city = self.place;
        }
        facts.subdivisions = self.parts.map(|part| subdivision(facts.country, part?));
        facts
    }

    /// The map or list at an offset, or whatever is there.
    fn enter(&mut self, section: Section<'_>, at: usize) -> Option<Value> {
        self.inside = self.inside.checked_sub(1)?;
        section.value(at)
    }

    /// The offset of a member of the map at an offset.
    fn member(&mut self, section: Section<'_>, at: usize, key: &[u8]) -> Option<usize> {
        section.member(self.enter(section, at)?, key)
    }

    /// Takes the members of a map, and those of the maps in it that only group them.
    fn read(&mut self, section: Section<'a>, map: Value, is_record: bool) {
        for (key, at) in section.pairs(map) {
            match key {
                b"country" => self.country(section, at),
                b"country_code" => first(&mut self.facts.country, || code(section, at)),
                b"registered_country" => {
                    let iso_code = self.member(section, at, b"iso_code");
                    let found = || iso_code.and_then(|at| code(section, at));
                    first(&mut self.facts.registered_country, found);
                }
                b"continent" => self.continent(section, at),
                b"continent_code" => first(&mut self.facts.continent, || code(section, at)),
                b"subdivisions" => self.subdivisions(section, at),
                b"region_code" => self.take_parts([text(section, at), None]),
                b"city" => {
                    let id = self.member(section, at, b"geoname_id");
                    first_number(&mut self.facts.city, || {
                        id.map_or(0, |at| number(section, at))
                    });
                }
                b"geoname_id" => first_number(&mut self.place, || number(section, at)),
                b"autonomous_system_number" | b"asn" => {
                    first_number(&mut self.facts.asn, || asn(section, at));
                }
                b"traits" | b"geo" | b"as" | b"anonymous" if is_record => {
                    if let Some(group) = self.enter(section, at) {
                        self.read(section, group, false);
                    }
                }
                _ => self.kind(section, key, at),
            }
        }
    }

    fn country(&mut self, section: Section<'_>, at: usize) {
        let Some(value) = self.enter(section, at) else {
            return;
        };
        if value.kind != Kind::Map {
            first(&mut self.country, || code(section, at));
            return;
        }
        for (key, at) in section.pairs(value) {
            match key {
                b"iso_code" => first(&mut self.facts.country, || code(section, at)),
                b"is_in_european_union" if self.facts.eu == Eu::Unknown => {
                    self.facts.eu = flag(section, at);
                }
                _ => {}
            }
        }
    }

    fn continent(&mut self, section: Section<'_>, at: usize) {
        match self.enter(section, at) {
            Some(map) if map.kind == Kind::Map => {
                let at = section.member(map, b"code");
                let found = || at.and_then(|at| code(section, at));
                first(&mut self.facts.continent, found);
            }
            _ => first(&mut self.continent, || code(section, at)),
        }
    }

    fn subdivisions(&mut self, section: Section<'a>, at: usize) {
        let Some(list) = self.enter(section, at) else {
            return;
        };
        let mut elements = section.elements(list);
        let parts = [(); 2].map(|()| {
            let at = self.member(section, elements.next()?, b"iso_code")?;
            text(section, at)
        });
        self.take_parts(parts);
    }

    fn take_parts(&mut self, parts: [Option<&'a [u8]>; 2]) {
        if self.parts == [None, None] {
            self.parts = parts;
        }
    }

    /// A member that says yes or no to a kind of anonymity.
    fn kind(&mut self, section: Section<'_>, key: &[u8], at: usize) {
        let kind = match key {
            b"is_anonymous_vpn" | b"is_vpn" | b"vpn" => Anonymous::VPN,
            b"is_public_proxy"
            | b"is_residential_proxy"
            | b"is_anonymous_proxy"
            | b"is_proxy"
            | b"proxy" => Anonymous::PROXY,
            b"is_hosting_provider" | b"is_hosting" | b"hosting" => Anonymous::HOSTING,
            b"is_tor_exit_node" | b"is_tor" | b"tor" => Anonymous::TOR,
            b"is_anonymous" | b"is_relay" | b"relay" => Anonymous::OTHER,
            _ => return,
        };
        if let Some(is_so) = says(section, at) {
            let kind = if is_so { kind } else { Anonymous::UNKNOWN };
            let stated = Anonymous::STATED.with(kind);
            self.facts.anonymous = self.facts.anonymous.with(stated);
        }
    }
}

/// Takes a code where none is known so far.
fn first(known: &mut Option<Code>, found: impl FnOnce() -> Option<Code>) {
    *known = known.or_else(found);
}

/// The same for a number, of which 0 is none.
fn first_number(known: &mut u32, found: impl FnOnce() -> u32) {
    if *known == 0 {
        *known = found();
    }
}

/// A part of a country, which some databases write with the country in front.
fn subdivision(country: Option<Code>, part: &[u8]) -> Option<Subdivision> {
    let country = country?;
    let rest = part.strip_prefix(country.as_bytes());
    let rest = rest.and_then(|rest| rest.strip_prefix(b"-"));
    Subdivision::of(country, rest.unwrap_or(part))
}

fn text(section: Section<'_>, at: usize) -> Option<&[u8]> {
    let value = section.value(at)?;
    (value.kind == Kind::String)
        .then(|| section.bytes(value))
        .flatten()
}

fn code(section: Section<'_>, at: usize) -> Option<Code> {
    text(section, at).and_then(Code::new)
}

/// A number, also one written as a text; 0 for anything else.
fn number(section: Section<'_>, at: usize) -> u32 {
    let read = || {
        let value = section.value(at)?;
        match value.kind {
            Kind::Uint16 | Kind::Uint32 | Kind::Uint64 => {
                u32::try_from(section.unsigned(value)?).ok()
            }
            Kind::Int32 => u32::try_from(section.signed(value)?).ok(),
            Kind::String => digits(section.bytes(value)?),
            _ => None,
        }
    };
    read().unwrap_or(0)
}

/// The number of an autonomous system, with or without `AS` in front of it; 0 for anything else.
fn asn(section: Section<'_>, at: usize) -> u32 {
    match text(section, at) {
        Some(text) => system(text).unwrap_or(0),
        None => number(section, at),
    }
}

/// The number of an autonomous system as people write it: `AS64496` or `64496`.
pub(super) fn system(text: &[u8]) -> Option<u32> {
    match text {
        [b'A' | b'a', b'S' | b's', digits_ @ ..] => digits(digits_),
        _ => digits(text),
    }
}

/// A number of decimal digits only.
pub(super) fn digits(text: &[u8]) -> Option<u32> {
    let is_number = text.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| std::str::from_utf8(text).ok()?.parse().ok())
        .flatten()
}

fn flag(section: Section<'_>, at: usize) -> Eu {
    match section.value(at) {
        Some(Value {
            kind: Kind::Bool,
            size: 1,
            ..
        }) => Eu::Yes,
        Some(Value {
            kind: Kind::Bool, ..
        }) => Eu::No,
        _ => Eu::Unknown,
    }
}

/// Yes or no: a boolean, a number, or a text (`true`, empty for no).
fn says(section: Section<'_>, at: usize) -> Option<bool> {
    let value = section.value(at)?;
    match value.kind {
        Kind::Bool => Some(value.size == 1),
        Kind::String => {
            let text = section.bytes(value)?;
            let no: [&[u8]; 5] = [b"", b"0", b"f", b"no", b"false"];
            Some(!no.iter().any(|word| text.eq_ignore_ascii_case(word)))
        }
        Kind::Uint16 | Kind::Uint32 | Kind::Uint64 => section.unsigned(value).map(|n| n != 0),
        _ => None,
    }
}
