//! `drain_timeout`: the end of WebSockets, and of other upgraded connections, whose backend serves their host no more.

use super::conf::Main;
use super::memo::{Drained, last};
use crate::Gatehouse;
use gatehouse_base::frames::{Frames, GOING_AWAY, GOING_AWAY_MASKED};
use gatehouse_nginx::event::timer::{self, Slot, Tick};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::chain::NextFilter;
use gatehouse_nginx::http::phase::HeaderFilter;
use gatehouse_nginx::http::upgraded::{self, Follow, To};
use gatehouse_nginx::{Level, Request};
use gatehouse_table::route::{HOST_MAX, normalize};
use gatehouse_table::table::{BackendView, MAX_RECORD_WORDS, PeerId, RouteView, Table};
use std::cell::Cell;

/// How often each connection is looked at.
const PAUSE_MS: u64 = 500;
/// So many are looked at in one turn of the loop.
const AT_ONCE: usize = 512;

impl Drained<'_> {
    fn frames(&self, to: To) -> &Cell<Frames> {
        match to {
            To::Client => &self.to_client,
            To::Backend => &self.to_backend,
        }
    }
}

impl Follow for Drained<'_> {
    fn passed(&self, to: To, bytes: &[u8]) {
        if self.is_websocket {
            let mut frames = self.frames(to).get();
            frames.pass(bytes);
            self.frames(to).set(frames);
        }
    }

    fn farewell(&self, to: To) -> Option<&'static [u8]> {
        let frames = self.frames(to).get();
        match to {
            _ if !self.is_websocket => Some(b""),
            _ if !frames.are_whole() => None,
            _ if frames.are_closed() => Some(b""),
            To::Client => Some(&GOING_AWAY),
            To::Backend => Some(&GOING_AWAY_MASKED),
        }
    }

    fn rest(&self, to: To, bytes: &[u8]) -> usize {
        match self.is_websocket {
            true => self.frames(to).get().rest(bytes),
            false => 0,
        }
    }
}

/// Notes connections that are upgraded.
pub(super) struct Noting;

impl HeaderFilter for Noting {
    fn next() -> &'static NextFilter {
        static NEXT: NextFilter = NextFilter::new();
        &NEXT
    }

    fn run(r: Request<'_>) {
        if r.status() == 101 {
            // Without memory it is not ended, as without a timeout.
            let _ = note(r);
        }
    }
}

fn note(r: Request<'_>) -> Option<()> {
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
    let is_websocket = r
        .header(b"upgrade")
        .is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
    let drained = Drained {
        known,
        key,
        seen: Cell::default(),
        since_ms: Cell::default(),
        to_client: Cell::default(),
        to_backend: Cell::default(),
        backend: backend.try_into().ok()?,
        is_websocket,
    };
    let drained = &*r.place_in(known.piece, drained)?;
    let local = &r.local::<Gatehouse>()?.upstream;
    local.drained.set(Some(drained));
    upgraded::watch(r, known.piece, drained)
}

/// Begins to look, in this worker.
pub(super) fn start(main: &Main) {
    if main.has_drain_timeout() {
        timer::start::<Ending>(PAUSE_MS);
    }
}

/// Ends those whose time is over.
struct Ending;

impl Tick for Ending {
    type Module = Gatehouse;
    const NAME: &'static str = "ending drained connections";

    fn slot() -> &'static Slot {
        static SLOT: Slot = Slot::new();
        &SLOT
    }

    fn tick() -> Option<u64> {
        let count = upgraded::look(AT_ONCE, |r| is_over(r).unwrap_or(false));
        let turns = count.div_ceil(AT_ONCE).max(1) as u64;
        Some(PAUSE_MS.checked_div(turns).unwrap_or(PAUSE_MS).max(1))
    }

    /// A worker that shuts down has nothing but these.
    fn leave() -> Option<u64> {
        Self::tick()
    }
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
