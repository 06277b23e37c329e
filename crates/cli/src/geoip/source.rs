//! What databases are made from: CSV or JSON.

use std::collections::HashSet;

use gatehouse_geo::make::{Builder, networks_of, parse_network, with_networks};
use gatehouse_geo::{Code, Subdivision, continent, country_slip};
use serde_json::{Map, Value, json};

/// A database, and what its author may not have meant.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) doubts: Vec<String>,
}

/// Makes a database from text.
pub(super) type Convert = fn(&str, Builder) -> Result<Made, String>;

/// From an object of networks and their records.
pub(super) fn from_json(text: &str, builder: Builder) -> Result<Made, String> {
    let networks = networks_of(text)?;
    let bytes = with_networks(builder, &networks)?;
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

/// The columns there may be, and those that stand in a file without a heading.
const COLUMNS: [&str; 11] = [
    "network",
    "country",
    "continent",
    "eu",
    "city",
    "registered_country",
    "subdivision",
    "city_id",
    "asn",
    "as_name",
    "anonymous",
];
const PLAIN: usize = 5;
/// Columns that a line without a heading has at least.
const LEAST: usize = 4;

/// From lines of network,country,continent,eu[,city], or of the columns that a heading names.
pub(super) fn from_csv(text: &str, mut builder: Builder) -> Result<Made, String> {
    let mut doubts = Doubts::default();
    let mut heading = None;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    for line in reader.records() {
        let line = line.map_err(|error| error.to_string())?;
        let number = line.position().map_or(0, csv::Position::line);
        let place = format!("line {number}");
        let fault = |error: String| format!("{place}: {error}");
        if number == 1 && line.get(0) == Some("network") {
            heading = Some(columns(&line).map_err(fault)?);
            continue;
        }
        let found = insert_line(&mut builder, &line, heading.as_deref());
        doubts.add(&place, found.map_err(fault)?);
    }
    Ok(Made {
        bytes: builder.build()?,
        doubts: doubts.said,
    })
}

/// The columns that a heading names.
fn columns(line: &csv::StringRecord) -> Result<Vec<&'static str>, String> {
    let mut columns = Vec::new();
    for word in line {
        let known = COLUMNS.into_iter().find(|column| *column == word.trim());
        let column = known.ok_or_else(|| {
            format!(
                "unknown column \"{word}\", it must be one of {}",
                COLUMNS.join(" ")
            )
        })?;
        if columns.contains(&column) {
            return Err(format!("the column \"{column}\" is there twice"));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn insert_line(
    builder: &mut Builder,
    line: &csv::StringRecord,
    heading: Option<&[&'static str]>,
) -> Result<Vec<String>, String> {
    let plain = COLUMNS.get(..PLAIN).unwrap_or_default();
    let columns = heading.unwrap_or(plain);
    // What stands behind the columns that every file has may be left out.
    let least = if columns.iter().zip(plain).take(LEAST).all(|(a, b)| a == b) {
        LEAST.min(columns.len())
    } else {
        columns.len()
    };
    let is_right = (least..=columns.len()).contains(&line.len());
    if !is_right {
        let wanted = if heading.is_some() {
            columns.join(",")
        } else {
            "network,country,continent,eu[,city]".to_owned()
        };
        return Err(format!("{} fields, not {wanted}", line.len()));
    }
    let field = |name: &str| {
        let at = columns.iter().position(|column| *column == name);
        at.and_then(|at| line.get(at)).unwrap_or_default().trim()
    };
    let network = parse_network(field("network"))?;
    let record = csv_record(&field)?;
    let doubts = check(field("network"), &record)?;
    if builder.insert(network, &record)? {
        Ok(doubts)
    } else {
        Err(format!("{network} is there twice"))
    }
}

/// A record as MaxMind's databases have it, without what is empty.
fn csv_record<'l>(field: &dyn Fn(&str) -> &'l str) -> Result<Value, String> {
    let mut record = Map::new();
    let mut put = |map: &str, member: &str, value: Value| {
        let map = record.entry(map).or_insert_with(|| Map::new().into());
        if let Some(map) = map.as_object_mut() {
            map.insert(member.into(), value);
        }
    };
    let there = |name: &str| Some(field(name)).filter(|value| !value.is_empty());
    if let Some(country) = there("country") {
        put("country", "iso_code", country.into());
    }
    match field("eu") {
        "" => {}
        "yes" => put("country", "is_in_european_union", true.into()),
        "no" => put("country", "is_in_european_union", false.into()),
        other => return Err(format!("eu is \"{other}\", not yes or no")),
    }
    if let Some(country) = there("registered_country") {
        put("registered_country", "iso_code", country.into());
    }
    if let Some(continent) = there("continent") {
        put("continent", "code", continent.into());
    }
    if let Some(city) = there("city") {
        put("city", "names", json!({"en": city}));
    }
    if let Some(id) = there("city_id") {
        put("city", "geoname_id", number("city_id", id)?.into());
    }
    if let Some(part) = there("subdivision") {
        record.insert("subdivisions".into(), subdivision(part, field("country"))?);
    }
    if let Some(asn) = there("asn") {
        let digits = asn.strip_prefix("AS").unwrap_or(asn);
        record.insert(
            "autonomous_system_number".into(),
            number("asn", digits)?.into(),
        );
    }
    if let Some(name) = there("as_name") {
        record.insert("autonomous_system_organization".into(), name.into());
    }
    for word in field("anonymous").split_ascii_whitespace() {
        let member = match word {
            "vpn" => "is_anonymous_vpn",
            "proxy" => "is_public_proxy",
            "hosting" => "is_hosting_provider",
            "tor" => "is_tor_exit_node",
            "any" => "is_anonymous",
            _ => {
                return Err(format!(
                    "anonymous is \"{word}\", not vpn, proxy, hosting, tor or any"
                ));
            }
        };
        record.insert("is_anonymous".into(), true.into());
        record.insert(member.into(), true.into());
    }
    Ok(record.into())
}

fn number(name: &str, text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{name} is \"{text}\", not a number"))
}

/// The list of one subdivision, which must be of the line's country.
fn subdivision(part: &str, country: &str) -> Result<Value, String> {
    let is_one = Subdivision::new(part.as_bytes()).is_some();
    let own = part
        .split_once('-')
        .filter(|(of, _)| is_one && of.eq_ignore_ascii_case(country));
    let (_, code) = own.ok_or_else(|| {
        format!("subdivision is \"{part}\", not a code of \"{country}\" such as US-CA")
    })?;
    Ok(json!([{"iso_code": code}]))
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
    // Databases have IPv4 addresses elsewhere, and there every reader looks for these.
    let (address, bits) = (parsed.trunc().addr(), parsed.prefix_len());
    let is_mapped = address.is_ipv6() && address.to_canonical().is_ipv4();
    if let Some(bits) = bits.checked_sub(96).filter(|_| is_mapped) {
        let address = address.to_canonical();
        doubts.push(format!(
            "{network} is never looked up, its addresses are IPv4: write {address}/{bits}"
        ));
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
