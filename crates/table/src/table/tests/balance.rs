//! Which backend is next, and health.

use super::{endpoint, memory, put};
use crate::route::{Match, Resolved};
use crate::table::{Passive, Selection, Table};

/// The backends chosen by requests one after another.
fn sequence(table: &Table<'_>, host: &str, requests: usize, passive: &Passive, now: u64) -> String {
    let mut buf = [0; 256];
    let route = table
        .lookup(host.as_bytes(), &mut buf)
        .unwrap()
        .unwrap()
        .route;
    let mut chosen = String::new();
    for _ in 0..requests {
        let next = Selection::new(&route, false).next(table, &route, now, passive);
        chosen.push(next.map_or('-', |n| char::from(b'a' + n as u8)));
    }
    chosen
}

fn weighted(weights: &[u16]) -> Resolved<'static> {
    let endpoints = weights
        .iter()
        .enumerate()
        .map(|(n, w)| endpoint(n as u32, *w))
        .collect();
    Resolved {
        endpoints,
        ..Resolved::default()
    }
}

#[test]
fn round_robin_is_nginxs() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[5, 1, 1])).unwrap();
    assert_eq!(
        sequence(&table, "a", 14, &Passive::default(), 0),
        "aabacaaaabacaa"
    );
    put(&table, "b", &weighted(&[1, 1, 1])).unwrap();
    assert_eq!(sequence(&table, "b", 7, &Passive::default(), 0), "abcabca");
    put(&table, "one", &weighted(&[3])).unwrap();
    assert_eq!(sequence(&table, "one", 3, &Passive::default(), 0), "aaa");
    put(&table, "none", &weighted(&[])).unwrap();
    assert_eq!(sequence(&table, "none", 1, &Passive::default(), 0), "-");
}

#[test]
fn the_turn_survives_a_replacement() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    assert_eq!(sequence(&table, "a", 1, &Passive::default(), 0), "a");
    let mut changed = weighted(&[1, 1]);
    changed.vars.push(("x", "y"));
    put(&table, "a", &changed).unwrap();
    assert_eq!(sequence(&table, "a", 3, &Passive::default(), 0), "bab");
}

#[test]
fn each_try_is_another_backend_then_the_backups() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut four = weighted(&[1, 1, 1, 1]);
    four.endpoints[0].backup = true;
    four.endpoints[2].drain = true;
    put(&table, "a", &four).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let mut selection = Selection::new(&route, false);
    assert_eq!(selection.tries(), 3);
    let tries: Vec<_> = (0..5)
        .map(|_| selection.next(&table, &route, 0, &Passive::default()))
        .collect();
    assert_eq!(tries, [Some(1), Some(3), Some(0), None, None]);
}

#[test]
fn https_backends_only_when_allowed() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut two = weighted(&[1, 1]);
    two.endpoints[0].tls = true;
    put(&table, "a", &two).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let mut plain = Selection::new(&route, false);
    assert!(plain.single());
    assert_eq!(plain.next(&table, &route, 0, &Passive::default()), Some(1));
    // nginx asks again when a kept connection turns out to be closed.
    assert_eq!(plain.next(&table, &route, 0, &Passive::default()), Some(1));
    let mut tls = Selection::new(&route, true);
    assert_eq!(
        (
            tls.tries(),
            tls.next(&table, &route, 0, &Passive::default())
        ),
        (2, Some(0))
    );
}

#[test]
fn a_failed_backend_is_out_for_the_window_then_tried_once() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let passive = Passive {
        fails: 2,
        window_ms: 100,
    };
    let peer = table.peer(route.backend(0).unwrap().peer()).unwrap();
    assert!(!peer.failed(1000, &passive));
    assert!(peer.available(1000, &passive));
    assert!(peer.failed(1000, &passive));
    assert!(!peer.available(1100, &passive) && peer.available(1101, &passive));
    assert!(
        peer.available(
            1000,
            &Passive {
                fails: 0,
                window_ms: 100
            }
        ),
        "fails=0 switches it off"
    );
    assert_eq!(sequence(&table, "a", 4, &passive, 1100), "bbbb");
    assert_eq!(
        sequence(&table, "a", 4, &passive, 1101)
            .matches('a')
            .count(),
        1,
        "one check after the window"
    );
    peer.succeeded();
    assert_eq!(peer.fails(), 0);
    assert_eq!(
        sequence(&table, "a", 4, &passive, 1101)
            .matches('a')
            .count(),
        2
    );
}

#[test]
fn success_without_a_check_forgets_nothing() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let peer = table.peer(route.backend(0).unwrap().peer()).unwrap();
    peer.failed(
        1000,
        &Passive {
            fails: 2,
            window_ms: 100,
        },
    );
    peer.succeeded();
    assert_eq!(
        peer.fails(),
        1,
        "a request begun before the failure says nothing about it"
    );
}

#[test]
fn no_live_backend_is_none_and_a_single_one_is_always_live() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "two", &weighted(&[1, 1])).unwrap();
    put(&table, "one", &weighted(&[1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"two", &mut buf).unwrap().unwrap().route;
    let passive = Passive::default();
    for backend in route.backends() {
        table.peer(backend.peer()).unwrap().failed(50, &passive);
    }
    assert_eq!(sequence(&table, "two", 2, &passive, 50), "--");
    assert_eq!(sequence(&table, "one", 2, &passive, 50), "aa");
}
