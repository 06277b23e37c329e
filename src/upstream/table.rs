//! One `upstream_table`: its block, its zone, its first filling.

use super::feed::Feed;
use super::fill::Plan;
use super::hosts::Hosts;
use crate::Gatehouse;
use crate::words::{duplicate, http_status};
use gatehouse_base::words;
use gatehouse_nginx::{Conf, Error, Level, Zone};
use gatehouse_table::route::Match;
use gatehouse_table::table::{HashKey, Passive, Table};
use std::cell::{Cell, RefCell};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
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
    /// How far its feeding has come: begun by the master, gone on with by the worker that feeds the table.
    pub(super) feed: Rc<RefCell<Feed>>,
    /// What the table's hash is keyed with, remembered.
    hash_key: Cell<Option<HashKey>>,
}

/// `file path [reload=time]`
#[derive(Clone)]
pub struct RouteFile {
    pub path: PathBuf,
    pub reload_ms: u64,
    /// Addresses of host names, as resolved by the master.
    pub hosts: Rc<RefCell<Hosts>>,
}

impl RouteFile {
    /// Its name, as messages have it.
    pub fn shown(&self) -> String {
        format!("file \"{}\"", self.path.display())
    }

    /// Its name, as the table notes what it was fed from.
    pub fn source(&self) -> &[u8] {
        self.path.as_os_str().as_bytes()
    }
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
    if block.file.is_none() {
        let text = format!("upstream_table \"{name}\" has no \"file\" and stays empty");
        cf.log_at(&place, Level::Warn, &text);
    }
    let mode = block.mode.unwrap_or(Match::Host);
    let plan = Plan {
        name: name.clone(),
        mode,
        file: block.file.clone(),
    };
    let feed = Rc::<RefCell<Feed>>::default();
    let begun = Rc::clone(&feed);
    let zone = cf.zone(
        &format!("upstream_table {name}"),
        size,
        move |zone, state| {
            let prepared = plan.prepare(zone, state, &mut begun.borrow_mut());
            prepared.map_err(|e| format!("upstream_table \"{}\": {e}", plan.name))
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
        feed,
        hash_key: Cell::new(None),
    };
    cf.main().upstream.tables.push(table);
    Ok(())
}

fn line(cf: &mut Conf<'_, Gatehouse>, block: &mut Block) -> Result<(), Error> {
    let words = cf.words()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let twice = match words.as_slice() {
        ["zone", size] => block.size.replace(cf.size(size)?).is_some(),
        ["match", "host"] => block.mode.replace(Match::Host).is_some(),
        ["match", "exact"] => block.mode.replace(Match::Exact).is_some(),
        ["match", other] => {
            return Err(words::invalid(other, "match", ["host", "exact"]).into());
        }
        ["miss", status] => {
            let status = http_status(cf, status)?;
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
        ["zone" | "match" | "miss" | "passive" | "file", ..] => return Err(cf.wrong_arguments()),
        _ => return Err(cf.unknown("upstream_table")),
    };
    if twice {
        Err(cf.error("is duplicate"))
    } else {
        Ok(())
    }
}

fn passive(cf: &Conf<'_, Gatehouse>, words: &[&str]) -> Result<Passive, Error> {
    let (mut fails, mut window_ms) = (None, None);
    for word in words {
        let twice = match word.split_once('=') {
            Some(("fails", n)) => fails
                .replace(n.parse().map_err(|_| cf.invalid(word))?)
                .is_some(),
            Some(("window", time)) => window_ms
                .replace(cf.milliseconds(time).map_err(|_| cf.invalid(word))?)
                .is_some(),
            _ => return Err(cf.invalid_parameter(word)),
        };
        if twice {
            return Err(duplicate(cf, word));
        }
    }
    let usual = Passive::default();
    Ok(Passive {
        fails: fails.unwrap_or(usual.fails),
        window_ms: window_ms.unwrap_or(usual.window_ms),
    })
}

fn route_file(
    cf: &mut Conf<'_, Gatehouse>,
    path: &str,
    reload: Option<&str>,
) -> Result<RouteFile, Error> {
    if path.is_empty() {
        return Err(cf.invalid(path));
    }
    let reload_ms = match reload.map(|word| (word, word.strip_prefix("reload="))) {
        None => RELOAD_MS,
        Some((word, Some(time))) => cf.milliseconds(time).map_err(|_| cf.invalid(word))?,
        Some((word, None)) => return Err(cf.invalid_parameter(word)),
    };
    Ok(RouteFile {
        path: cf.path(path)?,
        reload_ms,
        hosts: Rc::clone(
            cf.main()
                .upstream
                .hosts
                .get_or_insert_with(|| Rc::new(RefCell::new(Hosts::of_new_configuration()))),
        ),
    })
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
