//! Memory of peers and cells is used for anything again, and workers that come late change nothing there.

use super::{endpoint, find, memory, put, remove, route, writer};
use crate::route::{Address, Endpoint, Match, Options, Protocol, ProxyHeader, Resolved, Secret};
use crate::table::attached::Content;
use crate::table::encode::encode;
use crate::table::live::is_live;
use crate::table::pages::Kind;
use crate::table::record::{Owner, PeerId, PeerSlot};
use crate::table::{Applied, NO_CELL, Passive, Probe, RouteView, Table};
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Thirty routes of 250 backends each, no two the same, fill a good part of a megabyte; after they have gone, 600 routes
/// of a kilobyte fit as in a new zone.
#[test]
fn the_memory_of_peers_and_cells_comes_back() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let all_free = table.stats().free_pages;
    for n in 0..30 {
        let backends: Vec<u32> = (n * 250..n * 250 + 250).collect();
        put(&table, &format!("wide{n}"), &route(&backends)).unwrap();
    }
    let stats = table.stats();
    assert_eq!((stats.peers, stats.cells), (7500, 7500));
    for n in 0..30 {
        assert_eq!(remove(&table, &format!("wide{n}")), Ok(Applied::Removed));
    }
    let text = "x".repeat(1000);
    for n in 0..600 {
        let mut long = route(&[n % 3]);
        long.vars.push(("text", &text));
        assert_eq!(
            put(&table, &format!("long{n}"), &long),
            Ok(Applied::Created),
            "{n}"
        );
    }
    for n in 0..600 {
        remove(&table, &format!("long{n}")).unwrap();
    }
    let mut room = crate::table::Room::default();
    while writer(&table, 1).make_room(&mut room) {}
    assert_eq!(table.stats().free_pages, all_free);
}

fn words(memory: &[AtomicU64]) -> Vec<u64> {
    memory.iter().map(|w| w.load(Ordering::Relaxed)).collect()
}

/// All that a worker does with an old copy of a route, after its peers and cells have gone and records are there.
#[test]
fn a_late_worker_changes_no_record() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let wide: Vec<u32> = (0..250).collect();
    put(&table, "wide", &route(&wide)).unwrap();
    let mut buf = [0; 1024];
    let old = table.lookup(b"wide", &mut buf).unwrap().unwrap().route;
    let peers: Vec<_> = old
        .backends()
        .map(|b| table.peer(b.peer()).unwrap())
        .collect();
    remove(&table, "wide").unwrap();
    // Text of every kind, the largest weights, addresses of ones: whatever a record can hold.
    let text = "\u{10ffff}".repeat(20);
    let secret = Secret::new(text.clone());
    let ones = std::net::Ipv6Addr::from_bits(u128::MAX);
    let other = || {
        let six = Endpoint {
            address: Address::Ip((ones, 65535).into()),
            ..endpoint(0, 65535)
        };
        Resolved {
            endpoints: vec![endpoint(0xff_ffff, 255), six],
            vars: vec![("text", &text)],
            keys: vec![("key", &secret)],
            ..Resolved::default()
        }
    };
    let mut count = 0;
    while put(&table, &format!("h{count}"), &other()).is_ok() {
        count += 1;
    }
    let records = |at: usize| {
        let page = table.geo.page_of(at).unwrap();
        matches!(table.page_kind(page), Kind::Records(_))
    };
    let reused = |at: &dyn Fn(PeerId, u32) -> usize| {
        let places = old.packed().map(|p| at(p.peer(), p.cell()));
        places.filter(|at| records(*at)).count()
    };
    let reused = (
        reused(&|peer, _| peer.line as usize * 8),
        reused(&|_, cell| cell as usize / 2),
    );
    assert!(reused.0 + reused.1 > 200, "{reused:?} of {count}");
    let before = words(&memory);
    for now in [0, 20_000] {
        for peer in &peers {
            peer.failed(now, &Passive::default(), None);
            peer.chosen(now, &Passive::default());
            peer.succeeded(&Passive::default());
            let _ = peer.request_started(0);
            peer.requests_ended(1);
            peer.record_latency(now, |_| 77);
            peer.set_in_use_since(now);
            peer.set_probe(&Probe {
                up: true,
                contrary: 255,
                at_ms: now,
            });
        }
        for packed in old.packed().filter(|packed| packed.cell() != NO_CELL) {
            table.add_to_cell(packed.cell(), 1);
        }
    }
    let after = words(&memory);
    let changed: Vec<_> = (0..before.len())
        .filter(|n| before[*n] != after[*n])
        .collect();
    // Words left over from the old peers and cells may change: nobody reads them.
    assert!(changed.iter().all(|n| is_live(before[*n])), "{changed:?}");
    for n in 0..count {
        let name = format!("h{n}");
        assert_eq!(find(&table, &name), Some(("exact", name.clone())));
        let mut buf = [0; 1024];
        let hit = table.lookup(name.as_bytes(), &mut buf).unwrap().unwrap();
        let mut words = [0; 32];
        let keys = table.keys(&hit.route, &mut words).unwrap().unwrap();
        assert_eq!(keys.get(b"key"), Some(text.as_bytes()));
        let expected = Resolved {
            keys: vec![],
            ..other()
        };
        assert_eq!(hit.route.resolved(), expected);
    }
}

/// A line's old and new peer do not share their health, even where the line was something else in between.
#[test]
fn a_peer_in_the_place_of_another_has_its_own_health() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let peer_of = |host: &str| {
        let mut buf = [0; 64];
        let hit = table.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
        hit.route.backend(0).unwrap().peer()
    };
    put(&table, "a", &route(&[1])).unwrap();
    let old = table.peer(peer_of("a")).unwrap();
    assert!(old.failed(7, &Passive::default(), None));
    assert_eq!((old.fails(), old.last_failure_ms()), (1, 7));
    remove(&table, "a").unwrap();
    put(&table, "b", &route(&[2])).unwrap();
    let new = table.peer(peer_of("b")).unwrap();
    assert!(!old.failed(8, &Passive::default(), None), "it has gone");
    assert_eq!((old.fails(), new.fails(), new.last_failure_ms()), (0, 0, 0));
}

#[test]
fn weights_in_cells_are_signed_and_stay_within_bounds() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let cells: Vec<u32> = (0..4).map(|n| table.take_cell(-n).unwrap()).collect();
    assert_eq!(table.add_to_cell(cells[1], -5), -6);
    assert_eq!(table.add_to_cell(cells[1], 16), 10);
    for _ in 0..20 {
        table.add_to_cell(cells[0], 256 * 65535);
        table.add_to_cell(cells[3], -256 * 65535);
    }
    let weights: Vec<i32> = cells.iter().map(|c| table.cell_weight(*c)).collect();
    assert_eq!(weights, [(1 << 27) - 1, 10, -2, 1 - (1 << 27)]);
    table.free_cell(cells[0]);
    assert_eq!(table.take_cell(0), Some(cells[0]));
    assert_eq!(
        table.cell_weight(cells[1]),
        10,
        "its neighbour in the word stays"
    );
}

fn any_options() -> impl Strategy<Value = Options> {
    let proxy = [ProxyHeader::Off, ProxyHeader::V1, ProxyHeader::V2];
    let protocol = [Protocol::Http, Protocol::Tcp, Protocol::Udp];
    let most = (Options::MOST_CONNS, Options::MOST_SLOW_START_MS);
    let said = (
        prop::sample::select(proxy.to_vec()),
        prop::sample::select(protocol.to_vec()),
        0..=most.0,
        0..=most.1,
    );
    let said = said.prop_map(|(proxy, protocol, max_conns, slow_start_ms)| Options {
        proxy,
        protocol,
        max_conns,
        slow_start_ms,
    });
    prop_oneof![Just(Options::default()), said]
}

fn any_endpoint() -> impl Strategy<Value = (u128, u16, u16, String, u8, Options)> {
    let address = prop_oneof![any::<u128>(), Just(u128::MAX), Just(0xfe80_u128 << 112)];
    (
        address,
        any::<u16>(),
        1..=u16::MAX,
        "\\PC{0,9}",
        any::<u8>(),
        any_options(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// No word of a record is one that a worker might change, and all of it can be read again.
    #[test]
    fn records_do_not_look_live(
        endpoints in prop::collection::vec(any_endpoint(), 0..9),
        vars in prop::collection::vec(("[a-z]{1,5}", "\\PC{0,300}"), 0..4),
        keys in prop::collection::vec(("[a-z]{1,5}", "\\PC{0,300}".prop_map(Secret::new)), 0..4),
        place: (u32, u32, u8),
    ) {
        let endpoints: Vec<_> = endpoints.iter().map(|(address, port, weight, text, flags, options)| Endpoint {
            address: match flags & 3 {
                0 => Address::Unix("/run/a.sock"),
                2 if *weight % 4 == 0 => Address::Ip(([0; 4], *port).into()),
                1 => Address::Ip((std::net::Ipv6Addr::from_bits(*address), *port).into()),
                _ => Address::Ip((std::net::Ipv4Addr::from_bits(*address as u32), *port).into()),
            },
            tls: flags & 4 != 0,
            weight: *weight,
            backup: flags & 8 != 0,
            drain: flags & 16 != 0,
            name: Some(text.as_str()).filter(|t| flags & 32 != 0 && !t.is_empty()),
            sni: Some(text.as_str()).filter(|t| flags & 64 != 0 && !t.is_empty()),
            // Only a backend by name is one of a service.
            service: Some("http").filter(|_| flags & 3 != 0 && flags & 160 == 160 && !text.is_empty()),
            options: *options,
        }).collect();
        let route = Resolved {
            id: "id",
            vars: vars.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect(),
            keys: keys.iter().map(|(n, v)| (n.as_str(), v)).collect(),
            meta: None,
            check: None,
            imprint: None,
            endpoints,
        };
        let slot = PeerSlot {
            peer: PeerId { line: place.0 & 0x7ff_ffff, generation: place.2 & 0x7f },
            cell: place.1 & 0x7fff_ffff,
        };
        let peers = vec![slot; route.endpoints.len()];
        let attached = Content::of(&route).unwrap().nowhere();
        // None would mean that some word looks live.
        let record = encode(b"key", Owner::File, &route, &peers, &attached).unwrap();
        let view = RouteView::from_words(&record);
        prop_assert_eq!(view.attached().collect::<Vec<_>>(), attached);
        prop_assert_eq!(view.resolved(), Resolved { keys: vec![], ..route });
        for packed in view.packed() {
            prop_assert_eq!(packed.slot(), slot);
        }
    }
}

/// A key of an exact table may be any bytes; those that would look live are refused, not stored.
#[test]
fn a_key_that_looks_live_is_refused() {
    let key = crate::route::Key::parse(&[0xff; 16], Match::Exact).unwrap();
    assert!(encode(key.as_bytes(), Owner::Api, &route(&[1]), &[], &[]).is_none());
    assert!(encode("köy".as_bytes(), Owner::Api, &route(&[]), &[], &[]).is_some());
}
