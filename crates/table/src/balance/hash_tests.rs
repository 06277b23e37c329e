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
    let (rings, words) = hash.rings.borrow().kept();
    let sum = hash.rings.borrow().points();
    assert!(
        words >= 1 << 20 && words >= sum,
        "{rings} rings, {words} words"
    );
}

/// A key whose hash is that of a point is at that point: each is the hash of the one before it.
#[test]
fn a_key_at_a_point_is_its_backends() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1, 1])).unwrap();
    let hash = Hash::default();
    for backend in 0..3 {
        let mut before: u32 = 0;
        for _ in 0..160 {
            let mut key = format!("10.0.0.{backend}\08080").into_bytes();
            key.extend_from_slice(&before.to_le_bytes());
            before = crc32fast::hash(&key);
            let rules = Rules {
                key: &key,
                ..rules(&hash, &USUAL)
            };
            assert_eq!(Tries::of(&table, "a").next(&rules), Some(backend));
        }
    }
}

/// The backends of one name take turns among themselves; the keys of another name stay there.
#[test]
fn a_name_with_several_backends_is_one_place() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut three = weighted(&[1, 1, 1]);
    three.endpoints[0].name = Some("one.test");
    three.endpoints[1].name = Some("one.test");
    put(&table, "a", &three).unwrap();
    let hash = Hash::default();
    let all = places(&hash, &table, 200);
    let others = places(&hash, &table, 200);
    let is_last = |place: &usize| *place == 2;
    let last = all.iter().filter(|place| is_last(place)).count();
    assert!((20..180).contains(&last), "{last}");
    for (place, other) in all.iter().zip(&others) {
        assert_eq!(is_last(place), is_last(other), "{place} {other}");
    }
    let first = all.iter().filter(|place| **place == 0).count();
    assert!(first.abs_diff((200 - last) / 2) <= 1, "{first} of {last}");
}

/// Routes whose rings fall into one set share its places, however many they are.
#[test]
fn a_set_of_rings_has_eight() {
    let memory = memory(1024);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let hash = Hash::default();
    let set = |name: &str| crc32fast::hash(name.as_bytes()) % 512;
    let names = (0..).map(|n| format!("host-{n}"));
    let names: Vec<String> = names.filter(|name| set(name) == 7).take(30).collect();
    for _ in 0..4 {
        for (n, name) in names.iter().enumerate() {
            let mut route = weighted(&[1, 1]);
            route.endpoints[0] = crate::table::tests::endpoint(1_000 + n as u32, 1);
            put(&table, name, &route).unwrap();
            let key = Rules {
                key: b"x",
                ..rules(&hash, &USUAL)
            };
            assert!(Tries::of(&table, name).next(&key).is_some());
            let (rings, _) = hash.rings.borrow().kept();
            assert!(rings <= 8, "{rings}");
        }
    }
    assert_eq!(hash.rings.borrow().kept().0, 8);
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
