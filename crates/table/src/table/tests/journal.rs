//! The journal of requests in flight: what a killed worker counted is given back, once, where it was counted.

use super::{memory, put, route};
use crate::route::Match;
use crate::table::{Journal, JournalRow, Noted, PeerId, Start, Table};
use std::sync::atomic::AtomicU64;

fn words() -> Vec<AtomicU64> {
    (0..Journal::WORDS).map(|_| AtomicU64::new(0)).collect()
}

fn peers(table: &Table<'_>, host: &str) -> Vec<PeerId> {
    let mut buf = vec![0; 1024];
    let hit = table.lookup(host.as_bytes(), &mut buf).unwrap().unwrap();
    hit.route.backends().map(|b| b.peer()).collect()
}

/// A request that has started.
struct Request(PeerId, Noted);

fn start(table: &Table<'_>, row: &JournalRow<'_>, id: PeerId) -> Request {
    let noted = row.note(id).unwrap();
    assert_eq!(table.peer(id).unwrap().request_started(0), Start::Counted);
    Request(id, noted)
}

fn end(table: &Table<'_>, row: &JournalRow<'_>, Request(id, noted): Request) {
    table.peer(id).unwrap().requests_ended(1);
    row.forget(id, noted);
}

fn in_flight(table: &Table<'_>, id: PeerId) -> u64 {
    table.peer(id).unwrap().in_flight()
}

#[test]
fn what_a_killed_worker_counted_is_given_back_once() {
    let (memory, words) = (memory(256), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1, 2])).unwrap();
    let [one, two] = peers(&table, "a")[..] else {
        panic!("two backends")
    };
    let journal = Journal::new(&words).unwrap();
    let (first, second) = (
        journal.row(11, &table).unwrap(),
        journal.row(12, &table).unwrap(),
    );
    let [ends, _, _] = [one, one, two].map(|id| start(&table, &first, id));
    let last = start(&table, &second, one);
    end(&table, &first, ends);
    assert_eq!((in_flight(&table, one), in_flight(&table, two)), (2, 1));
    let alive = |who| who != 11;
    assert_eq!(
        journal.give_back(12, &table, &|_| true),
        0,
        "nobody is dead"
    );
    assert_eq!(journal.give_back(12, &table, &alive), 2);
    assert_eq!((in_flight(&table, one), in_flight(&table, two)), (1, 0));
    assert_eq!(journal.give_back(12, &table, &alive), 0, "once");
    // The row is free for another, who begins with nothing.
    assert!(journal.row(13, &table).is_some());
    assert_eq!(journal.give_back(12, &table, &|who| who == 12), 0);
    end(&table, &second, last);
    assert_eq!(in_flight(&table, one), 0);
}

#[test]
fn counts_of_a_table_that_was_replaced_are_forgotten() {
    let (old_memory, new_memory, words) = (memory(256), memory(256), words());
    let old = Table::format(&old_memory, Match::Host, 1).unwrap();
    let new = Table::format(&new_memory, Match::Host, 2).unwrap();
    for table in [&old, &new] {
        put(table, "a", &route(&[1])).unwrap();
    }
    let id = peers(&old, "a")[0];
    assert_eq!(peers(&new, "a")[0], id, "one name, in two tables");
    let journal = Journal::new(&words).unwrap();
    start(&old, &journal.row(11, &old).unwrap(), id);
    start(&new, &journal.row(12, &new).unwrap(), id);
    assert_eq!(journal.give_back(12, &new, &|who| who == 12), 0);
    assert_eq!(in_flight(&new, id), 1);
}

/// With `master_process off` a reload goes on in one process: its old requests are still in flight.
#[test]
fn a_process_goes_on_with_its_row() {
    let (memory, words) = (memory(256), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let id = peers(&table, "a")[0];
    let journal = Journal::new(&words).unwrap();
    let request = start(&table, &journal.row(11, &table).unwrap(), id);
    assert_eq!(journal.give_back(11, &table, &|_| true), 0);
    let again = journal.row(11, &table).unwrap();
    end(&table, &again, request);
    assert_eq!(journal.give_back(12, &table, &|_| false), 0);
    assert_eq!(in_flight(&table, id), 0);
}

#[test]
fn there_are_rows_and_cells_for_so_many() {
    let (memory, words) = (memory(512), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let many: Vec<u32> = (1..=256).collect();
    put(&table, "a", &route(&many)).unwrap();
    let journal = Journal::new(&words).unwrap();
    let rows = (1..1000).take_while(|who| journal.row(*who, &table).is_some());
    assert_eq!(rows.count(), 128);
    let row = journal.row(1, &table).unwrap();
    let ids = peers(&table, "a");
    let noted: Vec<(PeerId, Noted)> = ids
        .iter()
        .filter_map(|id| Some((*id, row.note(*id)?)))
        .collect();
    assert!(noted.len() >= 250, "{} of 256", noted.len());
    for (id, noted) in noted {
        row.forget(id, noted);
        // Once: it is somebody else's place now, or nobody's.
        row.forget(id, noted);
    }
    assert!(
        words[256..]
            .iter()
            .all(|word| word.load(std::sync::atomic::Ordering::Relaxed) == 0)
    );
    assert!(Journal::new(&words[1..]).is_none());
}

/// A line that serves another peer by now is left alone.
#[test]
fn a_peer_that_left_is_not_lowered() {
    let (memory, words) = (memory(256), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let journal = Journal::new(&words).unwrap();
    start(
        &table,
        &journal.row(11, &table).unwrap(),
        peers(&table, "a")[0],
    );
    super::remove(&table, "a").unwrap();
    put(&table, "a", &route(&[2])).unwrap();
    let id = peers(&table, "a")[0];
    start(&table, &journal.row(12, &table).unwrap(), id);
    assert_eq!(journal.give_back(12, &table, &|who| who == 12), 0);
    assert_eq!(in_flight(&table, id), 1);
}

/// However many requests a peer has, they take one cell.
#[test]
fn many_requests_of_a_peer_are_one_note() {
    let (memory, words) = (memory(256), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &route(&[1])).unwrap();
    let id = peers(&table, "a")[0];
    let journal = Journal::new(&words).unwrap();
    let row = journal.row(11, &table).unwrap();
    for _ in 0..1_000 {
        start(&table, &row, id);
    }
    assert_eq!(journal.give_back(12, &table, &|_| false), 1_000);
    assert_eq!(in_flight(&table, id), 0);
}

/// Whoever comes and goes, and in whatever order: what is noted of each peer of a set of cells is what it has in flight.
#[test]
fn peers_that_share_cells_are_told_apart() {
    let (memory, words) = (memory(512), words());
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let many: Vec<u32> = (1..=256).collect();
    put(&table, "a", &route(&many)).unwrap();
    let ids = peers(&table, "a");
    let journal = Journal::new(&words).unwrap();
    let row = journal.row(11, &table).unwrap();
    let mut requests: Vec<Vec<Request>> = ids.iter().map(|_| Vec::new()).collect();
    let mut random = 7_u64;
    for _ in 0..30_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (random >> 33) as usize % ids.len();
        if random >> 32 & 1 == 0 {
            if let Some(noted) = row.note(ids[at]) {
                let peer = table.peer(ids[at]).unwrap();
                assert_eq!(peer.request_started(0), Start::Counted);
                requests[at].push(Request(ids[at], noted));
            }
        } else if !requests[at].is_empty() {
            // Not always the last one.
            let which = (random >> 20) as usize % requests[at].len();
            end(&table, &row, requests[at].swap_remove(which));
        }
    }
    let counts: Vec<u64> = requests.iter().map(|some| some.len() as u64).collect();
    let sum: u64 = counts.iter().sum();
    assert!(
        sum > 1_000
            && ids
                .iter()
                .zip(&counts)
                .all(|(id, n)| in_flight(&table, *id) == *n)
    );
    assert_eq!(journal.give_back(12, &table, &|_| false), sum);
    assert!(ids.iter().all(|id| in_flight(&table, *id) == 0));
}
