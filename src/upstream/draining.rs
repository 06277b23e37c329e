//! `drain_timeout`: the end of WebSockets, and of other upgraded connections, whose backend serves their host no more.

use super::memo::{Drained, last};
use crate::Gatehouse;
use crate::ending::{Ending, Goodbye, Noted};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::{Level, Request};
use gatehouse_table::route::{HOST_MAX, normalize};
use gatehouse_table::table::{BackendView, MAX_RECORD_WORDS, PeerId, RouteView, Table};
use std::cell::Cell;

/// Ends connections some time after their backend is drained or removed.
pub(super) const ENDING: Ending = Ending {
    in_use: |main| main.upstream.has_drain_timeout(),
    note,
    is_over: |r| {
        let is_over = is_over(r).unwrap_or(false);
        is_over.then_some(Goodbye::GoingAway)
    },
};

fn note(r: Request<'_>) -> Option<Noted<'_>> {
    let known = last(r)?;
    let table = known.table;
    table.drain_timeout_ms()?;
    let (_, route) = known.found.route?;
    let peer = PeerId::from_bits(r.backend_mark()?)?;
    let backend = route.backends().position(|one| one.peer() == peer)?;
    let mut buffer = [0; HOST_MAX];
    let key = normalize(known.lookup.key.eval(r)?, table.mode(), &mut buffer)?;
    // Usually they are the same, and nothing more is kept.
    let key = match route.key() {
        same if same == key => same,
        _ => r.concat(&[key])?,
    };
    let drained = Drained {
        known,
        key,
        seen: Cell::default(),
        since_ms: Cell::default(),
        backend: backend.try_into().ok()?,
    };
    let drained = &*r.place_in(known.piece, drained)?;
    r.local::<Gatehouse>()?.upstream.drained.set(Some(drained));
    Some(Noted { piece: known.piece })
}

/// Whether the request's connection is to end now.
fn is_over(r: Request<'_>) -> Option<bool> {
    let drained = r.local::<Gatehouse>()?.upstream.drained.get()?;
    let table = drained.known.table;
    let routes = table.routes();
    let routes = routes.as_ref()?;
    let generation = routes.generation();
    let now = process::now_ms();
    if drained.seen.replace(generation) != generation {
        let since = match serves(routes, drained) {
            Some(true) => 0,
            Some(false) if drained.since_ms.get() == 0 => now,
            Some(false) => drained.since_ms.get(),
            // It is being written to: next time.
            None => {
                drained.seen.set(0);
                drained.since_ms.get()
            }
        };
        drained.since_ms.set(since);
    }
    let since = drained.since_ms.get();
    let is_over = since != 0 && now.saturating_sub(since) >= table.drain_timeout_ms()?;
    if is_over {
        r.log(
            Level::Info,
            format_args!("upstream_lookup: drain_timeout is over, closing an upgraded connection"),
        );
    }
    Some(is_over)
}

/// Whether the connection's backend still serves its host; None: not known now.
fn serves(routes: &Table<'_>, drained: &Drained<'_>) -> Option<bool> {
    let (_, old) = drained.known.found.route?;
    let old = old.backend(drained.backend.into())?;
    let mut words = [0; MAX_RECORD_WORDS];
    let hit = routes.lookup(drained.key, &mut words).ok()?;
    Some(hit.is_some_and(|hit| has(&hit.route, &old)))
}

fn has(route: &RouteView<'_>, old: &BackendView<'_>) -> bool {
    let is_same = |new: &BackendView<'_>| {
        new.address == old.address && new.tls() == old.tls() && new.sni == old.sni
    };
    route.backends().any(|new| is_same(&new) && !new.drain)
}
