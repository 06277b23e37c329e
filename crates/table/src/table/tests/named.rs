//! Names: their addresses come later, and change while the route stays.

use super::hook::killed_at;
use super::{key, memory, put, remove, writer};
use crate::balance::tests::rules;
use crate::balance::{POLICIES, Schemes, Selection, policy};
use crate::route::{Located, Match, Resolver, parse_route};
use crate::table::{
    Applied, ApplyError, Change, MAX_RECORD_WORDS, Owner, Passive, Shown, Table, resolve,
};
use std::net::IpAddr;

fn located(ips: &[&str]) -> Vec<Located> {
    let one = |ip: &&str| ip.parse::<IpAddr>().unwrap().into();
    ips.iter().map(one).collect()
}

/// Puts a route of this JSON, with what `ask` knows of its names.
fn put_text(table: &Table<'_>, text: &str, ask: &mut Resolver<'_>) -> Applied {
    let route = parse_route(text.as_bytes()).unwrap();
    let key = key("a.test");
    put(table, "a.test", &resolve(&key, &route, ask, &mut |_| {})).unwrap()
}

fn nothing_known() -> impl FnMut(crate::route::Sought<'_>) -> Result<Vec<Located>, String> {
    |_| Err("not known".into())
}

/// The addresses of the route's backends; of those that wait `-`.
fn addresses(table: &Table<'_>) -> Vec<String> {
    let mut buf = [0; MAX_RECORD_WORDS];
    let hit = table.lookup(b"a.test", &mut buf).unwrap().unwrap();
    let text = |one: crate::route::Endpoint<'_>| match one.is_waiting() {
        true => "-".to_owned(),
        false => one.address.to_string(),
    };
    let endpoints = hit.route.backends().map(|one| one.endpoint());
    endpoints.map(text).collect()
}

const TWO: &str = r#"{"backends": ["http://one.test:80", "http://10.0.0.9:81"]}"#;

#[test]
fn no_policy_chooses_a_backend_that_waits() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let mut buf = [0; MAX_RECORD_WORDS];
    for text in [
        TWO,
        r#"{"backends": ["http://one.test", "https://two.test"]}"#,
    ] {
        put_text(&table, text, &mut nothing_known());
        let hit = table.lookup(b"a.test", &mut buf).unwrap().unwrap();
        for row in POLICIES {
            let policy = policy(row.name).unwrap();
            let passive = Passive::default();
            let rules = rules(&*policy, &passive);
            let mut selection = Selection::new(&hit.route, Schemes::BOTH);
            let mut chosen = Vec::new();
            while let Some(index) = selection.next(&rules, &table, &hit.route, 1) {
                chosen.push(index);
                if chosen.len() > 1 {
                    break;
                }
            }
            let wanted: &[usize] = if text == TWO { &[1, 1] } else { &[] };
            assert!(
                chosen.iter().all(|index| wanted.contains(index)),
                "{}",
                row.name
            );
            assert_eq!(chosen.is_empty(), wanted.is_empty(), "{}", row.name);
        }
    }
}

#[test]
fn a_name_that_nobody_knows_now_keeps_the_addresses_it_had() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    put_text(&table, TWO, &mut |_| Ok(located(&["10.0.0.1", "::1"])));
    let all = ["10.0.0.1:80", "[::1]:80", "10.0.0.9:81"];
    assert_eq!(addresses(&table), all);
    let again = put_text(&table, TWO, &mut nothing_known());
    assert_eq!(
        (again, addresses(&table)),
        (Applied::Unchanged, all.map(str::to_owned).to_vec())
    );
    // What else the backend says is as it is put.
    let other = r#"{"backends": ["https://two.test", {"url": "http://one.test:90", "weight": 3}]}"#;
    put_text(&table, other, &mut nothing_known());
    assert_eq!(addresses(&table), ["-", "10.0.0.1:90", "[::1]:90"]);
    let mut buf = [0; MAX_RECORD_WORDS];
    let hit = table.lookup(b"a.test", &mut buf).unwrap().unwrap();
    assert_eq!(hit.route.backend(1).unwrap().weight(), 3);
    // A service of the same name is something else.
    let service = r#"{"backends": ["http://one.test#service=http"]}"#;
    put_text(&table, service, &mut nothing_known());
    assert_eq!(addresses(&table), ["-"]);
}

/// Puts a route with a name that has a hundred addresses, then one of that name and of `others`, and nothing is known.
fn kept_beside(others: usize) -> Vec<String> {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let ips: Vec<String> = (100..200).map(|n| format!("10.0.1.{n}")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    let alone = r#"{"backends": ["http://one.test:80"]}"#;
    put_text(&table, alone, &mut |_| Ok(located(&ips)));
    assert_eq!(addresses(&table).len(), 100);
    let others: Vec<String> = (0..others)
        .map(|n| format!("\"http://10.0.2.{n}\""))
        .collect();
    let text = format!(
        r#"{{"backends": ["http://one.test:80", {}]}}"#,
        others.join(",")
    );
    put_text(&table, &text, &mut nothing_known());
    addresses(&table)
}

#[test]
fn kept_addresses_leave_room_for_the_other_backends() {
    let kept = kept_beside(160);
    assert_eq!(kept.len(), 256);
    assert_eq!(kept[95..97], ["10.0.1.195:80", "10.0.2.0:80"]);
}

#[test]
fn where_a_record_is_too_short_some_addresses_are_kept() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let ips: Vec<String> = (100..200).map(|n| format!("10.0.1.{n}")).collect();
    let ips: Vec<&str> = ips.iter().map(String::as_str).collect();
    put_text(&table, r#"{"backends": ["http://one.test"]}"#, &mut |_| {
        Ok(located(&ips))
    });
    let long = "m".repeat(1000);
    let others: Vec<String> = (0..100)
        .map(|n| format!(r#"{{"url": "http://10.0.2.{n}", "weight": 300}}"#))
        .collect();
    let text = format!(
        r#"{{"backends": ["http://one.test", {}], "meta": {{"m": "{long}"}}, "vars": {{"v": "{long}"}}}}"#,
        others.join(",")
    );
    put_text(&table, &text, &mut nothing_known());
    let kept = addresses(&table);
    assert_eq!(
        (kept.len(), kept[63].as_str(), kept[64].as_str()),
        (164, "10.0.1.163:80", "10.0.2.0:80")
    );
}

#[test]
fn peers_that_stay_keep_their_health() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    put_text(&table, TWO, &mut |_| Ok(located(&["10.0.0.1", "10.0.0.2"])));
    let mut buf = [0; MAX_RECORD_WORDS];
    let peer_at = |buf: &mut [u64], address: &str| {
        let hit = table.lookup(b"a.test", buf).unwrap().unwrap();
        let mut backends = hit.route.backends();
        let found = backends.find(|one| one.address.to_string() == address);
        table.peer(found.unwrap().peer()).unwrap()
    };
    peer_at(&mut buf, "10.0.0.2:80").failed(7, &Passive::default(), None);
    put_text(&table, TWO, &mut |_| Ok(located(&["10.0.0.2", "10.0.0.3"])));
    assert_eq!(peer_at(&mut buf, "10.0.0.2:80").fails(), 1);
    assert_eq!(peer_at(&mut buf, "10.0.0.3:80").fails(), 0);
}

/// A client that changes what it has read must not be refused because a name server answered meanwhile.
#[test]
fn a_version_does_not_change_with_addresses() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let version = || {
        let taken = table.take_out(&key("a.test")).unwrap().unwrap();
        table.version_of(&taken)
    };
    let with = |secret: &str, weight: u16| {
        format!(
            r#"{{"backends": [{{"url": "http://one.test:80", "weight": {weight}}}], "keys": {{"t": "{secret}"}}}}"#
        )
    };
    put_text(&table, &with("s", 1), &mut nothing_known());
    let first = version();
    for ips in [&["10.0.0.1"][..], &["10.0.0.2", "10.0.0.3"]] {
        assert_eq!(
            put_text(&table, &with("s", 1), &mut |_| Ok(located(ips))),
            Applied::Replaced
        );
        assert_eq!(version(), first);
    }
    put_text(&table, &with("other", 1), &mut nothing_known());
    let other_key = version();
    assert_ne!(other_key, first);
    put_text(&table, &with("other", 2), &mut nothing_known());
    assert_ne!(version(), other_key);
    // And whose it is counts.
    put_text(&table, TWO, &mut nothing_known());
    let of_file = version();
    remove(&table, "a.test").unwrap();
    let route = parse_route(TWO.as_bytes()).unwrap();
    let key = key("a.test");
    let resolved = resolve(&key, &route, &mut nothing_known(), &mut |_| {});
    let change = Change::Put {
        key: &key,
        route: &resolved,
        owner: Owner::Api,
    };
    writer(&table, 0).apply(&change).unwrap();
    assert_ne!(version(), of_file);
}

#[test]
fn whoever_follows_names_is_told_of_routes_with_names_and_of_no_others() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let mut last = table.named();
    let mut changed = || std::mem::replace(&mut last, table.named()) != table.named();
    let plain = r#"{"backends": ["http://10.0.0.1:80", "http://[::1]:80", "http://unix:/s"]}"#;
    put_text(&table, plain, &mut nothing_known());
    assert!(!changed());
    put_text(&table, TWO, &mut nothing_known());
    assert!(changed());
    put_text(&table, TWO, &mut nothing_known());
    assert!(!changed(), "nothing was written");
    put_text(&table, plain, &mut nothing_known());
    assert!(changed(), "a name has gone");
    put_text(&table, TWO, &mut nothing_known());
    assert!(changed());
    remove(&table, "a.test").unwrap();
    assert!(changed());
}

#[test]
fn a_change_that_a_full_zone_refuses_is_told_to_nobody() {
    let memory = memory(96);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let route = parse_route(TWO.as_bytes()).unwrap();
    for n in 0.. {
        let host = format!("h{n}.test");
        let named = table.named();
        let resolved = resolve(&key(&host), &route, &mut nothing_known(), &mut |_| {});
        if put(&table, &host, &resolved) == Err(ApplyError::Full) {
            assert!(n > 10);
            assert_eq!(table.named(), named);
            return;
        }
        assert_ne!(table.named(), named);
    }
}

/// A writer that is killed after its change can be seen tells nobody: the next one does.
#[test]
fn a_killed_writer_hides_no_name() {
    for stores in 0.. {
        let memory = memory(96);
        let table = Table::format(&memory, Match::Host, 3).unwrap();
        put_text(
            &table,
            r#"{"backends": ["http://10.0.0.1"]}"#,
            &mut nothing_known(),
        );
        // Whoever follows names has seen what was there before the kill.
        let killed = killed_at(stores, || {
            put_text(&table, TWO, &mut nothing_known());
        });
        let seen = table.named();
        let is_there = addresses(&table).len() == 2;
        let _ = writer(&table, 1);
        assert_eq!(addresses(&table).len() == 2, is_there);
        if !killed {
            assert!(stores > 10, "only {stores} stores");
            return;
        }
        assert!(stores == 0 || table.named() != seen, "{stores}");
    }
}

#[test]
fn how_many_names_there_are_is_told() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    table.note_names(7, 3);
    let stats = table.stats();
    assert_eq!((stats.names, stats.unresolved), (7, 3));
}

/// The names of a bulk are told of when it is shown.
#[test]
fn a_bulk_with_names_is_told_of() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let plain = r#"{"backends": ["http://10.0.0.1:80"]}"#;
    for (host, text, is_told) in [("a.test", plain, false), ("b.test", TWO, true)] {
        let number = writer(&table, 0).open_bulk().unwrap();
        let resume = || {
            let mut writer = writer(&table, 0);
            assert!(writer.resume_bulk(number));
            writer
        };
        let (key, route) = (key(host), parse_route(text.as_bytes()).unwrap());
        let route = &resolve(&key, &route, &mut nothing_known(), &mut |_| {});
        let (key, owner) = (&key, Owner::File);
        let before = table.named();
        resume().apply(&Change::Put { key, route, owner }).unwrap();
        assert_eq!(table.named(), before);
        assert_eq!(resume().show_bulk(1), Shown::All);
        assert_eq!(table.named() != before, is_told, "{host}");
        resume().settle(key);
        resume().close_bulk();
    }
}
