//! What databases are made from: CSV or JSON.

use std::collections::HashSet;

use gatehouse_geo::make::{Builder, from_networks, networks_of, parse_network};
use gatehouse_geo::{Code, continent, country_slip};
use serde_json::{Map, Value, json};

/// A database, and what its author may not have meant.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) doubts: Vec<String>,
}

/// Makes a database of a type and a build time from text.
pub(super) type Convert = fn(&str, &str, u64) -> Result<Made, String>;

/// From an object of networks and their records.
pub(super) fn from_json(text: &str, database_type: &str, build_epoch: u64) -> Result<Made, String> {
    let networks = networks_of(text)?;
    let bytes = from_networks(&networks, database_type, build_epoch)?;
    let mut doubts = Doubts::default();
    for (network, record) in &networks {
        let found = check(network, record);
        doubts.add(
            network,
            found.map_err(|error| format!("{network}: {error}"))?,
        );
    }
    Ok(Made {
        bytes,
        doubts: doubts.said,
    })
}

/// From lines of network,country,continent,eu[,city].
pub(super) fn from_csv(text: &str, database_type: &str, build_epoch: u64) -> Result<Made, String> {
    let mut builder = Builder::new(database_type, build_epoch);
    let mut doubts = Doubts::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    for line in reader.records() {
        let line = line.map_err(|error| error.to_string())?;
        let number = line.position().map_or(0, csv::Position::line);
        if number == 1 && line.get(0) == Some("network") {
            continue;
        }
        let place = format!("line {number}");
        let found = insert_line(&mut builder, &line);
        doubts.add(&place, found.map_err(|error| format!("{place}: {error}"))?);
    }
    Ok(Made {
        bytes: builder.build()?,
        doubts: doubts.said,
    })
}

fn insert_line(builder: &mut Builder, line: &csv::StringRecord) -> Result<Vec<String>, String> {
    if !(4..=5).contains(&line.len()) {
        return Err(format!(
            "{} fields, not network,country,continent,eu[,city]",
            line.len()
        ));
    }
    let field = |index: usize| line.get(index).unwrap_or_default().trim();
    let network = parse_network(field(0))?;
    let record = csv_record([field(1), field(2), field(3), field(4)])?;
    let doubts = check(field(0), &record)?;
    if builder.insert(network, &record)? {
        Ok(doubts)
    } else {
        Err(format!("{network} is there twice"))
    }
}

/// A record as MaxMind's databases have it, without what is empty.
fn csv_record([country, continent, eu, city]: [&str; 4]) -> Result<Value, String> {
    let mut record = Map::new();
    let mut of_country = Map::new();
    if !country.is_empty() {
        of_country.insert("iso_code".into(), country.into());
    }
    match eu {
        "" => {}
        "yes" => drop(of_country.insert("is_in_european_union".into(), true.into())),
        "no" => drop(of_country.insert("is_in_european_union".into(), false.into())),
        _ => return Err(format!("eu is \"{eu}\", not yes or no")),
    }
    if !of_country.is_empty() {
        record.insert("country".into(), of_country.into());
    }
    if !continent.is_empty() {
        record.insert("continent".into(), json!({"code": continent}));
    }
    if !city.is_empty() {
        record.insert("city".into(), json!({"names": {"en": city}}));
    }
    Ok(record.into())
}

/// What no rule of a configuration can match, in the words `nginx -t` has for the same in a rule.
///
/// # Errors
/// A country that cannot be one.
fn check(network: &str, record: &Value) -> Result<Vec<String>, String> {
    let mut doubts = Vec::new();
    let parsed = parse_network(network)?;
    if parsed.trunc() != parsed {
        doubts.push(format!("low address bits of {network} are meaningless"));
    }
    if let Some(country) = text_at(record, "/country/iso_code") {
        let code = Code::new(country.as_bytes());
        let code = code.ok_or_else(|| format!("country \"{country}\" is not two letters"))?;
        doubts.extend(country_slip(code));
    }
    let code = text_at(record, "/continent/code");
    if let Some(text) = code.filter(|text| continent(text.as_bytes()).is_none()) {
        doubts.push(format!(
            "\"{text}\" is no continent, it must be AF, AN, AS, EU, NA, OC or SA"
        ));
    }
    Ok(doubts)
}

fn text_at<'a>(record: &'a Value, pointer: &str) -> Option<&'a str> {
    record.pointer(pointer)?.as_str()
}

/// Doubts with their places; the same one is said once, where it comes first.
#[derive(Default)]
struct Doubts {
    said: Vec<String>,
    known: HashSet<String>,
}

impl Doubts {
    fn add(&mut self, place: &str, doubts: Vec<String>) {
        for doubt in doubts {
            let said = format!("{place}: {doubt}");
            if self.known.insert(doubt) {
                self.said.push(said);
            }
        }
    }
}
