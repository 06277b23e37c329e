//! Tables as files: what is written is read back, and nothing else is.

use super::{Fault, Found, Head, Snapshot, read};
use crate::route::{
    Address, Endpoint, Key, Match, Options, Protocol, ProxyHeader, Resolved, Secret,
};
use crate::table::tests::{endpoint, memory};
use crate::table::{Change, Keys, Owner, RouteView, Table, Walk};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::AtomicU64;

/// A route that owns its texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Own {
    owner: String,
    id: String,
    backends: Vec<String>,
    vars: Vec<(String, String)>,
    keys: Vec<(String, String)>,
    meta: Option<String>,
}

fn own(owner: Owner, route: &Resolved<'_>) -> Own {
    let list = |pairs: &[(&str, &str)]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect::<Vec<_>>()
    };
    let keys: Vec<(&str, &str)> = route.keys.iter().map(|(n, s)| (*n, s.text())).collect();
    Own {
        owner: format!("{owner:?}"),
        id: route.id.to_owned(),
        backends: route.endpoints.iter().map(|e| format!("{e:?}")).collect(),
        vars: list(&route.vars),
        keys: list(&keys),
        meta: route.meta.map(str::to_owned),
    }
}

type Content = BTreeMap<Vec<u8>, Own>;

pub(super) struct All<'s>(pub(super) &'s mut Snapshot);

impl Walk for All<'_> {
    fn wants(&mut self, _: usize, _: u64) -> bool {
        true
    }

    fn show(&mut self, route: &RouteView<'_>, keys: &Keys<'_>) {
        self.0.add(route, keys);
    }
}

fn head() -> Head {
    Head {
        name: "apps".into(),
        mode: Match::Host,
        source: 7,
    }
}

fn file_of(table: &Table<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut snapshot = Snapshot::new(&head());
    let mut cursor = table.cursor();
    loop {
        let more = table.scan_wanted(&mut cursor, 3, &mut All(&mut snapshot));
        if !more {
            snapshot.finish();
        }
        bytes.extend(snapshot.ready());
        snapshot.wrote();
        if !more {
            return bytes;
        }
    }
}

fn content_of(mut file: &[u8]) -> Result<(Head, Content), Fault<Infallible>> {
    let (mut head, mut content) = (None, Content::new());
    let take = &mut |found: &Found<'_>| {
        content.insert(found.key.to_vec(), own(found.owner, found.route));
        Ok(())
    };
    let begin = &mut |found: &Head| {
        head = Some(found.clone());
        Ok(())
    };
    read(&mut file, begin, take)?;
    Ok((head.unwrap(), content))
}

fn put(table: &Table<'_>, key: &str, owner: Owner, route: &Resolved<'_>) {
    let key = Key::parse(key.as_bytes(), Match::Host).unwrap();
    let change = Change::Put {
        key: &key,
        route,
        owner,
    };
    table.writer(0).unwrap().apply(&change).unwrap();
}

/// A table with everything that a route can have, and with each owner.
fn full_table(memory: &[AtomicU64]) -> (Table<'_>, Content) {
    let table = Table::format(memory, Match::Host, 3).unwrap();
    let (secret, long) = (Secret::new("s3cret".into()), Secret::new("x".repeat(900)));
    let v6 = Address::Ip("[2001:db8::1]:443".parse().unwrap());
    let options = Options {
        proxy: ProxyHeader::V2,
        protocol: Protocol::Tcp,
        max_conns: Options::MOST_CONNS,
        slow_start_ms: Options::MOST_SLOW_START_MS,
    };
    let full = Resolved {
        id: "shop ü",
        endpoints: vec![
            endpoint(1, 300),
            Endpoint {
                address: v6,
                tls: true,
                name: Some("a.internal"),
                sni: Some("b.internal"),
                options,
                ..endpoint(0, 1)
            },
            Endpoint {
                address: Address::Ip("10.0.0.9:8080".parse().unwrap()),
                name: Some("shop.internal"),
                service: Some("http"),
                ..endpoint(0, 30)
            },
            Endpoint {
                address: Address::Ip("0.0.0.0:0".parse().unwrap()),
                name: Some("later.internal"),
                service: Some("http"),
                drain: true,
                ..endpoint(0, 1)
            },
            Endpoint {
                address: Address::Unix("/run/app.sock"),
                drain: true,
                backup: true,
                ..endpoint(0, 65535)
            },
        ],
        vars: vec![("token", "gold"), ("", "\u{1}\n")],
        keys: vec![("token", &secret), ("long", &long)],
        meta: Some(r#"{"a":[1,2]}"#),
        check: Some("uri=/live interval=3s"),
        imprint: None,
    };
    let plain = Resolved {
        endpoints: vec![endpoint(9, 1)],
        ..Resolved::default()
    };
    let routes = [
        ("a.test", Owner::File, &full),
        ("*.b.test", Owner::Api, &plain),
        ("*", Owner::Registration, &full),
        ("[::1]", Owner::Redis, &plain),
        ("none.test", Owner::Redis, &Resolved::default()),
    ];
    let mut content = Content::new();
    for (key, owner, route) in routes {
        put(&table, key, owner, route);
        content.insert(key.into(), own(owner, route));
    }
    (table, content)
}

#[test]
fn what_is_written_is_read_back() {
    let memory = memory(256);
    let (table, content) = full_table(&memory);
    let (read_head, read_content) = content_of(&file_of(&table)).unwrap();
    assert_eq!((read_head, read_content), (head(), content));
}

#[test]
fn an_empty_table_is_a_file_too() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let (_, content) = content_of(&file_of(&table)).unwrap();
    assert!(content.is_empty());
}

/// Blocks of more than one kind of size, and more than one of them.
#[test]
fn many_routes_are_many_blocks() {
    let memory = memory(4096);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    let mut content = Content::new();
    for n in 0..5_000_u32 {
        let id = "x".repeat(n as usize % 200);
        let route = Resolved {
            id: &id,
            endpoints: vec![endpoint(n, 1)],
            ..Resolved::default()
        };
        let key = format!("h{n}.test");
        put(&table, &key, Owner::Api, &route);
        content.insert(key.into_bytes(), own(Owner::Api, &route));
    }
    let file = file_of(&table);
    assert!(file.len() > 8 * super::BLOCK, "{}", file.len());
    assert_eq!(content_of(&file).unwrap().1, content);
}

#[test]
fn a_file_that_is_cut_anywhere_is_damaged() {
    let memory = memory(256);
    let file = file_of(&full_table(&memory).0);
    for len in 0..file.len() {
        let came = content_of(&file[..len]);
        assert!(matches!(came, Err(Fault::Damaged(_))), "{len}: {came:?}");
    }
    let longer = [&file[..], &[0]].concat();
    assert!(matches!(content_of(&longer), Err(Fault::Damaged(_))));
}

#[test]
fn a_file_with_any_bit_flipped_is_not_read() {
    let memory = memory(256);
    let file = file_of(&full_table(&memory).0);
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut file = file.clone();
            file[at] ^= 1 << bit;
            let came = content_of(&file);
            let is_version = (8..12).contains(&at);
            let is_refused = match came {
                Err(Fault::Damaged(_)) => true,
                Err(Fault::Newer(_)) => is_version,
                _ => false,
            };
            assert!(is_refused, "byte {at}, bit {bit}: {came:?}");
        }
    }
}

#[test]
fn blocks_cannot_change_places() {
    let memory = memory(4096);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    for n in 0..4_000_u32 {
        put(
            &table,
            &format!("h{n}.test"),
            Owner::Api,
            &crate::table::tests::route(&[n]),
        );
    }
    let file = file_of(&table);
    let mut blocks = vec![];
    let mut rest = &file[12..];
    while let Some((len, _)) = rest.split_first_chunk::<4>() {
        let (block, more) = rest.split_at(12 + u32::from_le_bytes(*len) as usize);
        blocks.push(block);
        rest = more;
    }
    // None is far shorter than a block, so that there are few of them.
    assert!((5..40).contains(&blocks.len()), "{}", blocks.len());
    let with = |order: &[usize]| {
        let blocks = order.iter().map(|n| blocks[*n]);
        [&file[..12]]
            .into_iter()
            .chain(blocks)
            .collect::<Vec<_>>()
            .concat()
    };
    let all: Vec<usize> = (0..blocks.len()).collect();
    assert!(content_of(&with(&all)).is_ok());
    let mut swapped = all.clone();
    swapped.swap(1, 2);
    let mut without = all.clone();
    without.remove(2);
    let mut twice = all;
    twice.insert(2, 2);
    for order in [swapped, without, twice] {
        let came = content_of(&with(&order));
        assert!(
            matches!(came, Err(Fault::Damaged(_))),
            "{order:?}: {came:?}"
        );
    }
}

#[test]
fn a_later_version_is_told_from_damage() {
    let memory = memory(256);
    let mut file = file_of(&full_table(&memory).0);
    file[8] = 9;
    file.truncate(20);
    assert!(matches!(content_of(&file), Err(Fault::Newer(9))));
}

/// With right checks around it: what a table would never have been given is left out, what is no route is damage.
#[test]
fn a_route_that_no_table_would_take_is_left_out() {
    let odd = Resolved {
        endpoints: vec![Endpoint {
            name: Some("a\r\nb"),
            ..endpoint(1, 1)
        }],
        ..Resolved::default()
    };
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 3).unwrap();
    put(&table, "odd.test", Owner::Api, &odd);
    put(
        &table,
        "a.test",
        Owner::Api,
        &crate::table::tests::route(&[1]),
    );
    let mut found = vec![];
    let left_out = read(
        &mut &file_of(&table)[..],
        &mut |_| Ok::<(), Infallible>(()),
        &mut |route| {
            found.push(route.key.to_vec());
            Ok(())
        },
    );
    assert_eq!((left_out.unwrap(), found), (1, vec![b"a.test".to_vec()]));
}

proptest! {
    /// Any bytes whatever, alone and behind a good beginning with right checks.
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, pieces: Vec<Vec<u8>>) {
        let _ = content_of(&bytes);
        let mut file = [&super::MAGIC[..], &1_u32.to_le_bytes()].concat();
        let mut check = super::next_check(0, &file);
        let head = [&[1, 0, 0, 0, 0, 1, b'a'][..]];
        let pieces = head.into_iter().chain(pieces.iter().map(Vec::as_slice));
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            check = super::next_check(check, piece);
            file.extend((piece.len() as u32).to_le_bytes());
            file.extend(check.to_le_bytes());
            file.extend(piece);
        }
        let _ = content_of(&file);
    }

    /// The bytes of a real route with some of them changed, behind right checks.
    #[test]
    fn nearly_good_routes_are_read_without_a_panic(changes: Vec<(u16, u8)>) {
        let memory = memory(256);
        let file = file_of(&full_table(&memory).0);
        let head_len = 12 + u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
        let at = 12 + head_len + 12;
        let len = u32::from_le_bytes(file[at - 12..at - 8].try_into().unwrap()) as usize;
        let mut file = file[..at + len].to_vec();
        for (place, byte) in changes {
            file[at + usize::from(place) % len] = byte;
        }
        let before = u64::from_le_bytes(file[16..24].try_into().unwrap());
        let check = super::next_check(before, &file[at..]);
        file[at - 8..at].copy_from_slice(&check.to_le_bytes());
        prop_assert!(content_of(&file).is_err(), "it has no end");
    }
}

/// A million routes as they come from a store: `cargo test --release -p gatehouse-table a_million -- --nocapture` prints
/// what it takes to write and to read them.
#[test]
fn a_million_routes_are_read_quickly() {
    let part = if cfg!(debug_assertions) { 100 } else { 1 };
    let (hosts, peers) = (1_000_000 / part, 200_000 / part);
    let kib = 128 * 1024 / part as usize + 64;
    let (from, to) = (memory(kib), memory(kib));
    let table = Table::format(&from, Match::Host, 42).unwrap();
    for n in 0..hosts {
        let route = crate::table::tests::route(&[n % peers, (n / 3 + 7) % peers]);
        put(
            &table,
            &format!("customer-{n:07}.application.example.com"),
            Owner::Redis,
            &route,
        );
    }
    let start = std::time::Instant::now();
    let file = file_of(&table);
    println!("{} bytes written in {:?}", file.len(), start.elapsed());
    let copy = Table::format(&to, Match::Host, 43).unwrap();
    let start = std::time::Instant::now();
    let mut writer = copy.writer(0).unwrap();
    let taken = read(
        &mut &file[..],
        &mut |_| Ok::<(), String>(()),
        &mut |found| {
            let key = Key::parse(found.key, Match::Host).map_err(|e| e.to_string())?;
            let change = Change::Put {
                key: &key,
                route: found.route,
                owner: found.owner,
            };
            writer.apply(&change).map(|_| ()).map_err(|e| e.to_string())
        },
    );
    println!("read in {:?}", start.elapsed());
    assert_eq!(taken.unwrap(), 0);
    assert_eq!(copy.stats().routes, u64::from(hosts));
}
