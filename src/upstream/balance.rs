//! Looking up a request's route and choosing among its backends.

use super::Use;
use crate::{Gatehouse, Srv};
use gatehouse_core::route::{Address, HOST_MAX, normalize};
use gatehouse_core::table::{
    BackendView, LookupError, LookupKind, MAX_RECORD_WORDS, PeerId, RouteView, Selection,
};
use gatehouse_nginx::upstream::{Address as Socket, Balancer, Chosen, Init, Slot};
use gatehouse_nginx::{Expression, Level, Request, process};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One `upstream_lookup`.
pub struct Lookup {
    table: Rc<Use>,
    key: Expression,
    slot: Slot,
}

impl Lookup {
    pub fn new(table: Rc<Use>, key: Expression) -> Self {
        Self {
            table,
            key,
            slot: Slot::default(),
        }
    }

    pub fn slot(&self) -> &Slot {
        &self.slot
    }
}

/// What a request's lookup found.
#[derive(Clone, Copy)]
pub struct Found<'r> {
    /// The rule and the route; None is a miss.
    pub route: Option<(LookupKind, RouteView<'r>)>,
    /// The key as the request has it.
    pub key: &'r [u8],
}

/// Words of a record that fit most routes.
const USUAL_WORDS: usize = 48;

/// Finds the route of `key`. None: memory is short or the table is broken.
pub fn find<'r>(r: Request<'r>, table: &super::UpstreamTable, key: &'r [u8]) -> Option<Found<'r>> {
    let routes = table.routes()?;
    let mut buffer = [0; HOST_MAX];
    let Some(normal) = normalize(key, table.mode(), &mut buffer) else {
        return Some(Found { route: None, key });
    };
    let mut words = r.words(USUAL_WORDS)?;
    // A record that grows between two attempts asks again; it has a largest size.
    for _ in 0..3 {
        let needed = match routes.lookup(normal, words) {
            Ok(hit) => {
                let route = hit.map(|hit| (hit.kind, hit.route));
                return Some(Found { route, key });
            }
            Err(LookupError::BufferTooSmall(needed)) => needed.min(MAX_RECORD_WORDS),
            Err(LookupError::Busy) => return None,
        };
        words = r.words(needed)?;
    }
    None
}

/// The request's lookup, done by whoever needs it first.
pub fn look_up<'r>(r: Request<'r>, lookup: &'r Lookup) -> Option<&'r Found<'r>> {
    let known = &r.local::<Gatehouse>()?.upstream.found;
    if let Some(found) = known.get() {
        return Some(found);
    }
    let table = r.main_conf::<Gatehouse>().upstream.table(&lookup.table)?;
    let found: &'r Found<'r> = r.place(find(r, table, lookup.key.eval(r)?)?)?;
    known.set(Some(found));
    Some(found)
}

/// Smooth weighted round robin over the backends of a route.
pub struct RoundRobin;

/// A request's choices.
pub struct Choices<'r> {
    lookup: &'r Lookup,
    route: RouteView<'r>,
    selection: Selection,
    current: Option<PeerId>,
}

impl Balancer for RoundRobin {
    type Module = Gatehouse;
    type State<'r> = Choices<'r>;

    fn slot(srv: &Srv) -> Option<&Slot> {
        srv.upstream.lookup.as_ref().map(|lookup| &lookup.slot)
    }

    fn init<'r>(r: Request<'r>, srv: &'r Srv, tls: bool) -> Init<Choices<'r>> {
        let Some(lookup) = srv.upstream.lookup.as_deref() else {
            return Init::Failed;
        };
        let Some(found) = look_up(r, lookup) else {
            return Init::Failed;
        };
        // Also for a miss: an answer of the block's `server` lines must not serve another host.
        guard_cache(r, found.key);
        let Some((_, route)) = found.route else {
            return miss(r, lookup);
        };
        let selection = Selection::new(&route, tls);
        if selection.tries() == 0 && !tls && route.backends().any(|backend| backend.tls()) {
            let key = String::from_utf8_lossy(route.key());
            r.log(
                Level::Error,
                &format!("upstream_lookup: the backends of \"{key}\" need \"proxy_pass https://\""),
            );
        }
        let tries = selection.tries().max(1);
        Init::Serve {
            state: Choices {
                lookup,
                route,
                selection,
                current: None,
            },
            tries,
        }
    }

    fn get<'r>(r: Request<'r>, state: &mut Choices<'r>) -> Option<Chosen<'r>> {
        let table = r
            .main_conf::<Gatehouse>()
            .upstream
            .table(&state.lookup.table)?;
        let routes = table.routes()?;
        state.current = None;
        let index =
            state
                .selection
                .next(&routes, &state.route, process::now_ms(), table.passive())?;
        let backend = state.route.backend(index)?;
        state.current = Some(backend.peer());
        chosen(r, &backend)
    }

    fn free<'r>(r: Request<'r>, state: &mut Choices<'r>, failed: bool) {
        let Some(table) = r
            .main_conf::<Gatehouse>()
            .upstream
            .table(&state.lookup.table)
        else {
            return;
        };
        let Some(routes) = table.routes() else { return };
        let Some(peer) = state.current.take().and_then(|id| routes.peer(id)) else {
            return;
        };
        if !failed {
            peer.succeeded();
        } else if peer.failed(process::now_ms(), table.passive()) && !state.selection.single() {
            r.log(Level::Warn, "upstream server temporarily disabled");
        }
    }
}

fn miss<S>(r: Request<'_>, lookup: &Lookup) -> Init<S> {
    if lookup.slot.has_servers() {
        return Init::Fallback;
    }
    match r.main_conf::<Gatehouse>().upstream.table(&lookup.table) {
        Some(table) => Init::Finish(table.miss()),
        None => Init::Failed,
    }
}

fn chosen<'r>(r: Request<'r>, backend: &BackendView<'r>) -> Option<Chosen<'r>> {
    let tls = if backend.tls() {
        Some(tls_name(r, backend)?)
    } else {
        None
    };
    let address = match backend.address {
        Address::Ip(address) => Socket::Inet(address),
        Address::Unix(path) => Socket::Unix(path.as_bytes()),
    };
    Some(Chosen {
        address,
        name: backend.address.write_to(r.alloc(LONGEST)?)?,
        tls,
    })
}

/// The name for SNI and verification: the backend's own, never the `upstream` block's. nginx
/// sends no SNI for an address.
fn tls_name<'r>(r: Request<'r>, backend: &BackendView<'r>) -> Option<&'r [u8]> {
    match (backend.sni, backend.address) {
        (Some(name), _) => Some(name.as_bytes()),
        (None, Address::Ip(SocketAddr::V4(v4))) => r.text(v4.ip(), LONGEST),
        // nginx takes what follows a colon outside of brackets for a port.
        (None, Address::Ip(SocketAddr::V6(v6))) => r.text(&format_args!("[{}]", v6.ip()), LONGEST),
        (None, Address::Unix(_)) => Some(b""),
    }
}

/// Bytes that hold any address: the longest is a unix socket's path of 108 bytes.
const LONGEST: usize = 128;

/// One `upstream` serves every host, so nginx's cache key must tell them apart. When the key of
/// this request does not contain the lookup key outside of what the client chose freely, the
/// answer is not stored.
fn guard_cache(r: Request<'_>, key: &[u8]) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let Some(parts) = r.cache_key() else { return };
    if names_key(r, parts, key) {
        return;
    }
    r.do_not_cache();
    if !WARNED.swap(true, Ordering::Relaxed) {
        r.log(
            Level::Warn,
            "answers are not cached: \"proxy_cache_key\" must contain the key of \"upstream_lookup\", the upstream's name is the same for every host",
        );
    }
}

/// Whether the cache key has the lookup key more often than the path and arguments bring it in.
fn names_key<'r>(r: Request<'r>, parts: impl Iterator<Item = &'r [u8]>, key: &[u8]) -> bool {
    let parts: Vec<&[u8]> = parts.collect();
    // nginx's own default key is made of two parts; one that is configured is one.
    let [text] = parts.as_slice() else {
        return false;
    };
    let text = text
        .strip_prefix(b"https")
        .or_else(|| text.strip_prefix(b"http"))
        .unwrap_or(text);
    let decoded = count(r.uri(), key).saturating_add(count(r.args(), key));
    let chosen_freely = count(r.target(), key).max(decoded);
    !key.is_empty() && count(&without(text, r.upstream_name()), key) > chosen_freely
}

/// How often `word` occurs, whatever its case.
fn count(text: &[u8], word: &[u8]) -> usize {
    text.windows(word.len().max(1))
        .filter(|window| window.eq_ignore_ascii_case(word))
        .count()
}

/// The text without the first `part`.
fn without(text: &[u8], part: &[u8]) -> Vec<u8> {
    let at = text
        .windows(part.len().max(1))
        .position(|window| window == part);
    let mut rest = text.to_vec();
    if let Some(at) = at {
        rest.drain(at..at.saturating_add(part.len()));
    }
    rest
}
