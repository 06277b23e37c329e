//! Consistent hashing: where keys go, and which of them move.

use super::hash::Hash;
use super::tests::{Tries, USUAL, rules, weighted};
use super::{Policy, Rules};
use crate::route::{Match, Resolved};
use crate::table::Table;
use crate::table::tests::{memory, put};

/// The backends of so many keys, by their index.
fn places(policy: &dyn Policy, table: &Table<'_>, keys: usize) -> Vec<usize> {
    let place = |n: usize| {
        let key = format!("user-{n}");
        let rules = Rules {
            key: key.as_bytes(),
            ..rules(policy, &USUAL)
        };
        Tries::of(table, "a").next(&rules).unwrap()
    };
    (0..keys).map(place).collect()
}

fn moved(before: &[usize], after: &[usize]) -> usize {
    let pairs = before.iter().zip(after);
    pairs.filter(|(before, after)| before != after).count()
}

/// That the places are nginx's is seen beside a running nginx: the scenario `balance_hash`.
#[test]
fn a_key_stays_when_others_come_and_go() {
    const KEYS: usize = 10_000;
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let hash = Hash::default();
    let mut ten = weighted(&[1; 10]);
    put(&table, "a", &ten).unwrap();
    let all = places(&hash, &table, KEYS);
    assert_eq!(
        all,
        places(&Hash::default(), &table, KEYS),
        "another worker"
    );
    // One is drained: its keys go elsewhere, no other does.
    ten.endpoints[3].drain = true;
    put(&table, "a", &ten).unwrap();
    let drained = places(&hash, &table, KEYS);
    let of_third = all.iter().filter(|place| **place == 3).count();
    assert_eq!(moved(&all, &drained), of_third);
    // It leaves: the same keys move, to the same places; at most 1.2/n of all.
    ten.endpoints.remove(3);
    put(&table, "a", &ten).unwrap();
    let without: Vec<usize> = places(&hash, &table, KEYS)
        .into_iter()
        .map(|place| if place < 3 { place } else { place + 1 })
        .collect();
    assert_eq!(moved(&drained, &without), 0);
    assert!(of_third * 10 <= KEYS * 12 / 10, "{of_third} keys moved");
}

/// Each backend has the part of the keys that its points have of the ring.
#[test]
fn weights_are_points() {
    const KEYS: usize = 100_000;
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 2, 5])).unwrap();
    let hash = Hash::default();
    let all = places(&hash, &table, KEYS);
    let route = Tries::of(&table, "a");
    let mut rings = hash.rings.borrow_mut();
    let ring = rings
        .of(&crate::table::RouteView::from_words(&route.words))
        .unwrap();
    let arcs = ring.arcs(3);
    for (place, arc) in arcs.iter().enumerate() {
        let count = all.iter().filter(|chosen| **chosen == place).count();
        let off = (count as f64 - arc * KEYS as f64).abs() / (arc * KEYS as f64);
        assert!(off < 0.02, "{place}: {count} keys, not {arc}");
    }
}

/// The backend that is out or was tried is passed by, along the ring; the key of nobody takes its turn.
#[test]
fn a_try_goes_on_along_the_ring() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1, 1])).unwrap();
    let hash = Hash::default();
    let rules_of = |key: &'static [u8]| Rules {
        key,
        ..rules(&hash, &USUAL)
    };
    let order = |key: &'static [u8]| {
        let mut tries = Tries::of(&table, "a");
        let order: Vec<_> = (0..4).map(|_| tries.next(&rules_of(key))).collect();
        assert_eq!(order[3], None);
        order
    };
    let first = order(b"x");
    assert_eq!(first, order(b"x"), "again");
    let mut failing = Tries::of(&table, "a");
    assert_eq!(failing.next(&rules_of(b"x")), first[0]);
    assert!(failing.done(&rules_of(b"x"), true));
    assert_eq!(order_of(&table, &rules_of(b"x")), first[1]);
    let turns: Vec<_> = (0..3).map(|_| order_of(&table, &rules_of(b""))).collect();
    assert_eq!(turns.iter().flatten().count(), 3);
    assert!(turns[0] != turns[1], "they take turns");
}

fn order_of(table: &Table<'_>, rules: &Rules<'_>) -> Option<usize> {
    Tries::of(table, "a").next(rules)
}

/// A changed route is never served by an old ring, whatever changed; rings have bounded memory.
#[test]
fn rings_follow_their_routes_and_are_bounded() {
    let memory = memory(16 * 1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let hash = Hash::default();
    let put_named = |name: &'static str| {
        let mut route = weighted(&[1, 1]);
        route.endpoints[0].name = Some(name);
        put(&table, "a", &route).unwrap();
        places(&hash, &table, 500)
    };
    // The same address and peer behind another name: other points.
    assert!(moved(&put_named("one.test"), &put_named("two.test")) > 50);
    // Both backends of one name are one place, and take turns there.
    let mut same: Resolved<'_> = weighted(&[1, 1]);
    for endpoint in &mut same.endpoints {
        endpoint.name = Some("one.test");
    }
    put(&table, "a", &same).unwrap();
    let all = places(&hash, &table, 100);
    assert_eq!(all.iter().filter(|place| **place == 0).count(), 50);
    // Many heavy routes: some 50,000 points each.
    for n in 0..45 {
        let name = format!("host-{n}");
        put(&table, &name, &weighted(&[60_000, 200, 1])).unwrap();
        let key = Rules {
            key: b"x",
            ..rules(&hash, &USUAL)
        };
        assert!(Tries::of(&table, &name).next(&key).is_some());
        let (rings, words) = hash.rings.borrow().kept();
        assert!(
            words <= 2 << 20 && rings <= 50,
            "{rings} rings, {words} words"
        );
    }
}

/// How long the largest rings take to be made.
#[test]
#[ignore = "a measurement: run alone with --release --nocapture"]
fn making_a_ring() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    for weights in [
        vec![1; 4],
        vec![3; 100],
        vec![100, 100, 120],
        vec![60_000, 200, 1],
    ] {
        put(&table, "a", &weighted(&weights)).unwrap();
        let hash = Hash::default();
        let begin = std::time::Instant::now();
        places(&hash, &table, 1);
        println!("{} backends: {:?}", weights.len(), begin.elapsed());
    }
}
