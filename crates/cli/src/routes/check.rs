//! Checks files of routes as nginx would, without one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use gatehouse_table::route::{FileReader, Host, Match, RouteError};
use gatehouse_table::table::{Demand, resolve};
use serde_json::json;

use super::words::Mode;
use crate::{Failure, Outcome, files};

/// What is wrong with a file.
struct Fault {
    message: String,
    pointer: String,
}

/// What files hold together.
#[derive(Default)]
struct Found {
    routes: usize,
    backends: usize,
    names: usize,
    demand: Demand,
    /// Which file has a key.
    keys: HashMap<Vec<u8>, usize>,
}

pub(super) fn check(paths: &[PathBuf], mode: Mode, as_json: bool) -> Result<Outcome, Failure> {
    let mut found = Found::default();
    for (number, path) in paths.iter().enumerate() {
        if let Err(fault) = read(path, number, paths, mode, &mut found)? {
            return Ok(refusal(path, &fault, as_json));
        }
    }
    let Found {
        routes,
        backends,
        names,
        demand,
        ..
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

fn refusal(path: &Path, fault: &Fault, as_json: bool) -> Outcome {
    let Fault { message, pointer } = fault;
    let text = if as_json {
        let file = path.display().to_string();
        let verdict = json!({"ok": false, "file": file, "message": message, "pointer": pointer});
        format!("{verdict}\n")
    } else if pointer.is_empty() {
        format!("{}: {message}\n", path.display())
    } else {
        format!("{}: {message} at {pointer}\n", path.display())
    };
    Outcome {
        refused: true,
        ..Outcome::done(text)
    }
}

fn read(
    path: &Path,
    number: usize,
    paths: &[PathBuf],
    mode: Mode,
    found: &mut Found,
) -> Result<Result<(), Fault>, Failure> {
    let bytes = files::read(path)?;
    let mode = match mode {
        Mode::Host => Match::Host,
        Mode::Exact => Match::Exact,
    };
    let mut reader = FileReader::new(mode);
    let read = reader.feed(&bytes, &mut |entry| {
        let pointer = entry.pointer.as_str();
        let key = entry.key.as_bytes().to_vec();
        if let Some(first) = found.keys.insert(key, number) {
            let first = paths.get(first).map(|path| path.display().to_string());
            let text = format!("key is in \"{}\", too", first.unwrap_or_default());
            return Err(RouteError::new(text, pointer));
        }
        let names = |host: &Host| matches!(host, Host::Name(_));
        let named = entry
            .route
            .backends
            .iter()
            .filter(|one| names(&one.host))
            .count();
        let more = |count: &mut usize, by: usize| *count = count.saturating_add(by);
        more(&mut found.routes, 1);
        more(&mut found.backends, entry.route.backends.len());
        more(&mut found.names, named);
        // Any address will do: which one a name has is not known here.
        let mut ask = |_: &str, port| Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))]);
        let route = resolve(&entry.key, &entry.route, &mut ask, &mut |_| {});
        let added = found.demand.add(&entry.key, &route);
        added.map_err(|error| RouteError::new(error.to_string(), pointer))
    });
    Ok(read
        .and_then(|()| reader.check_end())
        .map_err(|error| Fault {
            message: match error.position {
                Some(_) => error.to_string(),
                None => error.message,
            },
            pointer: error.pointer,
        }))
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
