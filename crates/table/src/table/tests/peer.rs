//! The live words of a peer: each keeps its own value, is shared, moves along, and ends with the peer.

use super::{memory, put, remove, route, writer};
use crate::route::{Match, Resolved};
use crate::table::{Latency, Passive, Peer, PeerId, Probe, Start, Table};

fn peer_of(table: &Table<'_>, host: &str) -> PeerId {
    let mut buf = [0; 64];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
    hit.route.backend(0).unwrap().peer()
}

const PROBE: Probe = Probe {
    up: false,
    contrary: 200,
    at_ms: (1 << 38) - 1,
};

fn fill(peer: &Peer<'_>) {
    peer.failed(7, &Passive::default(), None);
    let _ = peer.request_started(0);
    let _ = peer.request_started(0);
    peer.record_latency(1600, |before| {
        assert_eq!(before, None);
        Latency::MOST_US
    });
    peer.set_probe(&PROBE);
    peer.set_in_use_since(123_456_789_012);
}

/// What [`fill`] wrote, but for the requests in flight.
fn check(peer: &Peer<'_>) {
    let latency = peer.latency(1600 + 320);
    let expected = Latency {
        us: Latency::MOST_US,
        age_ms: 320,
    };
    assert_eq!((peer.fails(), peer.last_failure_ms()), (1, 7));
    assert_eq!(latency, Some(expected));
    assert_eq!(peer.probe(), Some(PROBE));
    assert_eq!(peer.in_use_since_ms(), 123_456_789_012);
}

fn nothing(peer: &Peer<'_>) {
    assert_eq!((peer.fails(), peer.last_failure_ms()), (0, 0));
    assert_eq!((peer.in_flight(), peer.latency(5)), (0, None));
    assert_eq!((peer.probe(), peer.in_use_since_ms()), (None, 0));
}

#[test]
fn every_word_of_a_peer_is_its_own() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "b", &route(&[1])).unwrap();
    put(&table, "c", &route(&[2])).unwrap();
    let peer = table.peer(peer_of(&table, "a")).unwrap();
    nothing(&peer);
    fill(&peer);
    let shared = table.peer(peer_of(&table, "b")).unwrap();
    check(&shared);
    assert_eq!(shared.in_flight(), 2);
    nothing(&table.peer(peer_of(&table, "c")).unwrap());
    let line = peer_of(&table, "a").line as usize * 8;
    assert_eq!(line % 8, 0, "a peer's live words share no cache line");
    remove(&table, "a").unwrap();
    remove(&table, "b").unwrap();
    put(&table, "d", &route(&[9])).unwrap();
    assert_eq!(peer_of(&table, "d").line as usize * 8, line);
    nothing(&table.peer(peer_of(&table, "d")).unwrap());
    // Who still has the old peer changes nothing of the new one.
    fill(&peer);
    nothing(&table.peer(peer_of(&table, "d")).unwrap());
}

#[test]
fn requests_in_flight_are_counted_and_never_below_none() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let peer = table.peer(peer_of(&table, "a")).unwrap();
    peer.requests_ended(1);
    assert_eq!(peer.in_flight(), 0);
    assert_eq!(peer.request_started(0), Start::Counted);
    assert_eq!(peer.request_started(0), Start::Counted);
    peer.requests_ended(1);
    assert_eq!(peer.in_flight(), 1);
}

#[test]
fn latency_is_averaged_with_what_was_there() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let peer = table.peer(peer_of(&table, "a")).unwrap();
    peer.record_latency(0, |_| 0);
    assert_eq!(peer.latency(0).map(|l| l.us), Some(1), "never none again");
    // The time runs in a circle: a second is a second across its end.
    let end = ((1_u64 << 24) << 4) - 16;
    peer.record_latency(end, |_| 1000);
    peer.record_latency(end + 1008, |before| {
        let before = before.unwrap();
        assert_eq!((before.us, before.age_ms), (1000, 1008));
        before.us + 500
    });
    assert_eq!(peer.latency(end + 1008).map(|l| l.us), Some(1500));
    peer.record_latency(end, |_| u32::MAX);
    assert_eq!(peer.latency(end).map(|l| l.us), Some(Latency::MOST_US));
}

#[test]
fn a_peer_is_in_use_as_long_as_a_route_has_it() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "b", &route(&[1])).unwrap();
    let peer = peer_of(&table, "a");
    assert_eq!(
        PeerId::from_bits(peer.to_bits() | 1 << PeerId::BITS),
        Some(peer)
    );
    assert!(table.is_in_use(peer));
    remove(&table, "a").unwrap();
    assert!(table.is_in_use(peer), "another route has it");
    remove(&table, "b").unwrap();
    assert!(!table.is_in_use(peer));
    // The next one in its place is another one.
    put(&table, "c", &route(&[2])).unwrap();
    let next = peer_of(&table, "c");
    assert_eq!(next.line, peer.line);
    assert!(table.is_in_use(next) && !table.is_in_use(peer));
}

#[test]
fn what_is_known_of_a_peer_moves_with_it() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let old = peer_of(&table, "a");
    fill(&table.peer(old).unwrap());
    table.leave_page(table.geo.page_of(old.line as usize * 8).unwrap());
    let slot = table.find(b"a", table.hash(b"a")).unwrap().slot_at;
    writer(&table, 0).move_on(slot);
    let new = peer_of(&table, "a");
    assert_ne!(new.line, old.line);
    let moved = table.peer(new).unwrap();
    check(&moved);
    assert_eq!(moved.in_flight(), 0, "those end at the old line");
    super::audit(&table);
}

#[test]
fn a_mark_of_somebody_else_ends_at_its_time_or_is_taken_back() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let peer = table.peer(peer_of(&table, "a")).unwrap();
    let passive = Passive::new(3, 10_000);
    // Longer and shorter than the window.
    for until in [130_000, 103_000] {
        assert!(peer.fail_until(until, &passive), "it is out from now on");
        assert!(!peer.fail_until(until, &passive), "it is out already");
        assert!(!peer.available(100_000, &passive) && !peer.available(until, &passive));
        assert!(peer.available(until + 1, &passive));
        peer.set_probe(&PROBE);
        assert!(peer.forgive(&passive) && !peer.forgive(&passive));
        assert!(peer.available(100_000, &passive));
        assert_eq!(peer.probe(), Some(PROBE));
    }
    assert!(!peer.fail_until(130_000, &Passive::new(0, 10_000)));
    assert!(peer.available(100_000, &passive) && peer.fails() == 0);
}

#[test]
fn a_probe_is_kept_until_it_is_forgotten() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let peer = table.peer(peer_of(&table, "a")).unwrap();
    for (up, at_ms) in [(true, 5), (false, 1 << 37), (true, 0)] {
        let probe = Probe { up, at_ms, ..PROBE };
        peer.set_probe(&probe);
        assert_eq!(peer.probe(), Some(probe));
    }
    // Only the lower bits of a time are kept.
    peer.set_probe(&Probe {
        at_ms: (1 << 38) + 7,
        ..PROBE
    });
    assert_eq!(peer.probe().unwrap().at_ms, 7);
    peer.forget_probe();
    assert_eq!(peer.probe(), None);
}

#[test]
fn a_backend_that_is_checked_in_another_way_is_another_one() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let with = |check| Resolved {
        check,
        ..route(&[1])
    };
    let all = [
        None,
        Some("uri=/a"),
        Some("uri=/b"),
        Some("uri=/a"),
        Some("off"),
    ];
    for (number, check) in all.iter().enumerate() {
        put(&table, &format!("{number}.test"), &with(*check)).unwrap();
    }
    let seen = |number: usize| {
        let mut buf = [0; 64];
        let key = format!("{number}.test");
        let hit = table.lookup(key.as_bytes(), &mut buf).unwrap().unwrap();
        assert_eq!(hit.route.check(), all[number]);
        assert_eq!(hit.route.is_unchecked(), number == 4);
        assert_eq!(hit.route.resolved(), with(all[number]));
        hit.route.backend(0).unwrap().peer()
    };
    let ids = [0, 1, 2, 3, 4].map(seen);
    assert_eq!(ids[1], ids[3]);
    assert_eq!(table.stats().peers, 4);
    put(&table, "1.test", &with(None)).unwrap();
    let mut buf = [0; 64];
    let hit = table.lookup(b"1.test", &mut buf).unwrap().unwrap();
    assert_eq!(hit.route.backend(0).unwrap().peer(), ids[0]);
}
