//! `gatehouse geoip make|lookup|check`.

mod source;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use gatehouse_geo::{Database, Eu, Field, Lookup};
use serde_json::json;

use crate::files::{read, refused, unusable};
use crate::{Failure, Outcome};
use source::{Convert, from_csv, from_json};

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
    /// The database to write, a regular file or a link to one; replaced at once, never in parts.
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
        Command::Make(make) => return run_make(make),
        Command::Lookup {
            database,
            address,
            json,
        } => run_lookup(database, *address, *json),
        Command::Check { database, json } => run_check(database, *json),
    };
    text.map(Outcome::done)
}

fn run_make(make: &Make) -> Result<Outcome, Failure> {
    let epoch = make.epoch.unwrap_or_else(now);
    let extension = make
        .source
        .extension()
        .and_then(|extension| extension.to_str());
    let convert: Convert = match extension {
        Some("json") => from_json,
        Some("csv") => from_csv,
        _ => {
            return Err(Failure::Wrong(format!(
                "{} is neither .csv nor .json",
                make.source.display()
            )));
        }
    };
    let out = destination(&make.out)?;
    let text = String::from_utf8(read(&make.source)?)
        .map_err(|_| refused(&make.source, &"it is not UTF-8"))?;
    let made = convert(&text, &make.database_type, epoch)
        .map_err(|error| refused(&make.source, &error))?;
    replace(&out, &made.bytes).map_err(|error| unusable(&make.out, &error))?;
    let doubts = made.doubts.iter();
    let doubts = doubts.map(|doubt| format!("{}: {doubt}", make.source.display()));
    Ok(Outcome::done(String::new()).with_warnings(doubts))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The file to replace, behind symbolic links; it need not be there yet.
///
/// # Errors
/// Nothing but a regular file may be replaced: a device would be gone.
fn destination(out: &Path) -> Result<PathBuf, Failure> {
    match fs::metadata(out) {
        Ok(found) if found.is_file() => fs::canonicalize(out),
        Ok(_) => {
            let text = format!("{} is not a regular file", out.display());
            return Err(Failure::Wrong(text));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(end_of_links(out)),
        Err(error) => Err(error),
    }
    .map_err(|error| unusable(out, &error))
}

/// Where links lead that end at nothing.
fn end_of_links(out: &Path) -> PathBuf {
    // More than the system follows itself.
    const MOST: usize = 64;
    let next = |link: &PathBuf| {
        let target = fs::read_link(link).ok()?;
        Some(link.parent()?.join(target))
    };
    let links = std::iter::successors(Some(out.to_owned()), next);
    links.take(MOST).last().unwrap_or_default()
}

/// Writes beside the file and renames, so that nobody ever reads half of it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    // A file or link of that name is somebody else's.
    let mut file = File::create_new(&new)?;
    let written = file.write_all(bytes);
    let done = written.and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
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
