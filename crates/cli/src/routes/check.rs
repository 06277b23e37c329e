//! Checks files of routes as nginx would, without one.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gatehouse_table::route::{Entry, FileReader, Host, Imprinter, Match, RouteError, Sought};
use gatehouse_table::table::{Demand, resolve};
use serde_json::json;

use crate::{Failure, Outcome, files};

/// The `match` of a table.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    Host,
    Exact,
}

/// What files hold together.
#[derive(Default)]
struct Found {
    routes: usize,
    backends: usize,
    names: usize,
    demand: Demand,
}

pub(super) fn check(paths: &[PathBuf], mode: Mode, as_json: bool) -> Result<Outcome, Failure> {
    let mut found = Found::default();
    let mut reader = FileReader::new(match mode {
        Mode::Host => Match::Host,
        Mode::Exact => Match::Exact,
    });
    for path in paths {
        let bytes = files::read(path)?;
        let read = reader.feed(&bytes, &mut |entry| found.add(&entry));
        if let Err(error) = read.and_then(|()| reader.next_file()) {
            let other = error.also_in.and_then(|number| paths.get(number as usize));
            return Ok(refusal(path, &error, other, as_json));
        }
    }
    let Found {
        routes,
        backends,
        names,
        demand,
    } = found;
    let kib = zone(&demand) / 1024;
    let text = if as_json {
        let verdict = json!({"ok": true, "routes": routes, "backends": backends, "names": names, "zone": format!("{kib}k")});
        format!("{verdict}\n")
    } else {
        format!(
            "ok: {routes} routes, {backends} backends, {names} of them by name; \"zone {kib}k;\" holds them\n"
        )
    };
    Ok(Outcome::done(text))
}

fn refusal(path: &Path, error: &RouteError, other: Option<&PathBuf>, as_json: bool) -> Outcome {
    let has_it = |other: &PathBuf| format!(", file \"{}\" has it too", other.display());
    let also = other.map(has_it).unwrap_or_default();
    let text = if as_json {
        let message = match error.position {
            Some(_) => error.to_string(),
            None => format!("{}{also}", error.message),
        };
        let file = path.display().to_string();
        let pointer = &error.pointer;
        let verdict = json!({"ok": false, "file": file, "message": message, "pointer": pointer});
        format!("{verdict}\n")
    } else {
        format!("{}: {error}{also}\n", path.display())
    };
    Outcome {
        refused: true,
        ..Outcome::done(text)
    }
}

impl Found {
    fn add(&mut self, entry: &Entry) -> Result<(), RouteError> {
        let backends = &entry.route.backends;
        let named = backends
            .iter()
            .filter(|one| matches!(one.host, Host::Name(_)));
        self.names = self.names.saturating_add(named.count());
        self.backends = self.backends.saturating_add(backends.len());
        self.routes = self.routes.saturating_add(1);
        // Any address will do: which one a name has is not known here.
        let mut ask = |_: Sought<'_>| Ok(vec![IpAddr::from([192, 0, 2, 1]).into()]);
        let route = resolve(&entry.key, &entry.route, &mut ask, &mut |_| {});
        // The hash of its text takes room, whatever it is.
        let route = route.read_from(Imprinter::default().of(b""));
        let added = self.demand.add(&entry.key, &route);
        added.map_err(|error| RouteError::new(error.to_string(), entry.pointer.as_str()))
    }
}

/// Bytes of the smallest zone, in whole pages: nginx keeps a part of it for itself.
fn zone(demand: &Demand) -> usize {
    const PAGE: usize = 4096;
    const OWN: usize = 2 * PAGE;
    let bytes = demand.bytes();
    // A note of nginx's for each page.
    let notes = bytes.div_ceil(PAGE).saturating_mul(24);
    let all = bytes.saturating_add(notes).saturating_add(OWN);
    all.div_ceil(PAGE).saturating_mul(PAGE)
}
