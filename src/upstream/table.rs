//! One `upstream_table`: its block, its zone, its first filling.

use super::feed::Feed;
use super::hosts::Hosts;
use crate::Gatehouse;
use gatehouse_core::route::{FileReader, Match, RouteError};
use gatehouse_core::table::{Change, HashKey, LayoutError, Owner, Passive, Table};
use gatehouse_core::token::parse_http_status;
use gatehouse_nginx::shm::Birth;
use gatehouse_nginx::{Conf, Error, Zone, files, process};
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

/// A table as requests and feeders use it.
pub struct UpstreamTable {
    name: String,
    zone: Zone,
    mode: Match,
    miss: u16,
    passive: Passive,
    /// The file it follows.
    pub(super) file: Option<RouteFile>,
    /// Raised by every configuration the master takes into use: a newer feeder goes before an older one.
    pub(super) generation: u16,
    /// In the worker that feeds the table: how far it has come.
    pub(super) feed: RefCell<Feed>,
    /// What the master read at a reload: workers apply it, also where they may not read the file.
    pub(super) handed: Handed,
    /// What the table's hash is keyed with, remembered.
    hash_key: Cell<Option<HashKey>>,
}

/// The file's bytes, on their way from the zone's preparation to the worker that feeds the table.
type Handed = Rc<RefCell<Option<Vec<u8>>>>;

/// `file path [reload=time]`
#[derive(Clone)]
pub struct RouteFile {
    pub path: PathBuf,
    pub reload_ms: u64,
    /// Addresses of host names, as resolved by the master.
    pub hosts: Rc<RefCell<Hosts>>,
}

/// The lines of a block.
#[derive(Default)]
struct Block {
    size: Option<usize>,
    mode: Option<Match>,
    miss: Option<u16>,
    passive: Option<Passive>,
    file: Option<RouteFile>,
}

static GENERATION: AtomicU16 = AtomicU16::new(0);

/// How often a file is looked at unless the line says otherwise.
const RELOAD_MS: u64 = 1_000;

/// Reads an `upstream_table` block.
pub fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.words()?.pop().unwrap_or_default();
    let place = cf.here();
    if cf
        .main()
        .upstream
        .tables
        .iter()
        .any(|table| table.name == name)
    {
        return Err(Error::new(format!("duplicate upstream_table \"{name}\"")));
    }
    let mut block = Block::default();
    cf.block(&mut block, line)?;
    let size = block
        .size
        .ok_or_else(|| Error::at(&place, format!("upstream_table \"{name}\" has no \"zone\"")))?;
    let mode = block.mode.unwrap_or(Match::Host);
    let handed = Handed::default();
    let (file, shown, for_workers) = (block.file.clone(), name.clone(), Rc::clone(&handed));
    let zone = cf.zone(
        &format!("upstream_table {name}"),
        size,
        move |zone, birth| {
            let kept = prepare(zone, birth, mode, file.as_ref())
                .map_err(|e| format!("upstream_table \"{shown}\": {e}"))?;
            *for_workers.borrow_mut() = kept;
            Ok(())
        },
    )?;
    let table = UpstreamTable {
        name,
        zone,
        mode,
        miss: block.miss.unwrap_or(404),
        passive: block.passive.unwrap_or_default(),
        file: block.file,
        generation: GENERATION.fetch_add(1, Ordering::Relaxed),
        feed: RefCell::default(),
        hash_key: Cell::new(None),
        handed,
    };
    cf.main().upstream.tables.push(table);
    Ok(())
}

fn line(cf: &mut Conf<'_, Gatehouse>, block: &mut Block) -> Result<(), Error> {
    let words = cf.words()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wrong = || {
        Error::new(format!(
            "invalid number of arguments in \"{}\" directive",
            cf.name()
        ))
    };
    let twice = match words.as_slice() {
        ["zone", size] => block.size.replace(cf.size(size)?).is_some(),
        ["match", "host"] => block.mode.replace(Match::Host).is_some(),
        ["match", "exact"] => block.mode.replace(Match::Exact).is_some(),
        ["match", other] => return Err(cf.invalid(other)),
        ["miss", status] => {
            let status = parse_http_status(status).ok_or_else(|| cf.invalid(status))?;
            block.miss.replace(status).is_some()
        }
        ["passive", rest @ ..] if !rest.is_empty() => {
            block.passive.replace(passive(cf, rest)?).is_some()
        }
        ["file", path] => block.file.replace(route_file(cf, path, None)?).is_some(),
        ["file", path, reload] => block
            .file
            .replace(route_file(cf, path, Some(reload))?)
            .is_some(),
        ["zone" | "match" | "miss" | "passive" | "file", ..] => return Err(wrong()),
        _ => return Err(cf.unknown("upstream_table")),
    };
    if twice {
        Err(cf.error("is duplicate"))
    } else {
        Ok(())
    }
}

fn passive(cf: &Conf<'_, Gatehouse>, words: &[&str]) -> Result<Passive, Error> {
    let mut passive = Passive::default();
    for word in words {
        match word.split_once('=') {
            Some(("fails", n)) => passive.fails = n.parse().map_err(|_| cf.invalid(n))?,
            Some(("window", time)) => passive.window_ms = cf.milliseconds(time)?,
            _ => return Err(Error::new(format!("invalid parameter \"{word}\""))),
        }
    }
    Ok(passive)
}

fn route_file(
    cf: &Conf<'_, Gatehouse>,
    path: &str,
    reload: Option<&str>,
) -> Result<RouteFile, Error> {
    let reload_ms = match reload.map(|word| word.strip_prefix("reload=").ok_or(word)) {
        None => RELOAD_MS,
        Some(Ok(time)) => cf.milliseconds(time)?,
        Some(Err(word)) => return Err(Error::new(format!("invalid parameter \"{word}\""))),
    };
    Ok(RouteFile {
        path: cf.path(path)?,
        reload_ms,
        hosts: Rc::default(),
    })
}

/// Makes the table in a new zone and fills it, or checks that a kept zone's table is ours; the
/// file must be good either way. Gives the bytes that workers are to apply to a kept table, empty or
/// not: not before the reload has succeeded. Runs in the master, before the new workers exist.
fn prepare(
    zone: &Zone,
    birth: Birth,
    mode: Match,
    file: Option<&RouteFile>,
) -> Result<Option<Vec<u8>>, String> {
    let words = zone.words().ok_or("no memory")?;
    let (table, kept) = match (birth, Table::attach(words)) {
        (Birth::Reused, Ok(table)) if table.mode() != mode => {
            return Err("\"match\" cannot change while the table is in use, restart nginx or name another table".into());
        }
        (Birth::Reused, Ok(table)) => (table, true),
        // A zone of another build's layout cannot be read; its routes come from the file again.
        (Birth::Fresh, _)
        | (
            Birth::Reused,
            Err(LayoutError::NoTable | LayoutError::OtherVersion(_) | LayoutError::OtherSize),
        ) => {
            let key = RandomState::new().hash_one(process::pid());
            let table = Table::format(words, mode, key).map_err(|e| e.to_string())?;
            (table, false)
        }
    };
    let Some(file) = file else {
        // What an earlier file brought goes.
        let used = table.stats().routes > 0;
        return Ok(used.then(|| b"{}".to_vec()));
    };
    let said = |e| format!("file \"{}\": {e}", file.path.display());
    let bytes = read_file(&file.path).map_err(said)?;
    // Without the lock: nobody else knows a new table, and names are resolved as slowly as they like.
    let new = (!kept).then_some(&table);
    read_all(new, &bytes, file, mode).map_err(said)?;
    Ok(kept.then_some(bytes))
}

/// Reads a whole file, into the table if there is one.
fn read_all(
    table: Option<&Table<'_, AtomicU64>>,
    bytes: &[u8],
    file: &RouteFile,
    mode: Match,
) -> Result<(), String> {
    let mut reader = FileReader::new(mode);
    let writer = table.map(|table| table.writer(process::now_ms()));
    let mut writer = writer.transpose().map_err(|e| e.to_string())?;
    let mut hosts = file.hosts.borrow_mut();
    let refuse = |text: String, pointer: &str| RouteError {
        message: text,
        pointer: pointer.to_owned(),
        position: None,
    };
    reader
        .feed(bytes, &mut |entry| {
            let route = entry
                .route
                .resolve(&mut |name, port| hosts.ask_system(name, port));
            let route = route.map_err(|e| e.below(&entry.pointer))?;
            if let Some(writer) = &mut writer {
                let change = Change::Put {
                    key: &entry.key,
                    route: &route,
                    owner: Owner::File,
                };
                writer
                    .apply(&change)
                    .map_err(|e| refuse(e.to_string(), &entry.pointer))?;
            }
            Ok(())
        })
        .and_then(|()| reader.finish())
        .map(|_| ())
        .map_err(|e| e.to_string())
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    files::read(path).map_err(|e| format!("cannot be read ({e})"))
}

impl UpstreamTable {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What answers a miss.
    pub fn miss(&self) -> u16 {
        self.miss
    }

    /// When backends are left out.
    pub fn passive(&self) -> &Passive {
        &self.passive
    }

    /// How keys are compared.
    pub fn mode(&self) -> Match {
        self.mode
    }

    /// The memory, for the feeder's lock.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The table itself.
    pub fn routes(&self) -> Option<Table<'_, AtomicU64>> {
        let known = self.hash_key.get();
        let table = Table::attach_with(self.zone.words()?, known).ok()?;
        if known.is_none() {
            self.hash_key.set(Some(table.hash_key()));
        }
        Some(table)
    }
}
