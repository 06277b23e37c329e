//! Walks in the order of hashes, single routes, and stored routes as they were written.

use super::{key, memory, put, remove, route, writer};
use crate::route::{Located, Match, Resolved, Route, Secret, Sought, parse_route};
use crate::table::{Listing, Room, Table};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The keys of a walk, in its order.
fn list(table: &Table<'_>, after: Option<&str>, most: usize) -> Vec<String> {
    let mut listing = Listing::new(table, after.map(str::as_bytes), Some(most as u64));
    let mut keys = Vec::new();
    while keys.len() < most
        && listing.step(table, &mut |view| {
            let more = keys.len() < most;
            if more {
                keys.push(String::from_utf8(view.key().to_vec()).unwrap());
            }
            more
        })
    {}
    keys
}

#[test]
fn a_walk_shows_every_route_once_and_goes_on_behind_any_key() {
    let memory = memory(2048);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    let names: BTreeSet<String> = (0..5000).map(|n| format!("h{n}.test")).collect();
    for (n, name) in names.iter().enumerate() {
        put(&table, name, &route(&[n as u32])).unwrap();
    }
    let all = list(&table, None, usize::MAX);
    assert_eq!(all.len(), names.len());
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), names);
    let mut paged = Vec::new();
    loop {
        let page = list(&table, paged.last().map(String::as_str), 70);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    // The key need not be there any more.
    remove(&table, &all[100]).unwrap();
    assert_eq!(list(&table, Some(&all[100]), 5), &all[101..106]);
}

#[test]
fn growth_changes_no_order_and_hides_no_route_that_stays() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let stay: Vec<String> = (0..1500).map(|n| format!("stay{n}.test")).collect();
    for name in &stay {
        put(&table, name, &route(&[])).unwrap();
    }
    for n in 0..6500 {
        put(&table, &format!("old{n}.test"), &route(&[])).unwrap();
    }
    let mut before = list(&table, None, usize::MAX);
    before.retain(|name| name.starts_with("stay"));
    let mut listing = Listing::new(&table, None, None);
    let (mut seen, mut added) = (Vec::new(), 0);
    let moves = table.moves();
    while listing.step(&table, &mut |view| {
        let name = String::from_utf8(view.key().to_vec()).unwrap();
        if name.starts_with("stay") {
            seen.push(name);
        }
        true
    }) {
        // Until the index is crowded and entries have to move.
        for _ in 0..15 {
            added += 1;
            let _ = put(&table, &format!("new{added}.test"), &route(&[]));
        }
    }
    assert!(table.moves() > moves, "nothing has moved");
    assert_eq!(seen, before);
}

#[test]
fn a_version_changes_with_the_route_and_only_then() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let version = || {
        let taken = table.take_out(&key("a.test")).unwrap();
        taken.map(|taken| table.version_of(&taken))
    };
    assert_eq!(version(), None);
    put(&table, "a.test", &route(&[1, 2])).unwrap();
    let first = version();
    put(&table, "b.test", &route(&[2, 3])).unwrap();
    assert_eq!(version(), first);
    put(&table, "a.test", &route(&[1, 3])).unwrap();
    assert_ne!(version(), first);
    put(&table, "a.test", &route(&[1, 2])).unwrap();
    assert_eq!(version(), first);
    // Keys are a part of it, though nobody sees them.
    let with = |secret: &str| {
        let text =
            format!(r#"{{"backends": ["http://10.0.0.1:80"], "keys": {{"t": "{secret}"}}}}"#);
        let route = parse_route(text.as_bytes()).unwrap();
        put(
            &table,
            "a.test",
            &route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {}),
        )
        .unwrap();
        version()
    };
    assert_ne!(with("one"), with("two"));
    let taken = table.take_out(&key("a.test")).unwrap().unwrap();
    assert_eq!(taken.written().keys[0].1.text(), "two");
}

/// What has keys moves too when room is made. A client that changes what it has read must not be refused for that.
#[test]
fn a_route_that_only_moves_keeps_its_version() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let secret = Secret::new("x".repeat(200));
    let name = |n: u32| format!("h{n}.test");
    for n in 0..600 {
        let route = Resolved {
            keys: vec![("token", &secret)],
            ..route(&[n])
        };
        put(&table, &name(n), &route).unwrap();
    }
    for n in (0..600).filter(|n| n % 10 > 0) {
        remove(&table, &name(n)).unwrap();
    }
    let all = || {
        let left = (0..600).step_by(10);
        let taken = left.map(|n| table.take_out(&key(&name(n))).unwrap().unwrap());
        taken.map(|taken| (taken.view().words().to_vec(), table.version_of(&taken)))
    };
    let before: Vec<_> = all().collect();
    let mut room = Room::default();
    while writer(&table, 0).make_room(&mut room) {}
    let moved = before.iter().zip(all()).filter(|(a, b)| a.0 != b.0);
    assert!(moved.count() > 10, "nothing has moved");
    assert!(before.iter().zip(all()).all(|(a, b)| a.1 == b.1));
}

fn names(sought: Sought<'_>) -> Vec<Located> {
    let at = |n: u8| Located::from(IpAddr::from([10, 1, 0, n]));
    let service = |n: u8, port: u16, backup| Located {
        at: SocketAddr::from(([10, 2, 0, n], port)),
        weight: u16::from(n),
        backup,
    };
    match sought.name {
        _ if sought.service.is_some() => vec![
            service(2, 81, false),
            service(2, 80, true),
            service(1, 90, false),
        ],
        "one.test" => vec![at(1)],
        "three.test" => vec![at(2), at(3), at(4)],
        _ => Vec::new(),
    }
}

fn a_backend() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "10.0.0.5",
        "[::1]",
        "one.test",
        "three.test",
        "none.test",
    ]);
    let tls = any::<bool>();
    let sni = prop::sample::select(vec!["", "shop.internal"]);
    (host, tls, 1..3_u16, 1..400_u16, any::<bool>(), any::<bool>(), sni).prop_map(
        |(host, tls, port, weight, backup, drain, sni)| {
            let scheme = if tls { "https" } else { "http" };
            // Without TLS a route keeps no SNI.
            let sni = if tls && !sni.is_empty() {
                format!(r#","sni":"{sni}""#)
            } else {
                String::new()
            };
            if host == "three.test" && port == 2 {
                return format!(
                    r#"{{"url":"{scheme}://{host}","service":"http","drain":{drain}{sni}}}"#
                );
            }
            format!(
                r#"{{"url":"{scheme}://{host}:{port}","weight":{weight},"backup":{backup},"drain":{drain}{sni}}}"#
            )
        },
    )
}

proptest! {
    #[test]
    fn a_stored_route_is_written_as_it_was(
        backends in prop::collection::vec(a_backend(), 0..6),
        var in "[ -~]{0,20}",
    ) {
        let var = serde_json::to_string(&var).unwrap();
        let text = format!(
            r#"{{"id":"x","backends":[{}],"vars":{{"v":{var}}},"meta":{{"a":[1,{{"b":null}}]}}}}"#,
            backends.join(",")
        );
        let written: Route = parse_route(text.as_bytes()).unwrap();
        let resolved = written.resolve(9, &mut |sought| Ok(names(sought)), &mut |_| {});
        let memory = memory(512);
        let table = Table::format(&memory, Match::Host, 3).unwrap();
        put(&table, "a.test", &resolved).unwrap();
        let again = table.take_out(&key("a.test")).unwrap().unwrap().written();
        prop_assert_eq!(&again, &written);
        // And its JSON is that route.
        let mut json = Vec::new();
        again.write_json(&mut json);
        prop_assert_eq!(&parse_route(&json).unwrap(), &written);
    }
}
