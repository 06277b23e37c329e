//! The ring of events: in order, resumed, overtaken, after a repair, and while it is written.

use super::explore::{Shared, write_and_read};
use super::hook::killed_at;
use super::{key, memory, put, remove, route, writer};
use crate::route::Match;
use crate::table::layout::head;
use crate::table::{By, Change, Event, Following, Owner, Position, Room, Shown, Table, What, Word};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

fn event(what: What, text: &str) -> Following {
    Following::Event(Event {
        what,
        text: text.into(),
    })
}

/// All that follows.
fn all<W: Word>(table: &Table<'_, W>, position: &mut Position) -> Vec<(What, String)> {
    let mut found = Vec::new();
    loop {
        match position.next(table) {
            Following::Event(event) => {
                found.push((event.what, String::from_utf8(event.text).unwrap()));
            }
            Following::Nothing => return found,
            Following::Lost => panic!("lost"),
        }
    }
}

const PUT: What = What::Put(Owner::File);
const REMOVE: What = What::Remove(Owner::File);

fn owned(what: What, text: &str) -> (What, String) {
    (what, text.to_owned())
}

#[test]
fn each_change_is_an_event() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    let mut position = table.events_end();
    assert_eq!(position.next(&table), Following::Nothing);
    put(&table, "a.test", &route(&[1])).unwrap();
    put(&table, "a.test", &route(&[1])).unwrap();
    put(&table, "a.test", &route(&[2])).unwrap();
    remove(&table, "none.test").unwrap();
    remove(&table, "a.test").unwrap();
    let (up, by) = (true, By::Mark);
    let health = What::Health { up, by };
    writer(&table, 0).note_news(health, b"http://10.0.0.1:80");
    writer(&table, 0).note_news(What::Feeder { up: false }, b"redis");
    let mut quiet = writer(&table, 0);
    quiet.be_quiet();
    let (key, route, owner) = (key("q.test"), route(&[1]), Owner::Redis);
    let (key, route) = (&key, &route);
    let created = quiet.apply(&Change::Put { key, route, owner });
    assert!(created.is_ok());
    let heir = writer(&table, 0).apply(&Change::Remove { key, owner });
    assert!(heir.is_ok());
    let from_here = position;
    let wanted = [
        owned(PUT, "a.test"),
        owned(PUT, "a.test"),
        owned(REMOVE, "a.test"),
        owned(health, "http://10.0.0.1:80"),
        owned(What::Feeder { up: false }, "redis"),
        owned(What::Remove(Owner::Redis), "q.test"),
    ];
    assert_eq!(all(&table, &mut position), wanted);
    // Whoever has seen some goes on behind these, by number.
    let mut seen = from_here;
    for _ in 0..4 {
        assert!(matches!(seen.next(&table), Following::Event(_)));
    }
    let mut again = Position::from_number(seen.number());
    assert_eq!(all(&table, &mut again), wanted[4..]);
    // What is no position is none.
    for number in [
        seen.number() + 1,
        seen.number() - 1,
        0,
        u64::MAX,
        from_here.number() - 1,
    ] {
        let mut strange = Position::from_number(number);
        assert_eq!(strange.next(&table), Following::Lost, "{number}");
        assert_eq!(strange, Position::from_number(number));
    }
}

#[test]
fn a_bulk_is_told_when_it_is_seen() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    put(&table, "b.test", &route(&[1])).unwrap();
    let mut position = table.events_end();
    for is_shown in [false, true] {
        let number = writer(&table, 0).open_bulk().unwrap();
        let mut writer = writer(&table, 0);
        assert!(writer.resume_bulk(number));
        let (a, b, owner) = (key("a.test"), key("b.test"), Owner::File);
        let route = &route(&[1, 2]);
        let put = Change::Put {
            key: &a,
            route,
            owner,
        };
        writer.apply(&put).unwrap();
        writer.apply(&Change::Remove { key: &b, owner }).unwrap();
        assert_eq!(position.next(&table), Following::Nothing);
        if is_shown {
            assert_eq!(writer.show_bulk(2), Shown::All);
        }
        writer.settle(&a);
        writer.settle(&b);
        writer.close_bulk();
    }
    assert_eq!(position.next(&table), event(PUT, "a.test"));
    assert_eq!(position.next(&table), event(REMOVE, "b.test"));
    assert_eq!(position.next(&table), Following::Nothing);
}

#[test]
fn who_falls_behind_or_outlives_a_repair_or_the_table_begins_anew() {
    let memory = memory(128);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    let mut slow = table.events_end();
    let mut news = 0;
    while slow.next(&table) != Following::Lost {
        slow = table.events_end();
        let from = slow;
        for n in 0..news {
            writer(&table, 0).note_news(PUT, format!("h{n}").as_bytes());
        }
        slow = from;
        news += 10;
    }
    // A ring of 512 words, three of them an event.
    assert!((150..=190).contains(&news), "{news}");
    let mut position = table.events_end();
    killed_at(20, || {
        put(&table, "a.test", &route(&[1])).unwrap();
    });
    let _ = writer(&table, 0);
    assert_eq!(position.next(&table), Following::Lost);
    let before = table.events_end();
    let mut position = before;
    put(&table, "b.test", &route(&[1])).unwrap();
    assert_eq!(position.next(&table), event(PUT, "b.test"));
    // Making room is no change.
    let mut room = Room::default();
    while writer(&table, 0).make_room(&mut room) {}
    assert_eq!(position.next(&table), Following::Nothing);
    let other = super::memory(128);
    let other = Table::format(&other, Match::Host, 8).unwrap();
    for n in 0..1000 {
        writer(&other, 0).note_news(PUT, format!("h{n}").as_bytes());
    }
    assert_eq!({ before }.next(&other), Following::Lost);
    assert_eq!({ position }.next(&other), Following::Lost);
}

/// A change that is seen has its event, or whoever follows is told to begin anew.
#[test]
fn a_killed_writer_leaves_no_gap_unsaid() {
    for stores in 0.. {
        let memory = memory(96);
        let table = Table::format(&memory, Match::Host, 7).unwrap();
        for n in 0..100 {
            writer(&table, 0).note_news(REMOVE, format!("host-{n}.test").as_bytes());
        }
        let mut position = table.events_end();
        let killed = killed_at(stores, || {
            put(&table, "a.test", &route(&[1, 2, 3])).unwrap();
        });
        let is_there = super::find(&table, "a.test").is_some();
        let early = { position }.next(&table);
        assert!(matches!(early, Following::Event(_) | Following::Nothing));
        assert!(early == Following::Nothing || is_there, "told too early");
        let _ = writer(&table, 0);
        match position.next(&table) {
            Following::Lost => assert!(killed),
            Following::Event(_) => assert!(is_there && !killed),
            Following::Nothing => assert!(!is_there && stores == 0),
        }
        if !killed {
            return;
        }
    }
}

#[test]
fn it_is_known_whether_anybody_follows() {
    let memory = memory(96);
    let table = Table::format(&memory, Match::Host, 7).unwrap();
    assert!(!table.are_events_watched(0, 1000));
    table.watch_events(5000);
    assert!(table.are_events_watched(6000, 1000));
    assert!(!table.are_events_watched(6001, 1000));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A reader that reads now and then sees what was written, in order, or learns that it is behind.
    #[test]
    fn a_reader_misses_nothing_unsaid(steps in prop::collection::vec((0..60_usize, 0..600_usize), 1..40)) {
        let memory = memory(96);
        let table = Table::format(&memory, Match::Host, 3).unwrap();
        let mut position = table.events_end();
        let mut model = VecDeque::new();
        let mut count = 0;
        for (writes, len) in steps {
            for _ in 0..writes {
                let text = format!("{count}-{}", "x".repeat(len));
                count += 1;
                writer(&table, 0).note_news(PUT, text.as_bytes());
                model.push_back(text);
            }
            if writes % 3 == 0 {
                loop {
                    match position.next(&table) {
                        Following::Nothing => break,
                        Following::Lost => {
                            prop_assert!(model.iter().map(|t| t.len() / 8 + 3).sum::<usize>() > table.geo.events);
                            position = table.events_end();
                            model.clear();
                        }
                        Following::Event(event) => {
                            prop_assert_eq!(Some(String::from_utf8(event.text).unwrap()), model.pop_front());
                        }
                    }
                }
                prop_assert!(model.is_empty());
            }
        }
    }

    /// Words that are no event, and numbers that are no position.
    #[test]
    fn a_reader_takes_any_words(words in prop::collection::vec(any::<u64>(), 64), number: u64) {
        let memory = memory(96);
        let table = Table::format(&memory, Match::Host, 3).unwrap();
        let end = table.events_end().number();
        for (at, word) in words.iter().enumerate() {
            let at = table.geo.events_at + (end as usize + at) % table.geo.events;
            memory[at].store(*word, Ordering::Relaxed);
        }
        memory[head::EVENTS_END].store(end + 64, Ordering::Relaxed);
        for number in [number, end, end + number % 64] {
            let _ = Position::from_number(number).next(&table);
        }
        // Nor does the writer trust them.
        for _ in 0..200 {
            writer(&table, 0).note_news(PUT, b"host.test");
        }
        let mut position = table.events_end();
        writer(&table, 0).note_news(PUT, b"last.test");
        prop_assert_eq!(position.next(&table), event(PUT, "last.test"));
    }
}

/// A reader copies an event that is being overwritten: it has it whole, or not at all.
#[test]
fn an_event_is_read_whole_or_not_at_all() {
    fn overwrite<W: Word>(table: &Table<'_, W>) {
        // So many words that the next event comes to where the first one is.
        let words = table.geo.events - 3;
        writer(table, 0).note_news(PUT, "x".repeat((words - 2) * 8).as_bytes());
        writer(table, 0).note_news(PUT, b"new.test");
    }
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    let position = table.events_end();
    writer(&table, 0).note_news(PUT, b"old.test");
    // A spare word of the header says where the reader is.
    const AT: usize = 30;
    memory[AT].store(position.number(), Ordering::Relaxed);
    let first = table.geo.events_at + position.number() as usize % table.geo.events;
    let end = table.geo.events_at + table.geo.events;
    assert!(first + 3 <= end, "another seed");
    let explored = [head::EVENTS_BEGIN, head::EVENTS_END]
        .into_iter()
        .chain(first..first + 3);
    write_and_read(&memory, &explored.collect(), overwrite::<Shared>, |table| {
        let mut position = Position::from_number(table.mem.load(AT));
        let next = position.next(table);
        assert!(
            next == event(PUT, "old.test") || next == Following::Lost,
            "{next:?}"
        );
    });
    let image: Vec<AtomicU64> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    overwrite(&dry);
    let text = |table: &Table<'_>| table.mem.load(first + 2).to_ne_bytes();
    assert_eq!((&text(&table), &text(&dry)), (b"old.test", b"new.test"));
}

/// A reader waits for the next event: it comes whole.
#[test]
fn a_new_event_is_read_whole_or_not_yet() {
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    let position = table.events_end();
    const AT: usize = 30;
    memory[AT].store(position.number(), Ordering::Relaxed);
    let first = table.geo.events_at + position.number() as usize % table.geo.events;
    let explored = [head::EVENTS_END].into_iter().chain(first..first + 3);
    write_and_read(
        &memory,
        &explored.collect(),
        |table| writer(table, 0).note_news(PUT, b"new.test"),
        |table| {
            let mut position = Position::from_number(table.mem.load(AT));
            let next = position.next(table);
            assert!(next == event(PUT, "new.test") || next == Following::Nothing);
        },
    );
}

/// Every reader of JSON holds the number of a position exactly.
#[test]
fn positions_begin_within_the_numbers_of_json() {
    for seed in 0..64 {
        let memory = memory(128);
        let table = Table::format(&memory, Match::Host, seed).unwrap();
        let first = table.events_end().number();
        assert!(first < 1 << 48, "{first}");
    }
}
