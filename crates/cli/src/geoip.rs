//! `gatehouse geoip make|lookup|check`.

mod conf;
mod database;
mod judge;
mod source;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use gatehouse_geo::make::Builder;
use gatehouse_geo::{Facts, Field, Lookup, Width};
use serde_json::json;

use crate::files::{read, refused, unusable};
use crate::{Failure, Outcome};
use database::{known, open};
use source::{Convert, from_csv, from_json};

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a database from CSV or JSON; one without networks is refused.
    ///
    /// CSV lines are network,country,continent,eu and maybe city (eu: yes, no or empty). A first line that begins with
    /// the word "network" is a heading: it names the columns, in any order, and there may be registered_country,
    /// subdivision (US-CA), city_id (of GeoNames), asn, as_name and anonymous (vpn proxy hosting tor any), too.
    /// JSON is one object of networks and their records.
    Make(Make),
    /// Show what databases have for an address; exit code 1 when they have nothing.
    ///
    /// With several databases a field is that of the first one that has it.
    Lookup {
        /// The address; a database may stand in front of it.
        #[arg(required = true, num_args = 1..=2, value_names = ["ADDRESS"])]
        words: Vec<String>,
        /// A database file; may be repeated.
        #[arg(long, value_name = "FILE")]
        db: Vec<PathBuf>,
        /// Print the whole record as JSON; of several databases, each one's.
        #[arg(long)]
        json: bool,
    },
    /// Read a database from end to end; exit code 1 when anything in it is wrong. With an address: say which rule of
    /// an nginx configuration decides about it.
    ///
    /// Every server or location with rules gets a line, and below it what cannot be known without a request.
    Check {
        /// The database file, or the configuration.
        file: PathBuf,
        /// The client's address, for a configuration.
        address: Option<IpAddr>,
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
    /// Bits of a record in the search tree: 24, 28 or 32; the smallest that does when not given.
    #[arg(long, value_name = "BITS", value_parser = ["24", "28", "32"])]
    record_size: Option<String>,
    /// 4 for a database of IPv4 networks only.
    #[arg(long, value_name = "VERSION", value_parser = ["4", "6"], default_value = "6")]
    ip_version: String,
}

/// Does what is asked.
pub(crate) fn run(command: &Command) -> Result<Outcome, Failure> {
    let text = match command {
        Command::Make(make) => return run_make(make),
        Command::Lookup { words, db, json } => run_lookup(words, db, *json),
        Command::Check {
            file,
            address: Some(address),
            json,
        } => judge::run(file, *address, *json),
        Command::Check { file, json, .. } => run_check(file, *json),
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
    if fs::canonicalize(&make.source).is_ok_and(|source| source == out) {
        let text = format!(
            "{} is the file that the database is made from",
            make.out.display()
        );
        return Err(Failure::Wrong(text));
    }
    let text = String::from_utf8(read(&make.source)?)
        .map_err(|_| refused(&make.source, &"it is not UTF-8"))?;
    let mut builder = Builder::new(&make.database_type, epoch);
    if make.ip_version == "4" {
        builder.ipv4_only();
    }
    match make.record_size.as_deref() {
        Some("24") => builder.width(Width::W24),
        Some("28") => builder.width(Width::W28),
        Some("32") => builder.width(Width::W32),
        _ => {}
    }
    let made = convert(&text, builder).map_err(|error| refused(&make.source, &error))?;
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

fn run_lookup(words: &[String], db: &[PathBuf], json: bool) -> Result<String, Failure> {
    let (first, address) = match words {
        [address] => (None, address),
        [database, address] => (Some(PathBuf::from(database)), address),
        _ => return Err(Failure::Wrong("an address is missing".to_owned())),
    };
    let wrong = |_| Failure::Wrong(format!("\"{address}\" is no IP address"));
    let address: IpAddr = address.parse().map_err(wrong)?;
    let paths: Vec<&PathBuf> = first.iter().chain(db).collect();
    if paths.is_empty() {
        return Err(Failure::Wrong("name a database: --db FILE".to_owned()));
    }
    let mut found = Vec::new();
    let mut facts = Facts::UNKNOWN;
    for path in &paths {
        let database = open(path)?;
        match database.lookup(address) {
            Lookup::Found(offset) => {
                let network = database.network(address);
                let (network, length) = network.map_err(|error| refused(path, &error))?;
                facts = facts.or(database.facts(offset));
                let record = database.record(offset);
                let record = record.ok_or_else(|| refused(path, &"the record is damaged"))?;
                found.push((path, format!("{network}/{length}"), record));
            }
            Lookup::NotFound => {}
            Lookup::Broken => return Err(refused(path, &"the search tree is damaged")),
        }
    }
    let [(_, network, record), ..] = found.as_slice() else {
        let nothing = format!("nothing about {address}");
        return Err(match paths.as_slice() {
            [one] => refused(one, &nothing),
            _ => Failure::Refused(nothing),
        });
    };
    if json && paths.len() == 1 {
        let answer = json!({"address": address, "network": network, "record": record});
        return Ok(format!("{answer:#}\n"));
    }
    if json {
        let each = found.iter().map(|(path, network, record)| {
            json!({"database": path, "network": network, "record": record})
        });
        let each: Vec<_> = each.collect();
        let answer = json!({"address": address, "known": known(&facts), "databases": each});
        return Ok(format!("{answer:#}\n"));
    }
    Ok(shown(network, &facts))
}

/// What is known, for people: the commonest fields also where they are not.
fn shown(network: &str, facts: &Facts) -> String {
    let known = known(facts);
    let mut rows = vec![("network", network)];
    for name in ["country", "continent", "eu"] {
        rows.push((name, known.get(name).map_or("-", String::as_str)));
    }
    for (name, value) in &known {
        if rows.iter().all(|(shown, _)| shown != name) {
            rows.push((name, value));
        }
    }
    table(&rows)
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
