//! Changes that become visible together: what is seen of them, what others may do meanwhile, and killed makers.

use super::hook::killed_at;
use super::{audit, find, key, memory, put, remove, route, writer};
use crate::route::{Match, Resolved, Secret};
use crate::table::layout::head;
use crate::table::{
    Applied, ApplyError, BulkNumber, Change, LEASE_MS, NoWriter, Owner, Room, Shown, Table,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a bulk does with a name: the numbers of its new backends.
type Changes = [(&'static str, Option<&'static [u32]>)];
type Model = BTreeMap<&'static str, &'static [u32]>;

static KEY: LazyLock<Secret> = LazyLock::new(|| Secret::new("0123456789abcdef".into()));

/// A route that has a key, beside its record, and as many cells as it has backends.
fn with_key(backends: &[u32]) -> Resolved<'static> {
    let mut route = route(backends);
    route.keys.push(("token", &KEY));
    route
}

fn open(table: &Table<'_>) -> BulkNumber {
    writer(table, 0).open_bulk().unwrap()
}

fn pend(
    table: &Table<'_>,
    number: BulkNumber,
    name: &str,
    new: Option<&[u32]>,
) -> Result<Applied, ApplyError> {
    let mut writer = writer(table, 0);
    assert!(writer.resume_bulk(number));
    let (key, owner) = (key(name), Owner::File);
    match new.map(with_key) {
        Some(route) => writer.apply(&Change::Put {
            key: &key,
            route: &route,
            owner,
        }),
        None => writer.apply(&Change::Remove { key: &key, owner }),
    }
}

fn show(table: &Table<'_>, number: BulkNumber, count: usize) -> Shown {
    let mut writer = writer(table, 0);
    assert!(writer.resume_bulk(number));
    writer.show_bulk(count)
}

/// The end of a bulk, shown or not.
fn close(table: &Table<'_>, number: BulkNumber, names: &[&str]) {
    for name in names {
        let mut writer = writer(table, 0);
        assert!(writer.resume_bulk(number));
        writer.settle(&key(name));
    }
    let mut writer = writer(table, 0);
    assert!(writer.resume_bulk(number));
    writer.close_bulk();
}

/// The numbers of a name's backends.
fn numbers(table: &Table<'_>, name: &str) -> Option<Vec<u32>> {
    let mut buf = [0; 128];
    let hit = table.lookup(name.as_bytes(), &mut buf).unwrap()?;
    assert_eq!(hit.route.key(), name.as_bytes());
    let mut keys = [0; 64];
    let keys = table.keys(&hit.route, &mut keys).unwrap().unwrap();
    assert_eq!(keys.get(b"token"), Some(KEY.text().as_bytes()));
    let ip = |address| match address {
        crate::route::Address::Ip(std::net::SocketAddr::V4(a)) => a.ip().to_bits() & 0xff_ffff,
        other => panic!("{other}"),
    };
    Some(hit.route.backends().map(|b| ip(b.address)).collect())
}

const BEFORE: [(&str, &[u32]); 4] = [
    ("a.example", &[1]),
    ("b.example", &[2, 3, 4]),
    ("c.example", &[5, 6]),
    ("*.w.example", &[7]),
];
const CHANGES: &Changes = &[
    ("a.example", Some(&[10, 11, 12])),
    ("b.example", None),
    ("new.example", Some(&[20, 21])),
    ("*.w.example", None),
    ("*.v.example", Some(&[4, 30])),
];

fn start(kib: usize) -> (Vec<AtomicU64>, Model, Model) {
    let memory = memory(kib);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    let before: Model = BEFORE.into_iter().collect();
    for (name, backends) in &before {
        put(&table, name, &with_key(backends)).unwrap();
    }
    let mut after = before.clone();
    for (name, new) in CHANGES {
        match new {
            Some(new) => after.insert(name, new),
            None => after.remove(name),
        };
    }
    (memory, before, after)
}

fn is(table: &Table<'_>, model: &Model) -> bool {
    let names = BEFORE.iter().map(|(name, _)| name);
    let mut names = names.chain(CHANGES.iter().map(|(name, _)| name));
    let same = |name: &&str| {
        // A key's own record, also of a wildcard.
        let mut buf = [0; 128];
        let there = table.probe(name.as_bytes(), &mut buf).unwrap().is_some();
        if name.starts_with('*') {
            let host = name.replace('*', "x");
            let found = find(table, &host).map(|(_, key)| key);
            return found.as_deref() == model.contains_key(name).then_some(*name)
                && there == model.contains_key(name);
        }
        numbers(table, name).as_deref() == model.get(name).copied()
    };
    names.all(same)
}

fn check(table: &Table<'_>, model: &Model) {
    assert!(is(table, model));
    assert_eq!(table.stats().routes, model.len() as u64);
}

#[test]
fn it_is_seen_as_a_whole_or_not_at_all() {
    let (memory, before, after) = start(128);
    let table = Table::attach(&memory).unwrap();
    let generation = table.generation();
    for is_shown in [false, true] {
        let number = open(&table);
        for (name, new) in CHANGES {
            pend(&table, number, name, *new).unwrap();
            check(&table, &before);
        }
        assert_eq!(table.generation(), generation);
        if is_shown {
            assert_eq!(show(&table, number, CHANGES.len()), Shown::All);
            check(&table, &after);
        }
        let names: Vec<_> = CHANGES.iter().map(|(name, _)| *name).collect();
        close(&table, number, &names);
        check(&table, if is_shown { &after } else { &before });
        assert_eq!(table.generation(), generation + u64::from(is_shown));
        audit(&table);
        assert_eq!(table.stats().wildcards, 1);
    }
}

/// Everything a bulk's maker does, each step under a lock of its own.
fn whole(table: &Table<'_>) {
    let number = open(table);
    for (name, new) in CHANGES {
        pend(table, number, name, *new).unwrap();
    }
    assert_eq!(show(table, number, CHANGES.len()), Shown::All);
    let names: Vec<_> = CHANGES.iter().map(|(name, _)| *name).collect();
    close(table, number, &names);
}

fn copy_of(memory: &[AtomicU64]) -> Vec<AtomicU64> {
    let words = memory.iter().map(|w| w.load(Ordering::Relaxed));
    words.map(AtomicU64::new).collect()
}

#[test]
fn a_killed_maker_leaves_all_or_nothing() {
    let (start, before, after) = start(96);
    let (mut none, mut all) = (0, 0);
    for stores in 0.. {
        let memory = copy_of(&start);
        let table = Table::attach(&memory).unwrap();
        let killed = killed_at(stores, || whole(&table));
        let is_shown = is(&table, &after);
        assert!(is_shown || is(&table, &before), "half of it at {stores}");
        let model = if is_shown { &after } else { &before };
        *(if is_shown { &mut all } else { &mut none }) += 1;
        for repair_stores in [3, 40, 1200, 1400, 1500] {
            let again = copy_of(&memory);
            let table = Table::attach(&again).unwrap();
            // The repair may end before it is killed.
            killed_at((repair_stores + stores * 7) % 1900, || {
                let _ = writer(&table, LEASE_MS + 1);
            });
            assert!(is(&table, model), "killed at {stores}, and again");
            finish(&table, model);
        }
        finish(&table, model);
        if !killed {
            assert!(none > 100 && all > 50, "{none} and {all} stores");
            return;
        }
    }
}

/// The next writer finds no bulk any more, and all memory comes back in the end.
fn finish(table: &Table<'_>, model: &Model) {
    let mut writer = writer(table, LEASE_MS + 1);
    check(table, model);
    audit(table);
    assert!(writer.open_bulk().is_some(), "a bulk is left");
    writer.close_bulk();
    for name in model.keys() {
        let (key, owner) = (key(name), Owner::File);
        let removed = writer.apply(&Change::Remove { key: &key, owner });
        assert_eq!(removed, Ok(Applied::Removed));
    }
    audit(table);
    let stats = table.stats();
    let left = (stats.routes, stats.wildcards, stats.peers, stats.cells);
    assert_eq!((left, stats.record_words), ((0, 0, 0, 0), 0));
}

/// A maker that is not at work any more holds nobody up for longer than a lease lasts, and learns of it.
#[test]
fn an_abandoned_bulk_is_taken_back() {
    let (memory, before, _) = start(96);
    let table = Table::attach(&memory).unwrap();
    let number = open(&table);
    for (name, new) in CHANGES {
        pend(&table, number, name, *new).unwrap();
    }
    assert!(table.writer(LEASE_MS).unwrap().open_bulk().is_none());
    assert!(!table.writer(LEASE_MS).unwrap().repaired());
    // With a sign of life it goes on.
    assert!(table.writer(LEASE_MS).unwrap().resume_bulk(number));
    assert!(table.writer(LEASE_MS * 2).is_ok());
    let error = table.writer(LEASE_MS * 2 + 1).unwrap_err();
    assert_eq!(error, NoWriter::Repairing);
    let mut writer = writer(&table, LEASE_MS * 2 + 1);
    assert!(writer.repaired() && !writer.resume_bulk(number));
    check(&table, &before);
    audit(&table);
    let next = writer.open_bulk().unwrap();
    assert_ne!(next, number);
    assert!(!writer.resume_bulk(number));
}

/// Others change a pending key: their change is seen at once, and the bulk has to look again.
#[test]
fn another_change_of_a_pending_key_is_seen_at_once() {
    let (memory, _, _) = start(128);
    let table = Table::attach(&memory).unwrap();
    let number = open(&table);
    for (name, new) in CHANGES {
        pend(&table, number, name, *new).unwrap();
    }
    // What changes nothing disturbs nothing.
    let same = put(&table, "a.example", &with_key(&[1]));
    assert_eq!(same, Ok(Applied::Unchanged));
    assert_eq!(remove(&table, "new.example"), Ok(Applied::Missing));
    let foreign = writer(&table, 0).apply(&Change::Remove {
        key: &key("a.example"),
        owner: Owner::Redis,
    });
    assert_eq!(foreign, Err(ApplyError::Foreign(Owner::File)));
    for (name, _) in CHANGES {
        assert!(writer(&table, 0).pending(&key(name)).is_some(), "{name}");
    }
    let replaced = put(&table, "a.example", &with_key(&[50]));
    assert_eq!(replaced, Ok(Applied::Replaced));
    assert_eq!(numbers(&table, "a.example"), Some(vec![50]));
    let created = put(&table, "new.example", &with_key(&[51, 52]));
    assert_eq!(created, Ok(Applied::Created));
    assert_eq!(remove(&table, "b.example"), Ok(Applied::Removed));
    audit(&table);
    assert_eq!(show(&table, number, CHANGES.len()), Shown::Disturbed);
    for name in ["a.example", "b.example", "new.example"] {
        assert_eq!(writer(&table, 0).pending(&key(name)), None, "{name}");
    }
    let again = pend(&table, number, "a.example", Some(&[60]));
    assert_eq!(again, Ok(Applied::Replaced));
    assert_eq!(show(&table, number, 3), Shown::All);
    assert_eq!(numbers(&table, "a.example"), Some(vec![60]));
    // Visible, but not settled: another change is one of what is seen.
    assert_eq!(remove(&table, "a.example"), Ok(Applied::Removed));
    assert_eq!(
        put(&table, "*.w.example", &with_key(&[1])),
        Ok(Applied::Created)
    );
    audit(&table);
    close(&table, number, &["a.example", "*.w.example", "*.v.example"]);
    audit(&table);
    let mut found = Vec::new();
    table.scan(&mut table.cursor(), usize::MAX, &mut |view| {
        found.push(String::from_utf8(view.key().to_vec()).unwrap());
    });
    found.sort();
    assert_eq!(
        found,
        ["*.v.example", "*.w.example", "c.example", "new.example"]
    );
}

/// Who has no room brings it together, at the cost of a bulk that is not visible; the bulk itself keeps what it has.
#[test]
fn room_is_made_around_a_bulk_or_at_its_cost() {
    let (memory, before, _) = start(128);
    let table = Table::attach(&memory).unwrap();
    let number = open(&table);
    // Pages that are nearly empty: of each three routes two go.
    let text = "x".repeat(500);
    let mut long = with_key(&[1]);
    long.vars.push(("text", &text));
    for n in 0..30 {
        put(&table, &format!("l{n}.example"), &long).unwrap();
    }
    for (name, new) in CHANGES {
        pend(&table, number, name, *new).unwrap();
    }
    for n in (0..30).filter(|n| n % 3 > 0) {
        remove(&table, &format!("l{n}.example")).unwrap();
    }
    let free = table.stats().free_pages;
    let mut room = Room::default();
    loop {
        let mut writer = writer(&table, 0);
        assert!(writer.resume_bulk(number));
        if !writer.make_room(&mut room) {
            break;
        }
    }
    assert!(is(&table, &before));
    audit(&table);
    assert!(table.stats().free_pages > free);
    for (name, _) in CHANGES {
        assert!(writer(&table, 0).pending(&key(name)).is_some(), "{name}");
    }
    for n in (0..30).filter(|n| n % 3 == 0) {
        remove(&table, &format!("l{n}.example")).unwrap();
    }
    let mut count = 0;
    let full = loop {
        match put(&table, &format!("h{count}.example"), &long) {
            Ok(_) => count += 1,
            Err(full) => break full,
        }
    };
    assert_eq!(full, ApplyError::Full);
    let mut room = Room::default();
    while writer(&table, 0).make_room(&mut room) {}
    assert!(is(&table, &before));
    assert_eq!(writer(&table, 0).pending(&key("a.example")), None);
    assert_eq!(table.mem.load(head::PENDING), 0);
    audit(&table);
}

/// A bulk that does not fit says so, and gives back what it took.
#[test]
fn a_bulk_that_is_full_is_taken_back() {
    let (memory, before, _) = start(96);
    let table = Table::attach(&memory).unwrap();
    let number = open(&table);
    let mut names = Vec::new();
    let full = loop {
        let name = format!("h{}.example", names.len());
        match pend(&table, number, &name, Some(&[1, 2, 3])) {
            Ok(_) => names.push(name),
            Err(full) => break full,
        }
    };
    assert_eq!(full, ApplyError::Full);
    audit(&table);
    // A removal needs a little, too.
    let removal = pend(&table, number, "a.example", None);
    if removal.is_ok() {
        names.push("a.example".into());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    close(&table, number, &names);
    check(&table, &before);
    audit(&table);
}

/// Weights of backends that stay are those that requests have left, whether the bulk is shown or not.
#[test]
fn backends_that_stay_keep_their_weights() {
    let (memory, _, _) = start(96);
    let table = Table::attach(&memory).unwrap();
    let cells = |table: &Table<'_>| -> Vec<u32> {
        let mut buf = [0; 64];
        let hit = table.lookup(b"b.example", &mut buf).unwrap().unwrap();
        hit.route.packed().map(|packed| packed.cell()).collect()
    };
    let before = cells(&table);
    table.add_to_cell(before[1], 5);
    for is_shown in [false, true] {
        let number = open(&table);
        pend(&table, number, "b.example", Some(&[3, 2, 9, 8])).unwrap();
        if is_shown {
            assert_eq!(show(&table, number, 1), Shown::All);
        }
        close(&table, number, &["b.example"]);
        let now = cells(&table);
        let same = if is_shown { now[0] } else { now[1] };
        assert_eq!((same, table.cell_weight(same)), (before[1], 5));
        audit(&table);
    }
}
