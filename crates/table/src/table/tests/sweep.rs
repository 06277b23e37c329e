//! Walks over routes: of one owner, and of those that are wanted.

use super::{key, memory, route, writer};
use crate::route::Match;
use crate::table::{Change, Keys, Owner, RouteView, Sweep, Table, Walk};
use std::collections::BTreeSet;

#[test]
fn each_route_of_an_owner_is_seen_and_no_other() {
    let memory = memory(4096);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut wanted = BTreeSet::new();
    for number in 0..300_u32 {
        let name = format!("h{number}.test");
        let owner = [Owner::Api, Owner::Registration, Owner::File][number as usize % 3];
        let change = Change::Put {
            key: &key(&name),
            route: &route(&[number]),
            owner,
        };
        writer(&table, 0).apply(&change).unwrap();
        if owner == Owner::Registration {
            wanted.insert(name.into_bytes());
        }
    }
    let (mut sweep, mut seen, mut steps) = (Sweep::default(), BTreeSet::new(), 1);
    let mut show = |view: RouteView<'_>| {
        assert!(seen.insert(view.key().to_vec()), "each once");
    };
    while sweep.step(&table, Owner::Registration, &mut show) {
        steps += 1;
    }
    assert_eq!(seen, wanted);
    // So many buckets in one step, and no step more than that takes.
    assert_eq!(steps, table.geo.buckets.div_ceil(512));
    assert!(steps > 1);
}

/// Wants every other slot in use.
#[derive(Default)]
struct Half {
    asked: usize,
    wanted: usize,
    shown: usize,
}

impl Walk for Half {
    fn wants(&mut self, _: usize, slot: u64) -> bool {
        assert_ne!(slot, 0, "nothing is there");
        self.asked += 1;
        let wants = self.asked % 2 == 0;
        self.wanted += usize::from(wants);
        wants
    }

    fn show(&mut self, _: &RouteView<'_>, _: &Keys<'_>) {
        self.shown += 1;
    }
}

#[test]
fn only_what_is_wanted_is_shown() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    for number in 0..10 {
        let name = format!("h{number}.test");
        super::put(&table, &name, &route(&[number])).unwrap();
    }
    let (mut half, mut cursor) = (Half::default(), table.cursor());
    while table.scan_wanted(&mut cursor, 7, &mut half) {}
    assert_eq!((half.asked, half.wanted, half.shown), (10, 5, 5));
}
