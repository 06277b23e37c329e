//! Routes that are known by the text they were read from.

use super::{audit, endpoint, key, memory, put, route, writer};
use crate::route::{Imprint, Match, Resolved, Secret};
use crate::table::{
    Applied, Change, Demand, MAX_RECORD_WORDS, Owner, Prepared, Room, Table, There,
};

fn imprint(table: &Table<'_>, text: &str) -> Option<Imprint> {
    Some(table.imprinter().of(text.as_bytes()))
}

fn knows(table: &Table<'_>, name: &str, text: &str) -> bool {
    let mut buf = [0; MAX_RECORD_WORDS];
    let imprint = table.imprinter().of(text.as_bytes());
    table.recognize(&key(name), imprint, &mut buf).is_some()
}

fn version(table: &Table<'_>, name: &str) -> u64 {
    table.version_of(&table.take_out(&key(name)).unwrap().unwrap())
}

/// A route that was read from this text.
fn read(table: &Table<'_>, backends: &[u32], text: &str) -> Resolved<'static> {
    Resolved {
        id: "shop",
        vars: vec![("v", "1")],
        imprint: imprint(table, text),
        ..route(backends)
    }
}

#[test]
fn a_route_of_the_file_is_known_by_its_text() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let new = read(&table, &[1, 2], "one");
    assert!(!knows(&table, "a.test", "one"));
    assert_eq!(put(&table, "a.test", &new), Ok(Applied::Created));
    assert!(knows(&table, "a.test", "one"));
    assert!(!knows(&table, "a.test", "two") && !knows(&table, "b.test", "one"));
    // A wildcard leads to the host, and is not its own route.
    put(&table, "*.test", &read(&table, &[1], "all")).unwrap();
    assert!(!knows(&table, "b.test", "all"));
    let hit = table.lookup(b"a.test", &mut [0; 64]).unwrap().is_some();
    assert!(hit);
    let mut buf = [0; 64];
    let hit = table.lookup(b"a.test", &mut buf).unwrap().unwrap();
    let imprint = None;
    assert_eq!(hit.route.resolved(), Resolved { imprint, ..new });
    assert_eq!(hit.route.var(b"v"), Some("1"));
    // Whoever puts another route without a text, or the same text elsewhere, is not taken for the file.
    put(&table, "a.test", &route(&[3])).unwrap();
    assert!(!knows(&table, "a.test", "one"));
    let api = read(&table, &[1], "one");
    let change = Change::Put {
        key: &key("api.test"),
        route: &api,
        owner: Owner::Api,
    };
    writer(&table, 0).apply(&change).unwrap();
    assert!(!knows(&table, "api.test", "one"));
    audit(&table);
}

#[test]
fn the_text_is_no_part_of_a_route() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let without = Resolved {
        imprint: None,
        ..read(&table, &[1, 2], "")
    };
    put(&table, "a.test", &without).unwrap();
    let (generation, number) = (table.generation(), version(&table, "a.test"));
    let again = put(&table, "a.test", &read(&table, &[1, 2], "one"));
    assert_eq!(again, Ok(Applied::Unchanged));
    assert_eq!(table.generation(), generation);
    put(&table, "a.test", &route(&[7])).unwrap();
    put(&table, "a.test", &read(&table, &[1, 2], "one")).unwrap();
    assert_eq!(version(&table, "a.test"), number);
    // Another text of the same route is noted, and nothing else changes.
    let generation = table.generation();
    let other = read(&table, &[1, 2], "o n e");
    let prepared = Prepared::new(&key("a.test"), Owner::File, &other).unwrap();
    let there = |is_noted| There::Same {
        owner: Some(Owner::File),
        is_noted,
    };
    assert_eq!(table.there(&prepared), there(false));
    writer(&table, 0).note_imprint(&prepared);
    assert_eq!(table.there(&prepared), there(true));
    assert!(knows(&table, "a.test", "o n e") && !knows(&table, "a.test", "one"));
    assert_eq!(table.generation(), generation);
    assert_eq!(version(&table, "a.test"), number);
    // Not of another route, nor where there is none.
    for (name, backends) in [("a.test", [1, 3]), ("b.test", [1, 2])] {
        let text = read(&table, &backends, "two");
        let prepared = Prepared::new(&key(name), Owner::File, &text).unwrap();
        writer(&table, 0).note_imprint(&prepared);
        assert!(!knows(&table, name, "two") && knows(&table, "a.test", "o n e"));
    }
    audit(&table);
}

#[test]
fn it_moves_with_its_route_and_survives_a_repair() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let name = |n: u32| format!("h{n}.test");
    let secret = Secret::new("secret".into());
    for n in 0..400 {
        let mut new = read(&table, &[n, n + 1], &name(n));
        new.keys = vec![("token", &secret)];
        put(&table, &name(n), &new).unwrap();
    }
    for n in (0..400).filter(|n| n % 4 != 0) {
        super::remove(&table, &name(n)).unwrap();
    }
    let mut room = Room::default();
    while writer(&table, 0).make_room(&mut room) {}
    while !table.repair_slice() {}
    for n in 0..400 {
        assert_eq!(knows(&table, &name(n), &name(n)), n % 4 == 0, "{n}");
    }
    audit(&table);
}

#[test]
fn what_is_known_needs_as_much_room_as_what_is_read() {
    let memory = memory(4096);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let secret = Secret::new("secret".repeat(2_000));
    let (mut new, mut stored) = (Demand::default(), Demand::default());
    for n in 0..3_000 {
        let (name, text) = (format!("h{n}.test"), format!("{n}"));
        let mut route = read(&table, &[n, n / 3 + 7, n / 2], &text);
        route.keys = vec![("token", &secret); usize::from(n % 100 == 0)];
        put(&table, &name, &route).unwrap();
        new.add(&key(&name), &route).unwrap();
        let mut buf = [0; MAX_RECORD_WORDS];
        let found = table.recognize(&key(&name), route.imprint.unwrap(), &mut buf);
        stored.add_stored(&found.unwrap()).unwrap();
    }
    assert_eq!((new.routes(), new.bytes()), (3_000, stored.bytes()));
}

#[test]
fn the_longest_route_has_no_room_for_it() {
    let memory = memory(512);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let name = "n".repeat(63);
    // Key, first word and two words for each backend; the id fills what is left.
    let (id, mut knew) = ("i".repeat(8), 0);
    for backends in 490..512 {
        let many: Vec<_> = (0..backends).map(|n| endpoint(n, 1)).collect();
        let long = Resolved {
            id: &id,
            endpoints: many,
            imprint: imprint(&table, "long"),
            ..Resolved::default()
        };
        let without = Resolved {
            imprint: None,
            ..long.clone()
        };
        let fits = Prepared::new(&key(&name), Owner::File, &without).is_ok();
        let prepared = Prepared::new(&key(&name), Owner::File, &long);
        assert_eq!(prepared.is_ok(), fits, "{backends}");
        if put(&table, &name, &long).is_ok() {
            knew += u32::from(knows(&table, &name, "long"));
            assert!(matches!(
                table.there(&prepared.unwrap()),
                There::Same { is_noted: true, .. }
            ));
        }
    }
    assert!(knew > 0);
}

#[test]
fn every_table_has_its_own_key() {
    let memories = [memory(256), memory(256)];
    let tables = memories
        .each_ref()
        .map(|memory| Table::format(memory, Match::Host, 1).unwrap());
    let [one, other] = tables.map(|table| imprint(&table, "text"));
    assert_ne!(one, other);
}
