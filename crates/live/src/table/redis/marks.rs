//! hipache's marks: backends that other proxies have seen fail, by their place in the list of a host.
//!
//! A mark takes a backend out as its own failures would, until the mark ends: for all routes, since a backend's health is
//! one. The list is read together with the marks, so that a place means what it meant when the mark was made.

use super::dialogue::{Ask, Dialogue, items};
use super::scan::Scan;
use super::store::Store;
use crate::memory::Memory;
use crate::table::lines::Lines;
use crate::table::shared::SharedTable;
use crate::table::telling::url_of;
use crate::world::{Level, World};
use gatehouse_table::hipache::{KeySpace, MAX_ELEMENTS, read_list};
use gatehouse_table::route::{Backend, Key};
use gatehouse_table::table::{BackendView, By, MAX_RECORD_WORDS, PeerId, RouteView, What};
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame};
use std::collections::{HashMap, HashSet, VecDeque};

/// Most hosts whose marks are to be read, and most whose marks are remembered.
const HOSTS: usize = 10_000;

/// Commands on their way while marks are asked for.
const WINDOW: usize = 128;

/// The longest a mark holds, and how long one holds that has no end.
const LONGEST_MS: u64 = 300_000;
const ENDLESS_MS: u64 = 30_000;

/// Marks to be read, and those that hold.
pub(super) struct Marks {
    /// All marks are to be read.
    pub(super) scan: Scan,
    hosts: VecDeque<Key>,
    known: HashSet<Key>,
    /// More have changed than there was room for: once these have been read, all are to be.
    is_missing: bool,
    /// What is known of the host whose answers are coming.
    now: Option<Answers>,
    marked: HashMap<Key, Vec<Marked>>,
    lines: Lines,
}

/// A backend that is marked: its peer, and its URL.
type Marked = (PeerId, String);

struct Answers {
    host: Key,
    places: Vec<usize>,
    lasts_ms: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            scan: Scan::default(),
            hosts: VecDeque::new(),
            known: HashSet::new(),
            is_missing: false,
            now: None,
            marked: HashMap::new(),
            lines: Lines::of("marked backends"),
        }
    }
}

impl Marks {
    /// The connection has gone: what was on its way does not come. Marks end by themselves.
    pub(super) fn hang_up(&mut self) {
        self.scan = Scan::default();
        self.hosts.clear();
        self.known.clear();
        self.is_missing = false;
        self.now = None;
    }

    /// All marks are to be read, and those that held before: they may have gone meanwhile.
    pub(super) fn read_all(&mut self) {
        self.scan = Scan::begin();
        let held: Vec<Key> = self.marked.keys().cloned().collect();
        for host in held {
            self.changed(host);
        }
    }

    /// The marks of a host have changed.
    pub(super) fn changed(&mut self, host: Key) {
        if self.known.contains(&host) {
            return;
        }
        if self.hosts.len() >= HOSTS {
            self.is_missing = true;
            return;
        }
        self.known.insert(host.clone());
        self.hosts.push_back(host);
    }

    /// Asks for the marks of some hosts, and for the lists they count in.
    pub(super) fn ask<M: Memory>(
        &mut self,
        dialogue: &mut Dialogue,
        table: &SharedTable<M>,
        keys: &KeySpace,
    ) {
        while dialogue.waiting() < WINDOW {
            let Some(host) = self.hosts.pop_front() else {
                if self.is_missing && self.scan.is_over() {
                    self.is_missing = false;
                    self.read_all();
                }
                return;
            };
            self.known.remove(&host);
            let mut buf = [0; MAX_RECORD_WORDS];
            let Some(key) = route_of(table, &host, &mut buf)
                .and_then(|route| Key::parse(route.key(), table.mode).ok())
            else {
                continue;
            };
            let (marks, list) = (keys.marks_key(&host), keys.route_key(&key));
            dialogue.ask(Ask::Marks(host), &[b"SMEMBERS", &marks]);
            dialogue.ask(Ask::Lasts, &[b"PTTL", &marks]);
            let last = MAX_ELEMENTS.to_string();
            let words: [&[u8]; 4] = [b"LRANGE", &list, b"0", last.as_bytes()];
            dialogue.ask(Ask::MarkedList, &words);
        }
    }

    /// What this host has is no set of marks.
    pub(super) fn none(&mut self) {
        self.now = None;
    }

    /// The marks of a host.
    pub(super) fn members(&mut self, host: Key, value: Option<OwnedFrame>) {
        let members = value.and_then(items).unwrap_or_default();
        let place = |member: &OwnedFrame| member.as_str()?.parse().ok();
        self.now = Some(Answers {
            host,
            places: members.iter().filter_map(place).collect(),
            lasts_ms: 0,
        });
    }

    /// For how long they hold.
    pub(super) fn last(&mut self, value: Option<&OwnedFrame>) {
        let Some(now) = &mut self.now else { return };
        now.lasts_ms = match value {
            Some(OwnedFrame::Number { data: -1, .. }) => ENDLESS_MS,
            Some(OwnedFrame::Number { data, .. }) => {
                u64::try_from(*data).unwrap_or(0).min(LONGEST_MS)
            }
            _ => 0,
        };
    }

    /// The list in which they count: marks what is marked, and forgives what is marked no more.
    pub(super) fn apply<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        store: &Store,
        world: &dyn World,
        list: &[OwnedFrame],
    ) {
        let (Some(now), Some(routes)) = (self.now.take(), table.routes()) else {
            return;
        };
        let mut buf = [0; MAX_RECORD_WORDS];
        let peers = match route_of(table, &now.host, &mut buf) {
            Some(route) if now.lasts_ms > 0 => marked_peers(&route, &now.places, list),
            _ => Vec::new(),
        };
        let now_ms = world.now_ms();
        let until_ms = now_ms.saturating_add(now.lasts_ms);
        let before = self.marked.remove(&now.host).unwrap_or_default();
        for (id, url) in &peers {
            let peer = routes.peer(*id);
            if peer.is_some_and(|peer| peer.fail_until(until_ms, &store.passive)) {
                let marks = store.keys.marks_key(&now.host);
                let how = format!("is marked in \"{}\"", String::from_utf8_lossy(&marks));
                self.tell(table, world, (Level::Warn, &how), url);
            }
        }
        let is_in = |list: &[Marked], id| list.iter().any(|(one, _)| *one == id);
        for (id, url) in before.iter().filter(|(id, _)| !is_in(&peers, *id)) {
            // Another host may have it marked still.
            let is_held = self.marked.values().any(|others| is_in(others, *id));
            let peer = routes.peer(*id).filter(|_| !is_held);
            let Some(peer) = peer.filter(|peer| peer.forgive(&store.passive)) else {
                continue;
            };
            // Checks may have it out still, and say so when that ends.
            if peer.probe().is_none_or(|probe| probe.up) {
                self.tell(table, world, (Level::Notice, "is back"), url);
            }
        }
        if !peers.is_empty() && self.marked.len() < HOSTS {
            self.marked.insert(now.host, peers);
        }
    }

    /// Says what has become of a backend.
    fn tell<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        world: &dyn World,
        (level, how): (Level, &str),
        url: &str,
    ) {
        let now_ms = world.now_ms();
        if self.lines.admit(now_ms) {
            let name = &table.name;
            world.log(
                level,
                &format!("upstream table \"{name}\": backend {url} {how}"),
            );
        }
        if table.is_heard(now_ms) {
            let (up, by) = (level == Level::Notice, By::Mark);
            table.tell(What::Health { up, by }, url.to_owned(), now_ms);
        }
    }

    /// The line about those that were not said, when it is time for it.
    pub(super) fn rest(&mut self, now_ms: u64) -> Option<String> {
        self.lines.rest(now_ms)
    }
}

/// The route that serves a host.
fn route_of<'b, M: Memory>(
    table: &SharedTable<M>,
    host: &Key,
    buf: &'b mut [u64],
) -> Option<RouteView<'b>> {
    let hit = table.routes()?.lookup(host.as_bytes(), buf).ok()??;
    Some(hit.route)
}

/// The peers of the backends at these places of a list.
fn marked_peers(route: &RouteView<'_>, places: &[usize], list: &[OwnedFrame]) -> Vec<Marked> {
    let bytes = list.iter().map(|e| e.as_bytes().unwrap_or_default());
    let Ok(list) = read_list(bytes) else {
        return Vec::new();
    };
    let backend = |place: &usize| {
        let number = list.positions.get(*place).copied().flatten()?;
        list.route.backends.get(number)
    };
    let backends: Vec<&Backend> = places.iter().filter_map(backend).collect();
    let is_marked = |view: &BackendView<'_>| {
        let endpoint = view.endpoint();
        backends.iter().any(|backend| endpoint.is_of(backend))
    };
    route
        .backends()
        .filter(is_marked)
        .map(|view| (view.peer(), url_of(&view)))
        .collect()
}
