//! Races of a bulk's maker with readers.

use super::explore::{Shared, write_and_read};
use super::races::{number_of, numbered, put, slot_and_record};
use super::{key, memory, writer};
use crate::route::Match;
use crate::table::layout::{head, slot_record};
use crate::table::{Applied, Change, Owner, Shown, Table, Word, Writer};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Spare words of the header.
const SPARE: usize = 30;

/// Two routes that a bulk replaces, both pending; the words of their slots and old records, and [`head::VISIBLE`].
fn pending() -> (Vec<AtomicU64>, BTreeSet<usize>) {
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    let mut explored = BTreeSet::from([head::VISIBLE]);
    for name in ["j", "k"] {
        put(&table, name, 1, 0);
        let (slot, record) = slot_and_record(&table, name);
        explored.insert(slot);
        explored.extend(record..record + 3);
    }
    pend_both(&table);
    (memory, explored)
}

fn pend_both<W: Word>(table: &Table<'_, W>) {
    writer(table, 0).open_bulk().unwrap();
    pend(table, "j");
    pend(table, "k");
}

/// Goes on with the bulk that is open.
fn resume<'a, W: Word>(table: &Table<'a, W>) -> Writer<'a, W> {
    let mut writer = writer(table, 0);
    writer.bulk = table.mem.load(head::BULK);
    writer
}

fn pend<W: Word>(table: &Table<'_, W>, name: &str) {
    let (key, route, owner) = (key(name), numbered(2), Owner::File);
    let change = Change::Put {
        key: &key,
        route: &route,
        owner,
    };
    assert_eq!(resume(table).apply(&change), Ok(Applied::Replaced));
}

fn pair_of<W: Word>(table: &Table<'_, W>, name: &str) -> usize {
    let (slot, _) = slot_and_record(table, name);
    slot_record(table.mem.load(slot))
}

fn copy_of(memory: &[AtomicU64]) -> Vec<AtomicU64> {
    let words = memory.iter().map(|w| w.load(Ordering::Relaxed));
    words.map(AtomicU64::new).collect()
}

/// Whoever has seen one route of a bulk sees the others, in whatever way they are settled.
#[test]
fn who_has_seen_a_part_of_a_bulk_sees_the_rest() {
    fn show_and_settle<W: Word>(table: &Table<'_, W>) {
        let mut writer = resume(table);
        assert_eq!(writer.show_bulk(2), Shown::All);
        writer.settle(&key("k"));
        writer.settle(&key("j"));
    }
    let (memory, explored) = pending();
    write_and_read(&memory, &explored, show_and_settle::<Shared>, |table| {
        let (first, second) = (number_of(table, "j"), number_of(table, "k"));
        let both = (first.unwrap(), second.unwrap());
        assert!([(1, 1), (1, 2), (2, 2)].contains(&both), "{both:?}");
    });
}

/// What is pending becomes so unseen, and goes unseen: also when the pair's memory is another one's meanwhile.
#[test]
fn a_bulk_that_is_taken_back_was_never_there() {
    fn to_and_fro<W: Word>(table: &Table<'_, W>) {
        let mut writer = resume(table);
        writer.settle(&key("k"));
        writer.settle(&key("j"));
        writer.close_bulk();
        pend_both(table);
    }
    let (memory, _) = pending();
    let table = Table::attach(&memory).unwrap();
    let image = copy_of(&memory);
    let dry = Table::attach(&image).unwrap();
    to_and_fro(&dry);
    let (first, second) = (pair_of(&table, "k"), pair_of(&dry, "k"));
    assert_ne!(
        dry.mem.load(first),
        table.mem.load(first),
        "the pair's block is used again"
    );
    let (slot, _) = slot_and_record(&table, "k");
    let explored = [slot].into_iter().chain(first..first + 3);
    let explored = explored.chain(second..second + 3).collect();
    write_and_read(&memory, &explored, to_and_fro::<Shared>, |table| {
        assert_eq!(number_of(table, "k"), Some(1));
    });
    // A walk is told what the slot had.
    memory[SPARE].store(slot as u64, Ordering::Relaxed);
    let shown = table.shown(table.mem.load(slot));
    memory[SPARE + 1].store(shown, Ordering::Relaxed);
    write_and_read(&memory, &explored, to_and_fro::<Shared>, |table| {
        let slot = &table.mem.words[table.mem.load(SPARE) as usize];
        assert_eq!(table.shown_in(slot), table.mem.load(SPARE + 1));
    });
}

/// A part of a bulk that is made and shown at this very moment.
#[test]
fn who_has_seen_a_part_of_a_bulk_sees_what_was_made_last() {
    fn pend_and_show<W: Word>(table: &Table<'_, W>) {
        pend(table, "k");
        assert_eq!(resume(table).show_bulk(2), Shown::All);
    }
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    put(&table, "j", 1, 0);
    put(&table, "k", 1, 0);
    writer(&table, 0).open_bulk().unwrap();
    pend(&table, "j");
    let dry = copy_of(&memory);
    let dry = Table::attach(&dry).unwrap();
    pend_and_show(&dry);
    let (pair, (slot, record)) = (pair_of(&dry, "k"), slot_and_record(&dry, "k"));
    let explored = [head::VISIBLE, slot].into_iter().chain(pair..pair + 3);
    let explored = explored.chain(record..record + 4).collect();
    write_and_read(&memory, &explored, pend_and_show::<Shared>, |table| {
        if number_of(table, "j") == Some(2) {
            assert_eq!(number_of(table, "k"), Some(2));
        }
    });
}

/// Somebody else's change of a pending key, in the memory of its pair.
#[test]
fn a_pair_is_not_taken_for_what_comes_after_it() {
    fn put_again<W: Word>(table: &Table<'_, W>) {
        put(table, "k", 3, 0);
    }
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    put(&table, "k", 1, 0);
    writer(&table, 0).open_bulk().unwrap();
    let (key, owner) = (key("k"), Owner::File);
    let removed = resume(&table).apply(&Change::Remove { key: &key, owner });
    assert_eq!(removed, Ok(Applied::Removed));
    let (pair, (slot, _)) = (pair_of(&table, "k"), slot_and_record(&table, "k"));
    let dry = copy_of(&memory);
    let dry = Table::attach(&dry).unwrap();
    put_again(&dry);
    let (_, record) = slot_and_record(&dry, "k");
    assert_eq!(record, pair, "the record takes the pair's block");
    let explored = [slot].into_iter().chain(pair..pair + 4).collect();
    write_and_read(&memory, &explored, put_again::<Shared>, |table| {
        assert!(matches!(number_of(table, "k"), Some(1 | 3)));
    });
}
