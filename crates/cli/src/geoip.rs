//! `gatehouse geoip make|lookup|check`.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use gatehouse_core::geo::make::{Builder, from_json, parse_network};
use gatehouse_core::geo::{Database, Eu, Field, Lookup};
use serde_json::{Map, Value, json};

use crate::files::{read, refused, unusable};
use crate::{Failure, Outcome};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a database from CSV or JSON; one without networks is refused.
    ///
    /// CSV lines are network,country,continent,eu and maybe city (eu: yes, no or empty; a first line
    /// with the word "network" is a heading). JSON is one object of networks and their records.
    Make(Make),
    /// Show what a database has for an address; exit code 1 when it has nothing.
    Lookup {
        /// The database file.
        database: PathBuf,
        /// The address.
        address: IpAddr,
        /// Print the whole record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read a database from end to end; exit code 1 when anything in it is wrong.
    Check {
        /// The database file.
        database: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What `make` is given.
#[derive(Debug, Args)]
pub(crate) struct Make {
    /// The source, by its name's end: .csv or .json.
    source: PathBuf,
    /// The database to write; replaced at once, never in parts.
    out: PathBuf,
    /// What the database calls itself.
    #[arg(
        long = "type",
        value_name = "NAME",
        default_value = "Gatehouse-Country"
    )]
    database_type: String,
    /// The build time in seconds since 1970; now when not given.
    #[arg(long, value_name = "SECONDS")]
    epoch: Option<u64>,
}

/// Does what is asked.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    let text = match command {
        Command::Make(make) => run_make(make),
        Command::Lookup {
            database,
            address,
            json,
        } => run_lookup(database, *address, *json),
        Command::Check { database, json } => run_check(database, *json),
    };
    text.map(Outcome::done)
}

fn run_make(make: &Make) -> Result<String, Failure> {
    let epoch = make.epoch.unwrap_or_else(now);
    let extension = make
        .source
        .extension()
        .and_then(|extension| extension.to_str());
    let convert = match extension {
        Some("json") => from_json,
        Some("csv") => from_csv,
        _ => {
            return Err(Failure::Wrong(format!(
                "{} is neither .csv nor .json",
                make.source.display()
            )));
        }
    };
    let text = String::from_utf8(read(&make.source)?)
        .map_err(|_| refused(&make.source, &"it is not UTF-8"))?;
    let bytes = convert(&text, &make.database_type, epoch)
        .map_err(|error| refused(&make.source, &error))?;
    replace(&make.out, &bytes).map_err(|error| unusable(&make.out, &error))?;
    Ok(String::new())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Writes beside the file and renames, so that nobody ever reads half of it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let done = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}

fn from_csv(text: &str, database_type: &str, build_epoch: u64) -> Result<Vec<u8>, String> {
    let mut builder = Builder::new(database_type, build_epoch);
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
        insert_line(&mut builder, &line).map_err(|error| format!("line {number}: {error}"))?;
    }
    builder.build()
}

fn insert_line(builder: &mut Builder, line: &csv::StringRecord) -> Result<(), String> {
    if !(4..=5).contains(&line.len()) {
        return Err(format!(
            "{} fields, not network,country,continent,eu[,city]",
            line.len()
        ));
    }
    let field = |index: usize| line.get(index).unwrap_or_default().trim();
    let network = parse_network(field(0))?;
    if builder.insert(
        network,
        &csv_record([field(1), field(2), field(3), field(4)])?,
    )? {
        Ok(())
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

fn run_lookup(path: &Path, address: IpAddr, json: bool) -> Result<String, Failure> {
    let database = open(path)?;
    let (network, length) = database
        .network(address)
        .map_err(|error| refused(path, &error))?;
    let offset = match database.lookup(address) {
        Lookup::Found(offset) => offset,
        Lookup::NotFound => return Err(refused(path, &format_args!("nothing about {address}"))),
        Lookup::Broken => return Err(refused(path, &"the search tree is damaged")),
    };
    let network = format!("{network}/{length}");
    if json {
        let record = database
            .record(offset)
            .ok_or_else(|| refused(path, &"the record is damaged"))?;
        return Ok(format!(
            "{:#}\n",
            json!({"address": address, "network": network, "record": record})
        ));
    }
    let facts = database.facts(offset);
    let code = |code: Option<_>| code.map_or_else(|| "-".to_owned(), |code| format!("{code}"));
    let eu = match facts.eu {
        Eu::Yes => "yes",
        Eu::No => "no",
        Eu::Unknown => "-",
    };
    Ok(table(&[
        ("network", &network),
        ("country", &code(facts.country)),
        ("continent", &code(facts.continent)),
        ("eu", eu),
    ]))
}

fn run_check(path: &Path, json: bool) -> Result<String, Failure> {
    let database = open(path)?;
    database.verify().map_err(|error| refused(path, &error))?;
    let fields: Vec<&str> = Field::ALL
        .into_iter()
        .filter(|field| database.has_field(*field))
        .map(Field::name)
        .collect();
    let (epoch, nodes) = (database.build_epoch(), database.node_count());
    if json {
        let answer = json!({
            "type": database.database_type(),
            "build_epoch": epoch,
            "ip_version": database.ip_version(),
            "nodes": nodes,
            "fields": fields,
        });
        return Ok(format!("{answer:#}\n"));
    }
    Ok(table(&[
        ("type", database.database_type()),
        ("built", &date(epoch)),
        (
            "addresses",
            if database.ip_version() == 4 {
                "IPv4"
            } else {
                "IPv4 and IPv6"
            },
        ),
        ("nodes", &nodes.to_string()),
        (
            "fields",
            &if fields.is_empty() {
                "-".to_owned()
            } else {
                fields.join(" ")
            },
        ),
    ]))
}

fn open(path: &Path) -> Result<Database<Vec<u8>>, Failure> {
    Database::open(read(path)?).map_err(|error| refused(path, &error))
}

/// Seconds since 1970 as a date, or as they are when no calendar has it.
pub(crate) fn date(epoch: u64) -> String {
    let mut text = String::new();
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(epoch));
    match time.map(|time| write!(text, "{}", humantime::format_rfc3339_seconds(time))) {
        Some(Ok(())) => text,
        _ => epoch.to_string(),
    }
}

pub(crate) fn table(rows: &[(&str, &str)]) -> String {
    rows.iter()
        .map(|(name, value)| format!("{name:<10} {value}\n"))
        .collect()
}
