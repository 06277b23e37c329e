//! One thing at a time.

use super::{endpoint, find, key, memory, put, remove, route, writer};
use crate::route::{Address, Endpoint, Match, Options, Protocol, ProxyHeader, Resolved};
use crate::table::{
    Applied, ApplyError, Change, Demand, LayoutError, LookupError, MAX_RECORD_WORDS, Owner,
    Passive, RouteView, Stats, Table, TooSmall,
};

fn all_kinds() -> Resolved<'static> {
    let boxed = Endpoint {
        name: Some("app.internal"),
        sni: Some("shop.internal"),
        tls: true,
        options: Options {
            slow_start_ms: Options::MOST_SLOW_START_MS,
            ..Options::default()
        },
        ..endpoint(7, 2)
    };
    Resolved {
        id: "shop",
        endpoints: vec![
            endpoint(1, 255),
            boxed,
            Endpoint {
                address: Address::Ip("[2001:db8::5]:8443".parse().unwrap()),
                backup: true,
                options: Options {
                    max_conns: Options::MOST_CONNS,
                    ..Options::default()
                },
                ..endpoint(0, 65535)
            },
            Endpoint {
                address: Address::Unix("/run/app.sock"),
                drain: true,
                options: Options {
                    proxy: ProxyHeader::V2,
                    ..Options::default()
                },
                ..endpoint(0, 1)
            },
            endpoint(2, 256),
            Endpoint {
                options: Options {
                    protocol: Protocol::Udp,
                    ..Options::default()
                },
                ..endpoint(3, 1)
            },
        ],
        vars: vec![("token", "gold"), ("plan", "")],
        keys: vec![],
        meta: Some("{\"a\":1}"),
        check: Some("uri=/live"),
        imprint: None,
    }
}

#[test]
fn a_route_comes_back_as_it_was_put() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    assert_eq!(
        put(&table, "Shop.Example.:443", &all_kinds()),
        Ok(Applied::Created)
    );
    let mut buf = [0; 128];
    let hit = table.lookup(b"shop.example", &mut buf).unwrap().unwrap();
    assert_eq!(hit.kind.as_str(), "exact");
    assert_eq!(hit.route.key(), b"shop.example");
    assert_eq!(hit.route.owner(), Some(Owner::File));
    assert_eq!(hit.route.resolved(), all_kinds());
    assert_eq!(hit.route.var(b"token"), Some("gold"));
    assert_eq!(hit.route.var(b"plan"), Some(""));
    let names: Vec<_> = hit
        .route
        .backends()
        .map(|b| b.address.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "10.0.0.1:8080",
            "10.0.0.7:8080",
            "[2001:db8::5]:8443",
            "unix:/run/app.sock",
            "10.0.0.2:8080",
            "10.0.0.3:8080"
        ]
    );
    let again = RouteView::from_words(hit.route.words());
    assert_eq!(
        again.backend(1).unwrap().endpoint(),
        all_kinds().endpoints[1]
    );
    assert!(again.backend(6).is_none());
}

#[test]
fn the_buffer_must_hold_the_record() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1, 2, 3])).unwrap();
    assert_eq!(
        table.lookup(b"a", &mut [0; 7]).unwrap_err(),
        LookupError::BufferTooSmall(8)
    );
    assert!(table.lookup(b"a", &mut [0; 8]).unwrap().is_some());
}

#[test]
fn wildcards_match_from_the_longest() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    assert_eq!(find(&table, "a.b.c"), None);
    for name in ["*", "*.c", "*.b.c", "a.b.c"] {
        put(&table, name, &route(&[1])).unwrap();
    }
    let hit = |kind, key: &str| Some((kind, key.to_string()));
    assert_eq!(find(&table, "a.b.c"), hit("exact", "a.b.c"));
    assert_eq!(find(&table, "x.b.c"), hit("wildcard", "*.b.c"));
    assert_eq!(find(&table, "x.y.b.c"), hit("wildcard", "*.b.c"));
    assert_eq!(find(&table, "b.c"), hit("wildcard", "*.c"));
    assert_eq!(find(&table, "c"), hit("default", "*"));
    assert_eq!(
        find(&table, "*.b.c"),
        hit("wildcard", "*.b.c"),
        "a host below b.c, not the name of the record"
    );
    assert_eq!(find(&table, "*"), hit("default", "*"));
    assert_eq!(find(&table, ""), None);
    remove(&table, "*.b.c").unwrap();
    assert_eq!(find(&table, "x.b.c"), hit("wildcard", "*.c"));
    remove(&table, "*.c").unwrap();
    assert_eq!(find(&table, "x.b.c"), hit("default", "*"));
    remove(&table, "*").unwrap();
    assert_eq!(find(&table, "x.b.c"), None);
}

#[test]
fn exact_tables_have_no_wildcards() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Exact, 1).unwrap();
    let star = crate::route::Key::parse(b"*", Match::Exact).unwrap();
    writer(&table, 0)
        .apply(&Change::Put {
            key: &star,
            route: &route(&[1]),
            owner: Owner::Api,
        })
        .unwrap();
    assert_eq!(find(&table, "x"), None);
    assert_eq!(find(&table, "*"), Some(("exact", "*".into())));
}

#[test]
fn the_same_route_again_writes_nothing() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &all_kinds()).unwrap();
    let before: Vec<u64> = memory
        .iter()
        .map(|w| w.load(std::sync::atomic::Ordering::Relaxed))
        .collect();
    assert_eq!(put(&table, "a", &all_kinds()), Ok(Applied::Unchanged));
    let after: Vec<u64> = memory
        .iter()
        .map(|w| w.load(std::sync::atomic::Ordering::Relaxed))
        .collect();
    assert!(before == after);
    let mut other = all_kinds();
    other.vars[0].1 = "iron";
    assert_eq!(put(&table, "a", &other), Ok(Applied::Replaced));
    assert_eq!(remove(&table, "a"), Ok(Applied::Removed));
    assert_eq!(remove(&table, "a"), Ok(Applied::Missing));
}

#[test]
fn a_key_has_one_owner() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let (key, other) = (key("a"), route(&[2]));
    let mut writer = writer(&table, 0);
    let foreign = Err(ApplyError::Foreign(Owner::File));
    assert_eq!(
        writer.apply(&Change::Put {
            key: &key,
            route: &other,
            owner: Owner::Api
        }),
        foreign
    );
    assert_eq!(
        writer.apply(&Change::Remove {
            key: &key,
            owner: Owner::Redis
        }),
        foreign
    );
    assert_eq!(
        writer.apply(&Change::Remove {
            key: &key,
            owner: Owner::File
        }),
        Ok(Applied::Removed)
    );
}

#[test]
fn peers_are_shared_by_routes_and_told_apart_by_scheme_and_name() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let peer_of = |host: &str| {
        let mut buf = [0; 64];
        table
            .lookup(host.as_bytes(), &mut buf)
            .unwrap()
            .unwrap()
            .route
            .backend(0)
            .unwrap()
            .peer()
    };
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "b", &route(&[1])).unwrap();
    let mut tls = route(&[1]);
    tls.endpoints[0].tls = true;
    put(&table, "c", &tls).unwrap();
    tls.endpoints[0].sni = Some("x");
    put(&table, "d", &tls).unwrap();
    assert_eq!(peer_of("a"), peer_of("b"));
    assert_ne!(peer_of("a"), peer_of("c"));
    assert_ne!(peer_of("c"), peer_of("d"));
    assert_eq!(table.stats().peers, 3);
    let mut udp = route(&[1]);
    udp.endpoints[0].options.protocol = Protocol::Udp;
    put(&table, "u", &udp).unwrap();
    assert_ne!(peer_of("a"), peer_of("u"));
    remove(&table, "u").unwrap();
    let (gone, health) = (peer_of("a"), Passive::default());
    table.peer(gone).unwrap().failed(5, &health, None);
    remove(&table, "a").unwrap();
    assert_eq!(
        table.peer(peer_of("b")).unwrap().fails(),
        1,
        "health outlives one of two routes"
    );
    remove(&table, "b").unwrap();
    put(&table, "e", &route(&[9])).unwrap();
    assert_eq!(peer_of("e").line, gone.line, "the line is used again");
    assert!(
        table.peer(gone).is_none(),
        "and its old id is seen to be old"
    );
    assert_eq!(table.peer(peer_of("e")).unwrap().fails(), 0);
}

#[test]
fn all_memory_comes_back() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    for round in 0..3 {
        let mut count = 0;
        while put(&table, &format!("host{count}.example"), &all_kinds()).is_ok() {
            count += 1;
        }
        assert!(count > 500, "{count}");
        assert_eq!(put(&table, "more", &all_kinds()), Err(ApplyError::Full));
        assert_eq!(
            find(&table, "host0.example").unwrap().0,
            "exact",
            "the full table serves, round {round}"
        );
        for n in 0..count {
            assert_eq!(
                remove(&table, &format!("host{n}.example")),
                Ok(Applied::Removed)
            );
        }
        let Stats {
            routes: 0,
            peers: 0,
            cells: 0,
            record_words: 0,
            ..
        } = table.stats()
        else {
            panic!("{:?}", table.stats());
        };
    }
}

#[test]
fn a_small_memory_is_refused_and_another_one_not_mistaken() {
    let small = memory(32);
    assert_eq!(Table::format(&small, Match::Host, 1).err(), Some(TooSmall));
    let needed = Demand::default().bytes() / 1024;
    assert_eq!(
        Table::format(&memory(needed - 1), Match::Host, 1).err(),
        Some(TooSmall)
    );
    let enough = memory(needed);
    assert!(Table::format(&enough, Match::Exact, 1).is_ok());
    assert_eq!(Table::attach(&enough).unwrap().mode(), Match::Exact);
    assert_eq!(Table::attach(&small).err(), Some(LayoutError::NoTable));
    assert_eq!(
        Table::attach(&enough[..enough.len() - 1024]).err(),
        Some(LayoutError::OtherSize)
    );
    enough[1].store(99, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        Table::attach(&enough).err(),
        Some(LayoutError::OtherVersion(99))
    );
}

#[test]
fn what_is_known_of_one_table_is_not_believed_of_another() {
    let (first, other, larger) = (memory(256), memory(256), memory(512));
    let known = Table::format(&first, Match::Exact, 1).unwrap().known();
    for memory in [&other, &larger] {
        let table = Table::format(memory, Match::Host, 2).unwrap();
        put(&table, "a", &route(&[1])).unwrap();
        assert!(Table::attach_known(memory, &known).is_none());
        let again = Table::attach_known(memory, &table.known()).unwrap();
        assert_eq!(again.mode(), Match::Host);
        assert!(again.lookup(b"a", &mut [0; 64]).unwrap().is_some());
    }
    assert!(Table::attach_known(&first, &known).is_some());
    first[0].store(0, std::sync::atomic::Ordering::Relaxed);
    assert!(Table::attach_known(&first, &known).is_none());
    assert!(Table::attach_known(&first[..100], &known).is_none());
}

#[test]
fn a_route_too_long_is_refused() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let name = "n".repeat(200);
    let mut long = route(&(0..256).collect::<Vec<_>>());
    put(&table, "a", &long).unwrap();
    for endpoint in &mut long.endpoints {
        endpoint.name = Some(&name);
    }
    assert_eq!(put(&table, "a", &long), Err(ApplyError::TooBig));
    let mut buf = [0; MAX_RECORD_WORDS];
    assert_eq!(
        table
            .lookup(b"a", &mut buf)
            .unwrap()
            .unwrap()
            .route
            .backend_count(),
        256
    );
}

#[test]
fn a_superseded_table_takes_no_change() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    table.set_superseded(true);
    assert_eq!(put(&table, "b", &route(&[1])), Err(ApplyError::Superseded));
    assert!(find(&table, "a").is_some());
    table.set_superseded(false);
    assert!(put(&table, "b", &route(&[1])).is_ok());
}

#[test]
fn generation_follows_changes_only() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let start = table.generation();
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    assert_eq!(table.generation(), start + 1);
    remove(&table, "a").unwrap();
    remove(&table, "a").unwrap();
    assert_eq!(table.generation(), start + 2);
}

#[test]
fn a_scan_shows_every_route_once() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let names: std::collections::BTreeSet<String> = (0..200).map(|n| format!("h{n}")).collect();
    for name in &names {
        put(&table, name, &route(&[1])).unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = table.cursor();
    let mut show =
        |route: RouteView<'_>| seen.push(String::from_utf8(route.key().to_vec()).unwrap());
    while table.scan(&mut cursor, 3, &mut show) {}
    assert!(!table.disturbed(&cursor));
    assert_eq!(seen.len(), names.len());
    assert_eq!(
        seen.into_iter().collect::<std::collections::BTreeSet<_>>(),
        names
    );
}

#[test]
fn an_owner_may_take_over_from_another() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "b", &route(&[1])).unwrap();
    let (a, b, routed) = (key("a"), key("b"), route(&[1]));
    let change = Change::Put {
        key: &a,
        route: &routed,
        owner: Owner::Redis,
    };
    let mut writer = writer(&table, 0);
    assert_eq!(writer.apply(&change), Err(ApplyError::Foreign(Owner::File)));
    writer.take_over(Owner::Api);
    assert_eq!(writer.apply(&change), Err(ApplyError::Foreign(Owner::File)));
    writer.take_over(Owner::File);
    writer.take_over(Owner::Registration);
    assert_eq!(writer.apply(&change), Ok(Applied::Replaced));
    assert_eq!(writer.apply(&change), Ok(Applied::Unchanged));
    let gone = Change::Remove {
        key: &b,
        owner: Owner::Redis,
    };
    assert_eq!(writer.apply(&gone), Ok(Applied::Removed));
    let mut buf = [0; 64];
    let hit = table.lookup(b"a", &mut buf).unwrap().unwrap();
    assert_eq!(hit.route.owner(), Some(Owner::Redis));
}

#[test]
fn each_table_has_a_number_of_its_own() {
    let (one, other) = (memory(256), memory(256));
    let first = Table::format(&one, Match::Host, 1).unwrap();
    let second = Table::format(&other, Match::Host, 2).unwrap();
    let again: Table<'_> = Table::attach(&one).unwrap();
    assert_ne!(first.own_number(), second.own_number());
    assert_eq!(first.own_number(), again.own_number());
}
