//! Looking up a request's route and choosing among its backends.

use super::conf::Lookup;
use super::memo::{CachePart, Drained, Found, Remembered};
use super::session::Session;
use super::table::UpstreamTable;
use crate::{Gatehouse, Srv, ending};
use gatehouse_live::table::{tell, url_of};
use gatehouse_nginx::http::cache::CacheUse;
use gatehouse_nginx::http::piece::{Piece, words_of};
use gatehouse_nginx::http::upstream::{
    self, Address as Socket, Balancer, Chosen, Init, NAME_MAX, Slot, Tried,
};
use gatehouse_nginx::{Level, Request, ffi::process};
use gatehouse_table::balance::{Sample, Schemes, Selection};
use gatehouse_table::route::{Address, HOST_MAX, is_normal, normalize, write_v4};
use gatehouse_table::table::{BackendView, By, LookupError, MAX_RECORD_WORDS, RouteView, What};
use std::net::SocketAddr;
use std::ptr;

/// Words of a record that fit most routes.
pub(super) const USUAL_WORDS: usize = 32;

/// Finds the route of `key`. None: memory is short or the table is broken.
pub(super) fn find<'r>(r: Request<'r>, table: &UpstreamTable, key: &[u8]) -> Option<Found<'r>> {
    let mut usual = [0; USUAL_WORDS];
    let found = find_in(r, table, key, &mut usual)?;
    let Some((kind, route)) = found.route else {
        return Some(Found { route: None });
    };
    // The request keeps what the record has, and no more: what it keeps of its pool it keeps to its end.
    let route = RouteView::from_words(r.copy(route.words())?);
    Some(Found {
        route: Some((kind, route)),
    })
}

/// The same; a record that fits `words` is copied there.
pub(super) fn find_in<'r: 'w, 'w>(
    r: Request<'r>,
    table: &UpstreamTable,
    key: &[u8],
    mut words: &'w mut [u64],
) -> Option<Found<'w>> {
    let routes = table.routes();
    let routes = routes.as_ref()?;
    let mut buffer;
    let normal = if is_normal(key, table.mode()) {
        key
    } else {
        buffer = [0; HOST_MAX];
        match normalize(key, table.mode(), &mut buffer) {
            Some(normal) => normal,
            None => return Some(Found { route: None }),
        }
    };
    // A record that grows between two attempts asks again; it has a largest size.
    for _ in 0..3 {
        let needed = match routes.lookup(normal, words) {
            Ok(hit) => {
                let route = hit.map(|hit| (hit.kind, hit.route));
                return Some(Found { route });
            }
            Err(LookupError::BufferTooSmall(needed)) => needed.min(MAX_RECORD_WORDS),
            Err(LookupError::Busy) => return None,
        };
        words = r.words(needed)?;
    }
    None
}

/// Words that a request keeps for its way to a backend, besides the record. They are in one piece.
const KEPT_WORDS: usize = words_of::<Remembered<'_>>().saturating_add(upstream::words::<Routed>());

/// What it keeps besides where `drain_timeout` may have to end its connection.
const UPGRADED_WORDS: usize = words_of::<Drained<'_>>().saturating_add(ending::WORDS);

/// The request's lookup on its way to its upstream, done by whoever needs it first.
pub(super) fn look_up<'r>(r: Request<'r>, lookup: &'r Lookup) -> Option<&'r Remembered<'r>> {
    let memo = &r.local::<Gatehouse>()?.upstream.remembered;
    let upstream = r.upstream_mark();
    let known = memo
        .get()
        .filter(|known| ptr::eq(known.lookup, lookup) && known.upstream == upstream);
    if known.is_some() {
        return known;
    }
    let table = r.main_conf::<Gatehouse>().upstream.table(&lookup.table)?;
    let mut usual = [0; USUAL_WORDS];
    let found = find_in(r, table, lookup.key.eval(r)?, &mut usual)?;
    let (mut piece, mut session) = (None, None);
    let route = match found.route {
        None => None,
        // The request keeps what the record has, and no more.
        Some((kind, route)) => {
            let words = route.words();
            let mut kept = KEPT_WORDS;
            if table.drain_timeout_ms().is_some() && r.asks_for_upgrade() {
                kept = kept.saturating_add(UPGRADED_WORDS);
            }
            let sticky = lookup.balance.sticky.as_ref();
            if sticky.is_some() {
                kept = kept.saturating_add(words_of::<Session>());
            }
            piece = Some(r.piece(words.len().saturating_add(kept))?);
            let route = RouteView::from_words(r.copy_in(piece?, words)?);
            if let Some(rules) = sticky {
                session = Some(&*r.place_in(piece, Session::of(r, rules, &route))?);
            }
            Some((kind, route))
        }
    };
    let known = Remembered {
        lookup,
        table,
        upstream,
        found: Found { route },
        session,
        piece,
    };
    let known: &'r Remembered<'r> = r.place_in(piece, known)?;
    memo.set(Some(known));
    Some(known)
}

/// Which part of nginx's caches a request may use: one `upstream` serves every key, so an entry's key begins with the
/// table and the key. What comes from a client has no zero byte, so that no other key begins like that; the length makes
/// sure that no such beginning is another one's too.
pub(crate) fn cache_use(r: Request<'_>) -> CacheUse<'_> {
    match r
        .upstream_srv::<Gatehouse>()
        .map(|srv| &srv.upstream.lookup)
    {
        Some(Some(lookup)) => match cache_part(r, lookup) {
            Some(part) => CacheUse::KeyedBy(part),
            None => CacheUse::Never,
        },
        _ => CacheUse::Free,
    }
}

/// `\0TABLE\0LENGTH/KEY/`, with the key as it is compared.
fn cache_part<'r>(r: Request<'r>, lookup: &'r Lookup) -> Option<&'r [u8]> {
    let memo = &r.local::<Gatehouse>()?.upstream.cache_part;
    let upstream = r.upstream_mark();
    if let Some(part) = memo.get().filter(|part| part.upstream == upstream) {
        return Some(part.text);
    }
    let table = r.main_conf::<Gatehouse>().upstream.table(&lookup.table)?;
    let key = lookup.key.eval(r)?;
    let mut buffer = [0; HOST_MAX];
    // What is no key is a miss; its own bytes tell it from all keys.
    let key = normalize(key, table.mode(), &mut buffer).unwrap_or(key);
    let name = table.name().as_bytes();
    let mut digits = [0; LENGTH_DIGITS];
    let digits = decimal(key.len(), &mut digits);
    let pieces = [b"\0", name, b"\0", digits, b"/", key, b"/"];
    let text = r.concat(&pieces)?;
    memo.set(Some(r.place(CachePart { upstream, text })?));
    Some(text)
}

/// Digits of the longest length.
const LENGTH_DIGITS: usize = 20;

fn decimal(number: usize, digits: &mut [u8; LENGTH_DIGITS]) -> &[u8] {
    let mut rest = &mut digits[..];
    let written = std::io::Write::write_fmt(&mut rest, format_args!("{number}"));
    let unused = rest.len();
    // Twenty digits hold any number.
    let used = written.map_or(0, |()| LENGTH_DIGITS.saturating_sub(unused));
    digits.get(..used).unwrap_or_default()
}

/// Serves a request by the backends of its route, chosen by the lookup's policy.
pub(super) struct Routed;

/// A request's choices among the backends of a route.
pub(super) struct Choices<'r> {
    known: &'r Remembered<'r>,
    route: RouteView<'r>,
    selection: Selection,
    /// What a policy that takes a key hashes.
    hash_key: Option<&'r HashKey<'r>>,
}

/// What a request is hashed by. It is kept apart: most requests have none, and what a request keeps costs.
struct HashKey<'r>(&'r [u8]);

impl<'r> Choices<'r> {
    fn hash_key(&self) -> &'r [u8] {
        self.hash_key.map_or(b"", |key| key.0)
    }
}

impl Balancer for Routed {
    type Module = Gatehouse;
    type State<'r> = Choices<'r>;

    fn slot(srv: &Srv) -> Option<&Slot> {
        srv.upstream.lookup.as_ref().map(|lookup| &lookup.slot)
    }

    fn init<'r>(r: Request<'r>, srv: &'r Srv, tls: bool) -> Init<Choices<'r>> {
        let Some(lookup) = srv.upstream.lookup.as_deref() else {
            return Init::Failed;
        };
        let Some(known) = look_up(r, lookup) else {
            return Init::Failed;
        };
        if r.is_main() {
            note(r, known);
        }
        let Some((_, route)) = known.found.route else {
            return miss(known);
        };
        let hash_key = match &lookup.balance.hash_key {
            None => None,
            Some(key) => match key.eval(r).and_then(|key| r.place(HashKey(key))) {
                None => return Init::Failed,
                Some(key) => Some(&*key),
            },
        };
        let schemes = known.table.schemes(tls);
        let mut selection = Selection::new(&route, schemes);
        if let Some(index) = known.session.and_then(Session::backend) {
            selection.stick(&route, index);
        }
        if selection.tries() == 0 {
            say_why(r, lookup, &route, schemes);
        }
        let tries = selection.tries().max(1);
        Init::Serve {
            state: Choices {
                known,
                route,
                selection,
                hash_key,
            },
            tries,
        }
    }

    fn piece<'r>(_: Request<'r>, state: &Choices<'r>) -> Option<&'r Piece<'r>> {
        state.known.piece
    }

    fn get<'r>(
        r: Request<'r>,
        state: &mut Choices<'r>,
        room: &mut [u8; NAME_MAX],
    ) -> Option<Chosen<'r>> {
        let table = state.known.table;
        let lines = table.lines()?;
        let rules = state.known.lookup.rules(table, state.hash_key());
        let now = process::now_ms();
        let next = state.selection.choose(&rules, &lines, &state.route, now)?;
        if let Some(session) = state.known.session {
            session.goes_to(next.index);
        }
        match next.plain() {
            Some(address) => Some(Chosen {
                name: write_v4(address, room)?,
                address: Socket::Inet(address.into()),
                tls: None,
                mark: next.peer().mark(None),
            }),
            None => chosen(r, &state.route.backend(next.index)?, room),
        }
    }

    fn free<'r>(r: Request<'r>, state: &mut Choices<'r>, tried: &Tried) {
        let table = state.known.table;
        let Some(lines) = table.lines() else { return };
        let sample = Sample {
            failed: tried.failed,
            ms: tried.ms,
            status: tried.status,
        };
        #[cfg(feature = "hooks")]
        r.log(
            Level::Info,
            format_args!(
                "a try ended: failed {}, {} ms, status {}",
                sample.failed, sample.ms, sample.status
            ),
        );
        let mut rules = state.known.lookup.rules(table, state.hash_key());
        rules.answers = table.answers();
        let now = process::now_ms();
        let ended = state.selection.done(&rules, &lines, &sample, now);
        if tried.failed {
            if let Some(session) = state.known.session {
                session.goes_nowhere();
            }
        }
        if ended.disabled {
            r.log(Level::Warn, "upstream server temporarily disabled");
        }
        if let Some((peer, up)) = ended.turned {
            let mut backends = state.route.backends();
            if let Some(backend) = backends.find(|one| one.peer() == peer) {
                let (url, by) = (url_of(&backend), By::Requests);
                if up {
                    say_back(r, &state.known.lookup.table.name, &url);
                }
                tell(table.shared(), What::Health { up, by }, url);
            }
        }
    }
}

/// Says that a backend is used again, in the words of the checks (`gatehouse_live::table::check`).
pub(super) fn say_back(r: Request<'_>, table: &str, url: &str) {
    let text = format_args!("upstream table \"{table}\": backend {url} is back");
    r.log(Level::Notice, text);
}

/// Says it where a route has backends, but none that the location may use.
fn say_why(r: Request<'_>, lookup: &Lookup, route: &RouteView<'_>, schemes: Schemes) {
    let mut others = route.backends().filter(|one| !schemes.admit(one.tls()));
    let Some(other) = others.next() else { return };
    let key = String::from_utf8_lossy(route.key());
    let needed = if other.tls() {
        "need \"proxy_pass https://\"".to_owned()
    } else {
        let table = &lookup.table.name;
        format!(
            "speak no TLS: \"proxy_pass https://\" uses them only with \"plain=allow\" in upstream_table \"{table}\""
        )
    };
    let text = format_args!("upstream_lookup: the backends of \"{key}\" {needed}");
    r.log(Level::Error, text);
}

/// Remembers what sent a main request to an upstream, if there is memory for it.
fn note<'r>(r: Request<'r>, known: &'r Remembered<'r>) {
    if let Some(local) = r.local::<Gatehouse>() {
        local.upstream.last.set(Some(known));
        let _ = r.keep_local::<Gatehouse>();
    }
}

fn miss<S>(known: &Remembered<'_>) -> Init<S> {
    if known.lookup.slot.has_servers() {
        Init::Fallback
    } else {
        Init::Finish(known.table.miss())
    }
}

fn chosen<'r>(
    r: Request<'r>,
    backend: &BackendView<'r>,
    room: &mut [u8; NAME_MAX],
) -> Option<Chosen<'r>> {
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
        name: backend.address.write_to(room)?.len(),
        tls,
        mark: backend.peer().mark(tls),
    })
}

/// The name for SNI and verification: the backend's own, never the `upstream` block's. nginx
/// sends no SNI for an address.
fn tls_name<'r>(r: Request<'r>, backend: &BackendView<'r>) -> Option<&'r [u8]> {
    match (backend.sni, backend.address) {
        (Some(name), _) => Some(name.as_bytes()),
        (None, Address::Ip(SocketAddr::V4(v4))) => r.text(v4.ip(), IP_MAX),
        // nginx takes what follows a colon outside of brackets for a port.
        (None, Address::Ip(SocketAddr::V6(v6))) => r.text(&format_args!("[{}]", v6.ip()), IP_MAX),
        (None, Address::Unix(_)) => Some(b""),
    }
}

/// Bytes that hold any IP address in brackets.
const IP_MAX: usize = 48;
