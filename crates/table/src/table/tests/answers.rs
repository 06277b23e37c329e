//! Answers of backends are counted for each peer, and end with it.

use super::{memory, put, remove, route};
use crate::route::Match;
use crate::table::{Answers, PeerId, Table};

fn peer_of(table: &Table<'_>, host: &str) -> PeerId {
    let mut buf = [0; 64];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
    hit.route.backend(0).unwrap().peer()
}

#[test]
fn answers_are_counted_by_class_for_each_peer() {
    let (words, beside) = (memory(256), memory(256));
    let table = Table::format(&words, Match::Host, 1).unwrap();
    let answers = Answers::new(&beside);
    put(&table, "a", &route(&[1])).unwrap();
    put(&table, "b", &route(&[2])).unwrap();
    let (one, two) = (peer_of(&table, "a"), peer_of(&table, "b"));
    assert_eq!(answers.of(one), [0; 6]);
    for status in [0, 99, 100, 101, 200, 299, 300, 404, 499, 500, 599, u16::MAX] {
        answers.count(one, status);
    }
    answers.count(two, 200);
    assert_eq!(answers.of(one), [2, 2, 2, 1, 2, 3]);
    assert_eq!(answers.of(two), [0, 0, 1, 0, 0, 0]);
    // Another one in the place of the first begins at nothing.
    remove(&table, "a").unwrap();
    put(&table, "c", &route(&[9])).unwrap();
    let new = peer_of(&table, "c");
    assert_eq!(new.line, one.line);
    assert_eq!(answers.of(new), [0; 6]);
    answers.count(new, 500);
    assert_eq!(answers.of(new), [0, 0, 0, 0, 0, 1]);
    assert_eq!(answers.of(two), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn memory_that_is_too_small_takes_no_count() {
    let words = memory(256);
    let table = Table::format(&words, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let peer = peer_of(&table, "a");
    for beside in [0, 1] {
        let beside = memory(beside);
        let answers = Answers::new(&beside);
        answers.count(peer, 200);
        assert_eq!(answers.of(peer), [0; 6]);
    }
}
