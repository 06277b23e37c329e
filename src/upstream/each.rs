//! What is counted and known of each backend. A table says nothing of who its backends are: they are found in its routes,
//! piece by piece.

use super::state::States;
use super::table::UpstreamTable;
use super::url::url_in;
use crate::Main;
use crate::metric::{Many, Search, Wanted};
use gatehouse_base::metrics::{About, Kind, Samples};
use gatehouse_table::table::{ANSWERS, BackendView, Cursor, PeerId, RouteView, Table};
use std::collections::HashSet;

/// A table with more backends shows those that are asked for, and so many of them at most.
const MOST: usize = 1_000;
/// Buckets of the index that are looked through at once: some hundred microseconds.
const BUCKETS: usize = 64;

pub(super) const METRICS: &[Many] = &[Many {
    about: About {
        name: "gatehouse_backend_requests_total",
        kind: Kind::Counter,
        unit: "requests",
        labels: &["table", "backend", "code"],
        text: "Requests that were sent to a backend, retries included, by the class of the status that it answered with (2xx); none: without an answer. They begin at 0 again when the zone gets another size, or the backend another place in it. In a table with more than 1,000 backends only of those that `?backends=PREFIX` asks for.",
    },
    also: About {
        name: "gatehouse_backend_up",
        kind: Kind::Gauge,
        unit: "1 or 0",
        labels: &["table", "backend"],
        text: "Whether requests may go to the backend, as its failures and checks have it; whether a route drains it does not count. As many backends as in gatehouse_backend_requests_total.",
    },
    begin: |wanted, table| Box::new(Backends::new(wanted, table)),
}];

/// A backend that has been found.
struct Found<'f> {
    table: &'f UpstreamTable,
    routes: &'f Table<'f>,
    route: &'f RouteView<'f>,
    peer: PeerId,
    /// `table` and `backend`.
    labels: [&'f str; 2],
}

fn write_answers(found: &Found<'_>, samples: &mut Samples<'_>) {
    let [table, backend] = found.labels;
    let Some(answers) = found.table.answers() else {
        return;
    };
    for (word, count) in ANSWERS.iter().zip(answers.of(found.peer)) {
        if count > 0 {
            samples.put(&[table, backend, word], count);
        }
    }
}

fn write_up(found: &Found<'_>, samples: &mut Samples<'_>) {
    if let Some(peer) = found.routes.peer(found.peer) {
        let is_up = States::of(found.table).is_up(found.routes, found.route, &peer);
        samples.put(&found.labels, is_up.into());
    }
}

/// Where the samples of both metrics go.
struct Both<'b, 'a, 'u> {
    answers: &'b mut Samples<'a>,
    up: &'b mut Samples<'u>,
}

/// A search for the backends of all tables, one after another.
struct Backends {
    prefix: Option<Vec<u8>>,
    /// The number of the table, and how far it has been looked through.
    table: usize,
    cursor: Option<Cursor>,
    /// What has been found in it.
    peers: HashSet<PeerId>,
    names: HashSet<String>,
}

impl Backends {
    fn new(wanted: &Wanted, table: usize) -> Self {
        #[cfg(feature = "hooks")]
        note_begin(table);
        Self {
            prefix: wanted.backends.clone(),
            table,
            cursor: None,
            peers: HashSet::new(),
            names: HashSet::new(),
        }
    }

    fn next_table(&mut self) {
        self.table = self.table.saturating_add(1);
        self.cursor = None;
        self.peers.clear();
        self.names.clear();
    }

    /// Looks through a part of a table; false when all of its backends have been found, or enough.
    fn look(&mut self, table: &UpstreamTable, out: &mut Both<'_, '_, '_>) -> bool {
        let Some(routes) = table.routes() else {
            return false;
        };
        let all = routes.stats().peers;
        if self.prefix.is_none() && all > MOST as u64 {
            return false;
        }
        let mut cursor = self.cursor.unwrap_or_else(|| routes.cursor());
        let more = routes.scan(&mut cursor, BUCKETS, &mut |route| {
            self.see(table, &routes, &route, out);
        });
        self.cursor = Some(cursor);
        more && self.names.len() < MOST && (self.peers.len() as u64) < all
    }

    /// Whether a backend's name begins as it should.
    fn wants(&self, url: &[u8], route: &RouteView<'_>, backend: &BackendView<'_>) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| {
            url.starts_with(prefix)
                || prefix.starts_with(url)
                    && name_of(url, route, backend).as_bytes().starts_with(prefix)
        })
    }

    fn see(
        &mut self,
        table: &UpstreamTable,
        routes: &Table<'_>,
        route: &RouteView<'_>,
        out: &mut Both<'_, '_, '_>,
    ) {
        for backend in route.backends() {
            let peer = backend.peer();
            if self.names.len() >= MOST || self.peers.contains(&peer) {
                continue;
            }
            let mut room = [0; 64];
            let url = url_in(&backend, &mut room);
            // All that is not wanted may be too much to be remembered.
            if !self.wants(&url, route, &backend) {
                continue;
            }
            let name = name_of(&url, route, &backend);
            self.peers.insert(peer);
            // While the table makes room a backend may be in it twice.
            if backend.endpoint().is_waiting() || self.names.contains(&name) {
                continue;
            }
            let found = Found {
                table,
                routes,
                route,
                peer,
                labels: [table.name(), &name],
            };
            write_answers(&found, out.answers);
            write_up(&found, out.up);
            self.names.insert(name);
        }
    }
}

impl Search for Backends {
    fn step(&mut self, main: &Main, answers: &mut Samples<'_>, up: &mut Samples<'_>) -> bool {
        let Some(table) = main.upstream.tables.get(self.table) else {
            return false;
        };
        if !self.look(table, &mut Both { answers, up }) {
            self.next_table();
        }
        true
    }

    fn begins(&self) -> Option<usize> {
        self.cursor.is_none().then_some(self.table)
    }
}

/// Each walk through the tables has its line, so that a test can count them.
#[cfg(feature = "hooks")]
fn note_begin(table: usize) {
    use gatehouse_live::World;
    let line = format!("a search for backends begins at table {table}");
    gatehouse_live::nginx::Process.log(gatehouse_live::Level::Notice, &line);
}

/// What a backend is called: two of the same address are told by their TLS names, and by how they are checked where a
/// route says that.
fn name_of(url: &[u8], route: &RouteView<'_>, backend: &BackendView<'_>) -> String {
    let mut name = String::from_utf8_lossy(url).into_owned();
    let sni = backend.sni.filter(|_| backend.tls());
    let own = [("sni", sni), ("check", route.check())];
    let mut sign = '#';
    for (word, value) in own {
        if let Some(value) = value {
            name.push(sign);
            name.push_str(word);
            name.push('=');
            name.push_str(value);
            sign = '&';
        }
    }
    name
}
