//! One `upstream_table`: its block, its zone, its feeder.

use crate::Gatehouse;
use crate::words::{duplicate, http_status};
use gatehouse_base::words;
use gatehouse_live::nginx::{Process, Reading};
use gatehouse_live::table::{Feed, Hosts, Plan, RouteFeeder, RouteFile, SharedTable};
use gatehouse_nginx::shm::ZoneState;
use gatehouse_nginx::{Conf, Error, Level, Zone};
use gatehouse_table::route::Match;
use gatehouse_table::table::{Passive, Table};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// A table as requests use it.
pub(super) struct UpstreamTable {
    shared: Rc<SharedTable<Zone>>,
    miss: u16,
    passive: Passive,
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

/// How often a file is looked at unless the line says otherwise.
const RELOAD_MS: u64 = 1_000;

/// Reads an `upstream_table` block.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let name = cf.words()?.pop().unwrap_or_default();
    let place = cf.here();
    if cf
        .main()
        .upstream
        .tables
        .iter()
        .any(|table| table.name() == name)
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
    let feed = Rc::new(RefCell::new(Feed::new(block.file.as_ref())));
    let plan = Plan {
        name: name.clone(),
        mode,
        file: block.file.clone(),
    };
    let zone = prepared_zone(cf, size, plan, Rc::clone(&feed))?;
    let shared = Rc::new(SharedTable::new(name, zone, mode));
    let feeder = RouteFeeder::new(Rc::clone(&shared), block.file, feed, Rc::new(Process));
    let seat = Rc::clone(&shared);
    let main = cf.main();
    main.feeds
        .change(|scheduler| scheduler.add(seat, vec![Box::new(feeder)]));
    main.upstream.tables.push(UpstreamTable {
        shared,
        miss: block.miss.unwrap_or(404),
        passive: block.passive.unwrap_or_default(),
    });
    Ok(())
}

/// The table's zone; the master fills it, or leaves in `feed` what workers are to bring it to.
fn prepared_zone(
    cf: &Conf<'_, Gatehouse>,
    size: usize,
    plan: Plan,
    feed: Rc<RefCell<Feed>>,
) -> Result<Zone, Error> {
    let name = format!("upstream_table {}", plan.name);
    cf.zone(&name, size, move |zone, state| {
        let is_new = state == ZoneState::New;
        let mut feed = feed.borrow_mut();
        let prepared = plan.prepare(zone, is_new, &Reading(zone), &mut feed);
        prepared.map_err(|e| format!("upstream_table \"{}\": {e}", plan.name))
    })
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
    pub(super) fn name(&self) -> &str {
        self.shared.name()
    }

    /// What answers a miss.
    pub(super) fn miss(&self) -> u16 {
        self.miss
    }

    /// When backends are left out.
    pub(super) fn passive(&self) -> &Passive {
        &self.passive
    }

    /// How keys are compared.
    pub(super) fn mode(&self) -> Match {
        self.shared.mode()
    }

    /// The table itself.
    pub(super) fn routes(&self) -> Option<Table<'_, AtomicU64>> {
        self.shared.routes()
    }
}
