//! Routes as the words of their records.

use super::{endpoint, key, memory, put, writer};
use crate::route::{Address, Endpoint, Match, Resolved, Secret};
use crate::table::{Applied, Owner, Prepared, RouteView, Table, There};
use proptest::prelude::*;

/// Backends of every kind of record.
fn backend(kind: u8) -> Endpoint<'static> {
    let plain = endpoint(u32::from(kind), 1);
    match kind {
        0 | 1 => plain,
        2 => endpoint(2, 300),
        3 => Endpoint {
            address: Address::Ip("[2001:db8::1]:80".parse().unwrap()),
            drain: true,
            ..plain
        },
        4 => Endpoint {
            address: Address::Unix("/run/app.sock"),
            ..plain
        },
        _ => Endpoint {
            tls: true,
            name: Some("app.internal"),
            sni: Some("app.internal"),
            ..plain
        },
    }
}

prop_compose! {
    fn routes()(
        id in prop_oneof![Just(""), Just("shop")],
        kinds in prop::collection::vec(0..6_u8, 0..4),
        vars in 0..2_usize,
        meta in prop::option::of(Just("{}")),
    ) -> Resolved<'static> {
        Resolved {
            id,
            endpoints: kinds.into_iter().map(backend).collect(),
            vars: vec![("v", "1"); vars],
            meta,
            ..Resolved::default()
        }
    }
}

fn has(table: &Table<'_>, prepared: &Prepared) -> bool {
    matches!(table.there(prepared), There::Same { .. })
}

proptest! {
    #[test]
    fn what_the_table_has_is_what_a_put_leaves_unchanged(
        other in routes(), mut old in routes(), mut new in routes(), keys in (0..3_usize, 0..3_usize),
    ) {
        let secrets = [Secret::new("k".into()), Secret::new("l".repeat(9_000))];
        let keys_of = |n: usize| secrets.iter().take(n).map(|secret| ("token", secret)).collect();
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        let prepared = Prepared::new(&key("a.test"), Owner::File, &new).unwrap();
        let view = RouteView::from_words(prepared.words());
        prop_assert_eq!(view.key(), b"a.test");
        prop_assert_eq!(&view.resolved(), &new);
        (old.keys, new.keys) = (keys_of(keys.0), keys_of(keys.1));
        let prepared = Prepared::new(&key("a.test"), Owner::File, &new).unwrap();
        // A wildcard leads to the host, and is not its own route.
        put(&table, "*.test", &new).unwrap();
        put(&table, "b.test", &other).unwrap();
        prop_assert!(!has(&table, &prepared));
        put(&table, "a.test", &old).unwrap();
        let is_there = has(&table, &prepared);
        let api = Prepared::new(&key("a.test"), Owner::Api, &old).unwrap();
        prop_assert!(!has(&table, &api), "another owner's");
        prop_assert_eq!(is_there, put(&table, "a.test", &new) == Ok(Applied::Unchanged));
        prop_assert!(has(&table, &prepared));
        // Through its words, it is the same route.
        let again = writer(&table, 0).put_prepared(prepared.words(), Owner::File);
        prop_assert_eq!(again, Ok(Applied::Unchanged));
        let memory = super::memory(256);
        let table = Table::format(&memory, Match::Host, 2).unwrap();
        let put = writer(&table, 0).put_prepared(prepared.words(), Owner::File);
        prop_assert_eq!(put, Ok(Applied::Created));
        prop_assert!(has(&table, &prepared));
    }
}

#[test]
fn whose_route_is_there() {
    let same = There::Same {
        owner: Some(Owner::Api),
        is_noted: true,
    };
    assert!(same.is_of(&[Owner::File, Owner::Api]));
    assert!(!same.is_of(&[Owner::File]));
    assert!(There::Other(Some(Owner::File)).is_of(&[Owner::File]));
    assert!(!There::Other(None).is_of(&[Owner::File]));
}

/// What a route says is bounded where it is read; a record holds no more than that either.
#[test]
fn options_out_of_bounds_make_no_record() {
    use crate::route::Options;
    let prepared = |max_conns, slow_start_ms| {
        let mut route = Resolved {
            endpoints: vec![endpoint(1, 1)],
            ..Resolved::default()
        };
        route.endpoints[0].options = Options {
            max_conns,
            slow_start_ms,
            ..Options::default()
        };
        Prepared::new(&key("a.test"), Owner::File, &route).is_ok()
    };
    let (most, longest) = (Options::MOST_CONNS, Options::MOST_SLOW_START_MS);
    assert!(prepared(most, longest));
    assert!(!prepared(most + 1, 0));
    assert!(!prepared(0, longest + 1));
}
