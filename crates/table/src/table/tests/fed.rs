//! What was read earlier never replaces what was read later.

use super::super::Table;
use crate::route::Match;
use std::sync::atomic::AtomicU64;

fn memory() -> Vec<AtomicU64> {
    (0..20 * 1024).map(|_| AtomicU64::new(0)).collect()
}

#[test]
fn a_reading_is_applied_once() {
    let memory = memory();
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    assert!(!table.is_fed_from(b"apps.json"));
    let handed = table.take_ticket(b"apps.json");
    // Not before its end: what was killed half way begins again.
    assert!(!table.is_outdated(handed));
    table.finish_ticket(handed);
    assert!(table.is_outdated(handed));
    assert!(table.is_fed_from(b"apps.json") && !table.is_fed_from(b"other.json"));
    assert!(!table.is_outdated(table.take_ticket(b"apps.json")));
}

#[test]
fn a_later_reading_of_the_same_file_outdates_an_earlier_one() {
    let memory = memory();
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let handed = table.take_ticket(b"apps.json");
    let live = table.take_ticket(b"apps.json");
    table.finish_ticket(live);
    assert!(table.is_outdated(handed));
    // What comes late does not make the note older.
    table.finish_ticket(handed);
    assert!(table.is_outdated(live));
}

#[test]
fn another_file_is_never_outdated_by_the_one_before() {
    let memory = memory();
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let handed = table.take_ticket(b"other.json");
    let old_workers = table.take_ticket(b"apps.json");
    table.finish_ticket(old_workers);
    assert!(!table.is_outdated(handed));
    table.finish_ticket(handed);
    assert!(table.is_outdated(handed) && table.is_fed_from(b"other.json"));
    assert!(!table.is_outdated(old_workers));
}

#[test]
fn a_reading_that_ends_later_is_noted_after_that_of_another_file() {
    let memory = memory();
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let first = table.take_ticket(b"apps.json");
    let second = table.take_ticket(b"other.json");
    let third = table.take_ticket(b"apps.json");
    table.finish_ticket(first);
    table.finish_ticket(third);
    assert!(table.is_outdated(third), "it was applied to its end");
    table.finish_ticket(second);
    assert!(table.is_outdated(second));
}
