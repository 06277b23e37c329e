//! A writer killed at every store: the table serves on, and the next writer finds everything in order.

use super::hook::killed_at;
use super::{audit, key, memory, route, writer};
use crate::route::{Match, Options, Protocol, ProxyHeader, Resolved, Secret};
use crate::table::{Applied, Change, Owner, RouteView, Table};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

type Model = BTreeMap<&'static str, Resolved<'static>>;

fn copy_of(memory: &[AtomicU64]) -> Vec<AtomicU64> {
    memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect()
}

static KEY: LazyLock<Secret> = LazyLock::new(|| Secret::new("0123456789abcdef".into()));
static OTHER_KEY: LazyLock<Secret> = LazyLock::new(|| Secret::new("fedcba9876543210".repeat(9)));

/// A route that uses all of the layout: options, cells, and a key beside its record.
fn full(backends: &[u32], key: &'static Secret) -> Resolved<'static> {
    let mut full = route(backends);
    full.keys.push(("token", key));
    for endpoint in &mut full.endpoints {
        endpoint.options = Options {
            proxy: ProxyHeader::V1,
            protocol: Protocol::Tcp,
            max_conns: 7,
            slow_start_ms: 9,
        };
    }
    full
}

/// The keys as they are, by the secrets they were made of.
fn keys_of(table: &Table<'_>, view: &RouteView<'_>) -> Vec<(&'static str, &'static Secret)> {
    let mut buf = [0; 64];
    let keys = table.keys(view, &mut buf).unwrap().unwrap();
    let known = |value: &[u8]| {
        let known = [&*KEY, &*OTHER_KEY].into_iter();
        known
            .into_iter()
            .find(|known| known.text().as_bytes() == value)
            .expect("a key that was never put")
    };
    keys.iter()
        .map(|(name, value)| {
            assert_eq!(name, "token");
            ("token", known(value))
        })
        .collect()
}

fn served(table: &Table<'_>, host: &str) -> Option<Resolved<'static>> {
    let mut buf = [0; 64];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap()?;
    assert_eq!(hit.route.key(), host.as_bytes());
    let endpoints = hit.route.backends().map(|b| match b.address {
        crate::route::Address::Ip(std::net::SocketAddr::V4(a)) => crate::route::Endpoint {
            options: b.options,
            ..super::endpoint(a.ip().to_bits() & 0xff_ffff, 1)
        },
        other => panic!("{other}"),
    });
    Some(Resolved {
        endpoints: endpoints.collect(),
        keys: keys_of(table, &hit.route),
        ..Resolved::default()
    })
}

/// Everything but `changing` is as in the model; `changing` is as before or as after.
fn check(table: &Table<'_>, before: &Model, after: &Model, changing: &str) {
    for name in before.keys().chain(after.keys()) {
        let now = served(table, name);
        if *name == changing {
            assert!(
                now.as_ref() == before.get(name) || now.as_ref() == after.get(name),
                "{name}: {now:?}"
            );
        } else {
            assert_eq!(now.as_ref(), before.get(name), "{name}");
        }
    }
}

fn apply(table: &Table<'_>, now_ms: u64, name: &str, route: Option<&Resolved<'_>>) -> Applied {
    let (key, owner) = (key(name), Owner::Redis);
    let mut writer = writer(table, now_ms);
    let change = match route {
        Some(route) => Change::Put {
            key: &key,
            route,
            owner,
        },
        None => Change::Remove { key: &key, owner },
    };
    writer.apply(&change).unwrap()
}

/// Some routes, one of them replaced and one removed, so that blocks rest and pages are part full.
fn some_table(memory: &[AtomicU64]) -> Model {
    let table = Table::format(memory, Match::Host, 7).unwrap();
    let mut model = Model::new();
    for (n, name) in [
        "a.example",
        "b.example",
        "c.example",
        "d.example",
        "e.example",
    ]
    .into_iter()
    .enumerate()
    {
        let n = n as u32;
        model.insert(name, route(&[n, n + 1]));
        apply(&table, 0, name, model.get(name));
    }
    model.insert("d.example", full(&[3, 4], &KEY));
    apply(&table, 0, "d.example", model.get("d.example"));
    model.insert("b.example", route(&[1]));
    apply(&table, 0, "b.example", model.get("b.example"));
    apply(&table, 0, "e.example", None);
    model.remove("e.example");
    model
}

/// Kills the change at every store, and after some of these also the repair.
fn kill_everywhere(name: &'static str, new: Option<Resolved<'static>>) {
    let start = memory(96);
    let before = some_table(&start);
    let mut after = before.clone();
    match &new {
        Some(route) => after.insert(name, route.clone()),
        None => after.remove(name),
    };
    for stores in 0.. {
        let memory = copy_of(&start);
        let table = Table::attach(&memory).unwrap();
        let killed = killed_at(stores, || {
            apply(&table, 5000, name, new.as_ref());
        });
        check(&table, &before, &after, name);
        if !killed {
            assert!(stores > 10, "only {stores} stores");
            return;
        }
        for repair_stores in [3, 40, 1200, 1400, 1500] {
            let again = copy_of(&memory);
            let table = Table::attach(&again).unwrap();
            // The repair may end before it is killed.
            killed_at((repair_stores + stores * 7) % 1900, || {
                let _ = writer(&table, 6000);
            });
            check(&table, &before, &after, name);
            finish(&table, &before, &after, name, new.as_ref());
        }
        assert_eq!(writer(&table, 6000).repaired(), stores > 0);
        finish(&table, &before, &after, name, new.as_ref());
    }
}

/// The next writer repairs, the change can be made again, and all memory comes back in the end.
fn finish(
    table: &Table<'_>,
    before: &Model,
    after: &Model,
    name: &str,
    new: Option<&Resolved<'_>>,
) {
    let _ = writer(table, 6000);
    check(table, before, after, name);
    audit(table);
    apply(table, 6000, name, new);
    check(table, after, after, name);
    audit(table);
    for name in before.keys().chain(after.keys()) {
        apply(table, 7000, name, None);
    }
    audit(table);
    let stats = table.stats();
    assert_eq!(
        (stats.routes, stats.peers, stats.cells, stats.record_words),
        (0, 0, 0, 0)
    );
}

#[test]
fn a_new_route() {
    kill_everywhere("new.example", Some(route(&[40, 41, 1])));
}

#[test]
fn a_new_wildcard() {
    kill_everywhere("*.example", Some(route(&[40])));
}

#[test]
fn a_replaced_route() {
    kill_everywhere("c.example", Some(route(&[3, 50, 51])));
}

#[test]
fn a_removed_route() {
    kill_everywhere("a.example", None);
}

#[test]
fn a_new_route_with_a_key() {
    kill_everywhere("new.example", Some(full(&[40, 41, 1], &KEY)));
}

#[test]
fn a_replaced_key() {
    kill_everywhere("d.example", Some(full(&[3, 50], &OTHER_KEY)));
}

#[test]
fn a_removed_key() {
    kill_everywhere("d.example", None);
}

/// Making room, killed at every store.
#[test]
fn room_is_made() {
    let start = memory(120);
    let table = Table::format(&start, Match::Host, 7).unwrap();
    let mut names = Vec::new();
    let text = "x".repeat(400);
    // Pages of records and of peers, each nearly empty: most of the routes go.
    for n in 0..46_u32 {
        let mut route = route(&[1]);
        if n < 36 {
            route.vars.push(("text", &text));
            route.keys.push(("token", &OTHER_KEY));
        } else {
            route = super::route(&(n * 24..n * 24 + 24).collect::<Vec<_>>());
        }
        let name = format!("h{n}.example");
        super::put(&table, &name, &route).unwrap();
        names.push((name, route));
    }
    let (stay, go): (Vec<_>, Vec<_>) = names
        .into_iter()
        .enumerate()
        .partition(|(n, _)| n % 12 == 0 || *n == 45);
    for (_, (name, _)) in &go {
        super::remove(&table, name).unwrap();
    }
    while table.release_retired(None) {}
    let all_there = |table: &Table<'_>| {
        for (_, (name, route)) in &stay {
            let mut buf = [0; 128];
            let hit = table.lookup(name.as_bytes(), &mut buf).unwrap().unwrap();
            let found = Resolved {
                keys: keys_of(table, &hit.route),
                ..hit.route.resolved()
            };
            assert_eq!(&found, route, "{name}");
        }
    };
    let make_room = |table: &Table<'_>| {
        let mut room = crate::table::Room::default();
        while writer(table, 0).make_room(&mut room) {}
    };
    let few_pages = {
        let memory = copy_of(&start);
        let table = Table::attach(&memory).unwrap();
        make_room(&table);
        all_there(&table);
        audit(&table);
        table.stats().free_pages
    };
    assert!(
        few_pages > table.stats().free_pages + 1,
        "{few_pages}: {:?}",
        table.stats()
    );
    for stores in 0.. {
        let memory = copy_of(&start);
        let table = Table::attach(&memory).unwrap();
        let killed = killed_at(stores, || make_room(&table));
        all_there(&table);
        let _ = writer(&table, 0);
        all_there(&table);
        audit(&table);
        make_room(&table);
        all_there(&table);
        audit(&table);
        assert_eq!(table.stats().free_pages, few_pages, "killed at {stores}");
        if !killed {
            assert!(stores > 200, "only {stores} stores");
            return;
        }
    }
}
