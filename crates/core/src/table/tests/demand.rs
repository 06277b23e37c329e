//! What routes need, known beforehand.

use super::{endpoint, memory, writer};
use crate::route::{Key, Match, Resolved};
use crate::table::{ApplyError, Change, Demand, Owner, Table};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A route of some kind: backends (of 60,000 different ones) and bytes of vars.
type Shape = (Vec<u32>, usize);

fn shapes() -> impl Strategy<Value = BTreeMap<u16, Shape>> {
    let backends = prop_oneof![
        4 => prop::collection::vec(0..60_000_u32, 0..4),
        1 => prop::collection::vec(0..60_000_u32, 0..250),
    ];
    let shape = (
        backends,
        prop_oneof![Just(0_usize), 0..200_usize, 0..3000_usize],
    );
    prop::collection::btree_map(0..500_u16, shape, 0..120)
}

fn resolved<'r>(shape: &Shape, text: &'r str) -> Resolved<'r> {
    Resolved {
        endpoints: shape.0.iter().map(|n| endpoint(*n, 1)).collect(),
        vars: vec![("text", &text[..shape.1])],
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
}

#[test]
fn a_route_no_table_takes_is_told() {
    let long = "n".repeat(4000);
    let mut route = resolved(&(vec![1], 0), "");
    route.vars = vec![("a", &long), ("b", &long), ("c", &long)];
    let mut demand = Demand::default();
    assert_eq!(demand.add(&name(1), &route), Err(ApplyError::TooBig));
    assert_eq!(demand.routes(), 0);
}
