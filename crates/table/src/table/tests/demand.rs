//! What routes need, known beforehand.

use super::{endpoint, memory, writer};
use crate::route::{Key, Match, Resolved, Secret};
use crate::table::{ApplyError, Change, Demand, Owner, Room, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A route of some kind: backends (of 60,000 different ones), bytes of vars and bytes of keys.
type Shape = (Vec<u32>, usize, usize);

fn shapes() -> impl Strategy<Value = BTreeMap<u16, Shape>> {
    let backends = prop_oneof![
        4 => prop::collection::vec(0..60_000_u32, 0..4),
        1 => prop::collection::vec(0..60_000_u32, 0..250),
    ];
    let shape = (
        backends,
        prop_oneof![Just(0_usize), 0..200_usize, 0..3000_usize],
        prop_oneof![3 => Just(0_usize), 1 => 0..200_usize, 1 => 0..12_000_usize],
    );
    prop::collection::btree_map(0..500_u16, shape, 0..120)
}

/// A secret of so many bytes; there are few lengths, so each is made once.
fn secret(len: usize) -> Option<&'static Secret> {
    static SECRETS: [OnceLock<Secret>; 12] = [const { OnceLock::new() }; 12];
    let index = len.div_ceil(1000);
    let made = SECRETS.get(index.checked_sub(1)?)?;
    Some(made.get_or_init(|| Secret::new("k".repeat(index * 1000 - 7))))
}

fn resolved<'r>(shape: &Shape, text: &'r str) -> Resolved<'r> {
    Resolved {
        endpoints: shape.0.iter().map(|n| endpoint(*n, 1)).collect(),
        vars: vec![("text", &text[..shape.1])],
        keys: secret(shape.2)
            .map(|key| ("key", key))
            .into_iter()
            .collect(),
        ..Resolved::default()
    }
}

fn name(n: u16) -> Key {
    super::key(&format!("host-{n}.example"))
}

fn demand_of(routes: &BTreeMap<u16, Shape>, text: &str) -> Demand {
    let mut demand = Demand::default();
    for (n, shape) in routes {
        demand.add(&name(*n), &resolved(shape, text)).unwrap();
    }
    demand
}

fn put(table: &Table<'_>, n: u16, route: &Resolved<'_>) -> Result<(), ApplyError> {
    let key = name(n);
    let change = Change::Put {
        key: &key,
        route,
        owner: Owner::File,
    };
    writer(table, 0).apply(&change).map(|_| ())
}

fn make_room(table: &Table<'_>) {
    let mut room = Room::default();
    while writer(table, 0).make_room(&mut room) {}
}

fn drop_route(table: &Table<'_>, n: u16) {
    let (key, owner) = (name(n), Owner::File);
    let change = Change::Remove { key: &key, owner };
    writer(table, 0).apply(&change).unwrap();
}

/// Puts what a file brings, as the documentation of `Demand` has it; gives how many routes had to go before their turn.
fn put_all(table: &Table<'_>, new: &BTreeMap<u16, Shape>, text: &str) -> usize {
    let mut pending: Vec<u16> = new.keys().copied().collect();
    let mut gone = 0;
    while let Some(n) = pending.pop() {
        let route = resolved(&new[&n], text);
        let mut result = put(table, n, &route);
        if result == Err(ApplyError::Full) {
            make_room(table);
            result = put(table, n, &route);
        }
        while result == Err(ApplyError::Full) {
            assert!(gone < new.len() * 2, "full, though it fits");
            let to = (gone * 2 + 1).min(pending.len());
            for early in &pending[gone.min(to)..to] {
                drop_route(table, *early);
            }
            drop_route(table, n);
            gone = gone * 2 + 1;
            make_room(table);
            result = put(table, n, &route);
        }
        assert_eq!(result, Ok(()));
    }
    gone
}

fn check_all(table: &Table<'_>, routes: &BTreeMap<u16, Shape>, text: &str) {
    let stats = table.stats();
    assert_eq!(stats.routes, routes.len() as u64);
    assert_eq!(stats.free_words(), stats.free_pages * 1_024);
    let mut buf = [0; crate::table::MAX_RECORD_WORDS];
    for (n, shape) in routes {
        let hit = table
            .lookup(name(*n).as_bytes(), &mut buf)
            .unwrap()
            .unwrap();
        let expected = resolved(shape, text);
        let mut words = vec![0; hit.route.key_words()];
        let keys = table.keys(&hit.route, &mut words).unwrap().unwrap();
        let expected_keys = expected.keys.iter();
        assert!(
            keys.iter()
                .eq(expected_keys.map(|(n, s)| (*n, s.text().as_bytes())))
        );
        let without_keys = Resolved {
            keys: vec![],
            ..expected
        };
        assert_eq!(hit.route.resolved(), without_keys);
    }
    super::audit(table);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The bytes said are enough, and hardly more than enough.
    #[test]
    fn a_table_of_the_size_asked_for_takes_it_all(routes in shapes(), seed: u64) {
        let text = "x".repeat(3000);
        let demand = demand_of(&routes, &text);
        let bytes = demand.bytes();
        prop_assert!(demand.fits(bytes / 8));
        prop_assert!(bytes < 90 * 1024 || !demand.fits(bytes / 8 - 128));
        let memory = memory(bytes / 1024);
        let table = Table::format(&memory, Match::Host, seed).unwrap();
        for (n, shape) in &routes {
            prop_assert_eq!(put(&table, *n, &resolved(shape, &text)), Ok(()));
        }
        prop_assert_eq!(table.stats().routes, routes.len() as u64);
        prop_assert!(table.stats().free_pages <= 12, "{:?}", table.stats());
    }

    /// Whatever a table holds, a file that fits is in it in the end, and nothing else.
    #[test]
    fn what_fits_is_taken_by_a_table_in_use(old in shapes(), new in shapes(), seed: u64) {
        let text = "x".repeat(3000);
        let bytes = demand_of(&old, &text).bytes().max(demand_of(&new, &text).bytes());
        let memory = memory(bytes / 1024);
        let table = Table::format(&memory, Match::Host, seed).unwrap();
        put_all(&table, &old, &text);
        check_all(&table, &old, &text);
        for n in old.keys().filter(|n| !new.contains_key(n)) {
            drop_route(&table, *n);
        }
        put_all(&table, &new, &text);
        check_all(&table, &new, &text);
    }
}

#[test]
fn a_route_no_table_takes_is_told() {
    let long = "n".repeat(4000);
    let mut route = resolved(&(vec![1], 0, 0), "");
    route.vars = vec![("a", &long), ("b", &long), ("c", &long)];
    let mut demand = Demand::default();
    assert_eq!(demand.add(&name(1), &route), Err(ApplyError::TooBig));
    assert_eq!(demand.routes(), 0);
}

/// Every sixtieth route stays, so that no page is empty; the rest of the memory serves for larger routes, and no route
/// that stays is missed for a moment.
#[test]
fn scattered_memory_comes_together() {
    let text = "x".repeat(3000);
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let shape = |n: u16| (vec![u32::from(n) * 2, u32::from(n) * 2 + 1], 0, 0);
    let mut count = 0;
    while put(&table, count, &resolved(&shape(count), &text)).is_ok() {
        count += 1;
    }
    let stays = |n: u16| n % 60 == 0;
    for n in (0..count).filter(|n| !stays(*n)) {
        drop_route(&table, n);
    }
    let mut routes: BTreeMap<u16, Shape> = (0..count)
        .filter(|n| stays(*n))
        .map(|n| (n, shape(n)))
        .collect();
    let passive = crate::table::Passive::default();
    let mut buf = [0; crate::table::MAX_RECORD_WORDS];
    let peer_of_0 = |buf: &mut [u64]| {
        let hit = table.lookup(name(0).as_bytes(), buf).unwrap().unwrap();
        hit.route.backend(0).unwrap().peer()
    };
    table
        .peer(peer_of_0(&mut buf))
        .unwrap()
        .failed(77, &passive, None);
    let kept = table.stats();
    assert!(count > 1000 && kept.free_pages < kept.pages / 2, "{kept:?}");
    for n in 10_000..20_000 {
        let larger = (vec![1], 1000, 0);
        let mut demand = demand_of(&routes, &text);
        demand.add(&name(n), &resolved(&larger, &text)).unwrap();
        if !demand.fits(memory.len()) {
            break;
        }
        if put(&table, n, &resolved(&larger, &text)).is_err() {
            let mut room = Room::default();
            while writer(&table, 0).make_room(&mut room) {
                for n in routes.keys() {
                    let name = name(*n);
                    assert!(table.lookup(name.as_bytes(), &mut buf).unwrap().is_some());
                }
            }
            assert_eq!(put(&table, n, &resolved(&larger, &text)), Ok(()), "{n}");
        }
        routes.insert(n, larger);
    }
    assert!(routes.len() > 300, "{}", routes.len());
    check_all(&table, &routes, &text);
    let peer = table.peer(peer_of_0(&mut buf)).unwrap();
    assert_eq!(
        (peer.fails(), peer.last_failure_ms()),
        (1, 77),
        "health moves along"
    );
}
