//! The documented size: a million hosts of 40 bytes with an id of 16, two backends each out of 200,000, in 128 MiB.
//! In full in a release build (`cargo test --release -p gatehouse-core scale -- --nocapture` prints figures); a
//! hundredth of it otherwise.

use super::{endpoint, memory, writer};
use crate::route::{Key, Match, Resolved};
use crate::table::{Applied, Change, Owner, Passive, Selection, Table};
use std::time::Instant;

const PART: u32 = if cfg!(debug_assertions) { 100 } else { 1 };
const HOSTS: u32 = 1_000_000 / PART;
const PEERS: u32 = 200_000 / PART;
const KIB: usize = 128 * 1024 / PART as usize;

fn host(n: u32) -> String {
    format!("customer-{n:07}.application.example.com")
}

fn backends(n: u32) -> [u32; 2] {
    [n % PEERS, (n / 3 + 7) % PEERS]
}

fn fill(table: &Table<'_>, change: u32) -> Vec<u128> {
    let mut slowest = Vec::new();
    for n in 0..HOSTS {
        let key = Key::parse(host(n).as_bytes(), Match::Host).unwrap();
        let id = format!("application-{n:04}");
        let endpoints = backends(n + change).map(|peer| endpoint(peer, 1)).to_vec();
        let route = Resolved {
            id: id.get(..16).unwrap(),
            endpoints,
            ..Resolved::default()
        };
        let start = Instant::now();
        let change = Change::Put {
            key: &key,
            route: &route,
            owner: Owner::File,
        };
        let now = u64::from(n) / 100;
        assert!(
            matches!(
                writer(table, now).apply(&change),
                Ok(Applied::Created | Applied::Replaced)
            ),
            "{n}"
        );
        slowest.push(start.elapsed().as_nanos());
    }
    slowest.sort_unstable();
    slowest
}

#[test]
fn a_million_hosts_fit_and_are_found() {
    let memory = memory(KIB);
    let table = Table::format(&memory, Match::Host, 42).unwrap();
    let puts = fill(&table, 0);
    let stats = table.stats();
    assert_eq!(
        (stats.routes, stats.peers),
        (u64::from(HOSTS), u64::from(PEERS))
    );
    println!(
        "{} bytes a host; {stats:?}",
        (stats.pages - stats.free_pages) * 8192 / u64::from(HOSTS)
    );
    println!(
        "put: median {} ns, worst {} ns",
        puts[puts.len() / 2],
        puts[puts.len() - 1]
    );
    let mut buf = [0; 64];
    for (hosts, what) in [(HOSTS, "all hosts"), (1000, "1,000 hosts")] {
        let names: Vec<String> = (0..200_000 / PART)
            .map(|n| host(n.wrapping_mul(2_654_435_761) % hosts))
            .collect();
        let start = Instant::now();
        for name in &names {
            let hit = table.lookup(name.as_bytes(), &mut buf).unwrap().unwrap();
            assert_eq!(hit.route.backend_count(), 2);
        }
        println!(
            "lookup among {what}: {} ns",
            start.elapsed().as_nanos() / names.len() as u128
        );
    }
    // Every one has its own backends; replacing all of them works in the same memory.
    let changed = fill(&table, 1);
    println!(
        "replace: median {} ns, worst {} ns",
        changed[changed.len() / 2],
        changed[changed.len() - 1]
    );
    for n in (0..HOSTS).step_by(997) {
        let name = host(n);
        let hit = table.lookup(name.as_bytes(), &mut buf).unwrap().unwrap();
        let expected = backends(n + 1).map(|peer| endpoint(peer, 1));
        assert_eq!(hit.route.resolved().endpoints, expected);
    }
    let start = Instant::now();
    let mut slices = 1;
    while !table.repair_slice() {
        slices += 1;
    }
    println!(
        "repair: {} ms in {slices} slices",
        start.elapsed().as_millis()
    );
    assert_eq!(table.stats().routes, u64::from(HOSTS));
    assert_eq!(table.stats().peers, u64::from(PEERS));
}

/// What a request does at 1,000 hosts, many times over: for an instruction counter.
#[test]
#[ignore = "a measurement: run alone under callgrind, with and without LOOKUPS=0"]
fn requests_at_a_thousand_hosts() {
    let memory = memory(8192);
    let table = Table::format(&memory, Match::Host, 42).unwrap();
    for n in 0..1000 {
        super::put(&table, &host(n), &super::route(&backends(n))).unwrap();
    }
    let lookups: u32 = std::env::var("LOOKUPS").map_or(1_000_000, |n| n.parse().unwrap());
    let choose = std::env::var("CHOOSE").is_ok();
    let names: Vec<String> = (0..1000).map(host).collect();
    let (mut normal, mut buf) = ([0; 253], [0; 64]);
    for n in 0..lookups as usize {
        let key =
            crate::route::normalize(names[n % 1000].as_bytes(), Match::Host, &mut normal).unwrap();
        let hit = table.lookup(key, &mut buf).unwrap().unwrap();
        if choose {
            let passive = Passive::default();
            let next = Selection::new(&hit.route, false)
                .next(&table, &hit.route, 0, &passive)
                .unwrap();
            let backend = hit.route.backend(next).unwrap();
            std::hint::black_box(backend.address);
        }
    }
}
