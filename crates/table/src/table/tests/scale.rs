//! The documented size: a million hosts of 40 bytes with an id of 16, two backends each out of 200,000, in 128 MiB.
//! In full in a release build (`cargo test --release -p gatehouse-table scale -- --nocapture` prints figures); a
//! hundredth of it otherwise.

use super::hook::{killed_at, touched};
use super::{endpoint, memory, writer};
use crate::route::{Key, Match, Resolved};
use crate::table::{Applied, Change, Owner, Table};
use std::time::Instant;

const PART: u32 = if cfg!(debug_assertions) { 100 } else { 1 };
const HOSTS: u32 = 1_000_000 / PART;
const PEERS: u32 = 200_000 / PART;
/// A few pages more for a part of it, where rounding up to pages weighs more.
const KIB: usize = if PART == 1 {
    128 * 1024
} else {
    128 * 1024 / PART as usize + 64
};

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
    assert_eq!(table.stats().routes, u64::from(HOSTS));
    assert_eq!(table.stats().peers, u64::from(PEERS));
}

/// Words read and written by one hold of the lock, at most: 5 ms even if each of them took 100 ns, as one that is in no
/// cache does.
const MOST: u64 = 50_000;

/// Calls until `work` says that it is over; none of the calls touches many words.
fn in_slices(what: &str, mut work: impl FnMut() -> bool) {
    let (mut slices, mut most, mut longest) = (0, 0, 0);
    let mut over = false;
    while !over {
        let start = Instant::now();
        let (words, done) = touched(&mut work);
        longest = longest.max(start.elapsed().as_micros());
        most = most.max(words);
        (slices, over) = (slices + 1, done);
    }
    println!("{what}: {slices} slices, at most {most} words and {longest} us");
    assert!(most < MOST, "{what}: {most} words in one slice");
}

/// Every hold of the lock is short, whatever the table's size: a change, a repair, making room.
#[test]
fn nothing_under_the_lock_takes_long() {
    let memory = memory(KIB);
    let table = Table::format(&memory, Match::Host, 42).unwrap();
    fill(&table, 0);
    let before = table.stats();
    assert!(killed_at(5, || {
        super::put(&table, "new", &super::route(&[1])).unwrap();
    }));
    in_slices("repair", || table.writer(0).is_ok());
    assert_eq!(table.stats(), before);
    // Nine of ten go, from everywhere.
    for n in (0..HOSTS).filter(|n| n % 10 != 0) {
        super::remove(&table, &host(n)).unwrap();
    }
    let free = table.stats().free_pages;
    let mut room = crate::table::Room::default();
    in_slices("room", || !table.writer(0).unwrap().make_room(&mut room));
    let stats = table.stats();
    assert!(stats.free_pages > free, "{free}: {stats:?}");
    let mut now = 1_000_000;
    let wide: Vec<u32> = (1_000_000..1_000_256).collect();
    for backends in [&wide[..], &wide[..1], &[], &wide[..]] {
        now += 10_000;
        let route = super::route(backends);
        let key = super::key("wide");
        let change = Change::Put {
            key: &key,
            route: &route,
            owner: Owner::File,
        };
        in_slices("a change", || {
            table.writer(now).unwrap().apply(&change).unwrap();
            true
        });
    }
    for n in (0..HOSTS).step_by(970) {
        assert!(super::find(&table, &host(n)).is_some());
    }
}
