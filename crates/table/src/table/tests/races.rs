//! Races: a writer against readers, and workers against each other. Which words matter to a race is learned from a dry
//! run.

use super::explore::{Role, Shared, both, explore, write_and_read};
use super::{endpoint, key, memory, writer};
use crate::route::{Match, Resolved, Secret};
use crate::table::layout::head;
use crate::table::{Applied, Candidate, Change, Owner, Passive, RouteView, Start, Table, Word};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) fn numbered(n: u32) -> Resolved<'static> {
    Resolved {
        endpoints: vec![endpoint(n, 1)],
        ..Resolved::default()
    }
}

pub(super) fn put<W: Word>(table: &Table<'_, W>, name: &str, n: u32, now_ms: u64) {
    let route = numbered(n);
    let change = Change::Put {
        key: &key(name),
        route: &route,
        owner: Owner::File,
    };
    assert!(matches!(
        writer(table, now_ms).apply(&change),
        Ok(Applied::Created | Applied::Replaced)
    ));
}

fn take_out<W: Word>(table: &Table<'_, W>, name: &str, now_ms: u64) {
    let change = Change::Remove {
        key: &key(name),
        owner: Owner::File,
    };
    assert_eq!(writer(table, now_ms).apply(&change), Ok(Applied::Removed));
}

/// The number of a name's backend.
pub(super) fn number_of<W: Word>(table: &Table<'_, W>, name: &str) -> Option<u32> {
    let mut buf = [0; 8];
    let hit = table.lookup(name.as_bytes(), &mut buf).unwrap()?;
    assert_eq!(hit.route.key(), name.as_bytes(), "another key's record");
    let backends: Vec<_> = hit.route.backends().collect();
    assert_eq!(backends.len(), 1);
    let std::net::SocketAddr::V4(address) = address(backends[0].address) else {
        panic!("no IPv4")
    };
    assert_eq!((address.port(), backends[0].weight()), (8080, 1));
    Some(address.ip().to_bits() & 0xff_ffff)
}

fn address(address: crate::route::Address<'_>) -> std::net::SocketAddr {
    match address {
        crate::route::Address::Ip(address) => address,
        crate::route::Address::Unix(path) => panic!("{path}"),
    }
}

pub(super) fn slot_and_record<W: Word>(table: &Table<'_, W>, name: &str) -> (usize, usize) {
    let found = table
        .find(name.as_bytes(), table.hash(name.as_bytes()))
        .unwrap();
    (found.slot_at, found.record_at)
}

/// A table with one route; the words of its slot and its record.
fn start() -> (Vec<AtomicU64>, BTreeSet<usize>) {
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    put(&table, "k", 1, 0);
    let (slot, record) = slot_and_record(&table, "k");
    let explored = [slot].into_iter().chain(record..record + 4).collect();
    (memory, explored)
}

#[test]
fn a_reader_sees_whole_records_while_blocks_are_reused() {
    let (memory, explored) = start();
    fn twice<W: Word>(table: &Table<'_, W>) {
        put(table, "k", 2, 10_000);
        put(table, "k", 3, 20_000);
    }
    let (slot, first) = slot_and_record(&Table::attach(&memory).unwrap(), "k");
    let image: Vec<_> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    put(&dry, "k", 2, 10_000);
    // The block in between is written once: the reader has it from the start, which spares exploring it.
    let (_, second) = slot_and_record(&dry, "k");
    for at in second..second + 4 {
        memory[at].store(image[at].load(Ordering::Relaxed), Ordering::Relaxed);
    }
    put(&dry, "k", 3, 20_000);
    assert_eq!(
        slot_and_record(&dry, "k"),
        (slot, first),
        "the third record takes the first one's block"
    );
    write_and_read(&memory, &explored, twice::<Shared>, |table| {
        assert!(matches!(number_of(table, "k"), Some(1..=3)));
    });
}

#[test]
fn a_removed_record_is_not_taken_for_its_successor() {
    let (memory, explored) = start();
    fn another_key<W: Word>(table: &Table<'_, W>) {
        take_out(table, "k", 10_000);
        put(table, "j", 2, 20_000);
    }
    let image: Vec<_> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    another_key(&dry);
    assert!(
        explored.contains(&slot_and_record(&dry, "j").1),
        "the block is reused"
    );
    write_and_read(&memory, &explored, another_key::<Shared>, |table| {
        assert!(matches!(number_of(table, "k"), None | Some(1)));
    });
}

#[test]
fn a_new_record_is_seen_whole_or_not_at_all() {
    let (memory, explored) = start();
    let table = Table::attach(&memory).unwrap();
    take_out(&table, "k", 0);
    write_and_read(
        &memory,
        &explored,
        |table| put(table, "k", 2, 20_000),
        |table| {
            assert!(matches!(number_of(table, "k"), None | Some(2)));
        },
    );
}

#[test]
fn a_moving_entry_is_never_missed() {
    let (memory, _) = start();
    let table = Table::attach(&memory).unwrap();
    let (here, _) = slot_and_record(&table, "k");
    let there = other_place(&table, here);
    let explored = [here, there, head::MOVES].into_iter().collect();
    let to_and_fro = |table: &Table<'_, Shared>| {
        let (here, _) = slot_and_record(table, "k");
        let there = other_place(table, here);
        table.move_entry(here, there);
        table.move_entry(there, here);
    };
    write_and_read(&memory, &explored, to_and_fro, |table| {
        assert_eq!(number_of(table, "k"), Some(1))
    });
}

/// A free slot in the other bucket of the entry at `here`.
fn other_place<W: Word>(table: &Table<'_, W>, here: usize) -> usize {
    table.geo.bucket_at(table.other_bucket(here)) + 5
}

#[test]
fn the_lease_goes_to_one() {
    let (memory, _) = start();
    let explored = [head::LEASE].into_iter().collect();
    fn ask(table: &Table<'_, Shared>, pid: u32) {
        let who = Candidate { pid, generation: 1 };
        let lease = table.lease().unwrap();
        assert_eq!(lease.acquire(who, 100_000), lease.is_held(who));
    }
    both(
        &memory,
        &explored,
        |table| ask(table, 1),
        |table| ask(table, 2),
    );
}

#[test]
fn one_request_checks_a_failed_peer() {
    let (memory, _) = start();
    let table = Table::attach(&memory).unwrap();
    let mut buf = [0; 8];
    let id = table
        .lookup(b"k", &mut buf)
        .unwrap()
        .unwrap()
        .route
        .backend(0)
        .unwrap()
        .peer();
    table.peer(id).unwrap().failed(1, &Passive::default(), None);
    let line = id.line as usize * 8;
    // A spare word of the header counts those who were let through.
    const LET_THROUGH: usize = 30;
    let explored = (line..line + 3).chain([LET_THROUGH]).collect();
    fn try_it(table: &Table<'_, Shared>) {
        let mut buf = [0; 8];
        let id = table
            .lookup(b"k", &mut buf)
            .unwrap()
            .unwrap()
            .route
            .backend(0)
            .unwrap()
            .peer();
        let peer = table.peer(id).unwrap();
        if peer.available(20_000, &Passive::default()) && peer.chosen(20_000, &Passive::default()) {
            let before = table.mem.words[LET_THROUGH].fetch_add(1, Ordering::Relaxed);
            assert_eq!(before, 0, "two checks at once");
        }
    }
    both(&memory, &explored, try_it, try_it);
}

/// A worker moves a weight of a route that is removed meanwhile, and whose cell becomes part of a record.
#[test]
fn a_late_weight_never_lands_in_a_record() {
    // Spare words of the header: where the threads find the cell and the new record's slot.
    const CELL: usize = 30;
    const SLOT: usize = 31;
    const TEXT: &str = "xxxxxxxxxxxxxxxx";
    fn replace_by_text<W: Word>(table: &Table<'_, W>) {
        take_out(table, "a", 10_000);
        let text = TEXT.repeat(60);
        let mut route = numbered(1);
        route.vars.push(("text", &text));
        let change = Change::Put {
            key: &key("k"),
            route: &route,
            owner: Owner::File,
        };
        assert_eq!(writer(table, 10_000).apply(&change), Ok(Applied::Created));
    }
    let memory = memory(88);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    super::put(&table, "a", &super::route(&[1, 2, 3])).unwrap();
    let mut buf = [0; 16];
    let hit = table.lookup(b"a", &mut buf).unwrap().unwrap();
    let cell = hit.route.packed().next().unwrap().cell();
    let image: Vec<_> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    replace_by_text(&dry);
    let at = cell as usize / 2;
    assert_eq!(
        dry.mem.load(at).to_ne_bytes(),
        *b"xxxxxxxx",
        "the record takes the cell's memory"
    );
    let (slot, _) = slot_and_record(&dry, "k");
    assert_eq!(
        table.mem.load(slot),
        0,
        "it has another slot than the old one"
    );
    memory[CELL].store(cell.into(), Ordering::Relaxed);
    memory[SLOT].store(slot as u64, Ordering::Relaxed);
    let ways = explore(
        &memory,
        &[at, slot].into_iter().collect(),
        (Role::Swapper, replace_by_text::<Shared>),
        (Role::Swapper, |table| {
            let cell = table.mem.load(CELL) as u32;
            table.add_to_cell(cell, 5);
            let slot = table.mem.load(SLOT) as usize;
            let published = table.mem.words[slot].load(Ordering::Acquire) != 0;
            let word = table.mem.load(cell as usize / 2).to_ne_bytes();
            assert!(!published || word == *b"xxxxxxxx", "{word:x?}");
        }),
    );
    assert!(ways > 5, "only {ways} ways were explored");
}

/// A record whose peer moves is rewritten in its place, by way of another: a reader finds it all the while.
#[test]
fn a_record_rewritten_in_its_place_is_never_torn_or_missed() {
    fn rewrite<W: Word>(table: &Table<'_, W>) {
        let (slot, _) = slot_and_record(table, "k");
        writer(table, 20_000).move_on(slot);
    }
    let (memory, mut explored) = start();
    let table = Table::attach(&memory).unwrap();
    let (slot, record) = slot_and_record(&table, "k");
    let peer = |table: &Table<'_>| {
        let mut buf = [0; 8];
        let hit = table.lookup(b"k", &mut buf).unwrap().unwrap();
        hit.route.backend(0).unwrap().peer()
    };
    let old = peer(&table);
    let page = table.geo.page_of(old.line as usize * 8).unwrap();
    table.leave_page(page);
    let image: Vec<_> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    rewrite(&dry);
    // The page that held the record for a while: free again, with its words still there.
    let words = |at: usize| image[at].load(Ordering::Relaxed);
    let scratch = (0..dry.geo.pages)
        .map(|page| dry.geo.page_at(page))
        .find(|at| {
            *at != record && words(*at + 1) == words(record + 1) && words(*at) == words(record)
        });
    explored.extend(scratch.unwrap()..scratch.unwrap() + 4);
    assert_eq!(slot_and_record(&dry, "k"), (slot, record));
    let new = peer(&dry);
    assert!(new.line != old.line && new.generation != old.generation);
    // Spare words of the header: the peers that the reader may find, and no mixture.
    const PEERS: usize = 30;
    for (at, id) in [(PEERS, old), (PEERS + 1, new)] {
        let word = u64::from(id.line) << 8 | u64::from(id.generation);
        memory[at].store(word, Ordering::Relaxed);
    }
    write_and_read(&memory, &explored, rewrite::<Shared>, |table| {
        let mut buf = [0; 8];
        let hit = table.lookup(b"k", &mut buf).unwrap().expect("missed");
        let id = hit.route.backend(0).unwrap().peer();
        let word = u64::from(id.line) << 8 | u64::from(id.generation);
        let known = [table.mem.load(PEERS), table.mem.load(PEERS + 1)];
        assert!(known.contains(&word), "{id:?}");
    });
}

fn put_with_key<W: Word>(table: &Table<'_, W>, text: &str, now_ms: u64) {
    let secret = Secret::new(text.into());
    let mut route = numbered(1);
    route.keys.push(("k", &secret));
    let change = Change::Put {
        key: &key("k"),
        route: &route,
        owner: Owner::File,
    };
    assert!(matches!(
        writer(table, now_ms).apply(&change),
        Ok(Applied::Created | Applied::Replaced)
    ));
}

/// A request reads a key while it is replaced twice, the second time in the block of the first: it reads the one its
/// route had, or learns that the route is another.
#[test]
fn a_key_is_read_whole_or_not_at_all() {
    const TEXTS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];
    fn twice<W: Word>(table: &Table<'_, W>) {
        put_with_key(table, TEXTS[1], 10_000);
        put_with_key(table, TEXTS[2], 20_000);
    }
    /// Where the block of the route is.
    fn block_of(table: &Table<'_>) -> usize {
        let mut buf = [0; 16];
        let hit = table.lookup(b"k", &mut buf).unwrap().unwrap();
        hit.route.attached().next().unwrap().at
    }
    let memory = memory(96);
    let table = Table::format(&memory, Match::Host, 11).unwrap();
    put_with_key(&table, TEXTS[0], 0);
    let (first, mut words) = (block_of(&table), [0; 16]);
    let hit = table.lookup(b"k", &mut words).unwrap().unwrap();
    // The reader has its copy of the route from the start: spare words of the header hold it.
    const COPY: usize = 96;
    for (at, word) in (COPY..).zip(hit.route.words()) {
        memory[at].store(*word, Ordering::Relaxed);
    }
    let image: Vec<_> = memory
        .iter()
        .map(|w| AtomicU64::new(w.load(Ordering::Relaxed)))
        .collect();
    let dry = Table::attach(&image).unwrap();
    twice(&dry);
    assert_eq!(
        block_of(&dry),
        first,
        "the third key takes the first one's block"
    );
    let explored = (first..first + 4).collect();
    write_and_read(&memory, &explored, twice::<Shared>, |table| {
        let copy: Vec<u64> = (COPY..COPY + 16).map(|at| table.mem.load(at)).collect();
        let mut buf = [0; 8];
        if let Some(keys) = table.keys(&RouteView::from_words(&copy), &mut buf).unwrap() {
            assert_eq!(keys.get(b"k"), Some(TEXTS[0].as_bytes()));
        }
    });
}

/// Two workers count their requests at once: none is lost.
#[test]
fn requests_in_flight_are_counted_by_all_workers() {
    fn three_and_one_ends(table: &Table<'_, Shared>) {
        let mut buf = [0; 8];
        let hit = table.lookup(b"k", &mut buf).unwrap().unwrap();
        let peer = table.peer(hit.route.backend(0).unwrap().peer()).unwrap();
        assert_eq!(peer.request_started(0), Start::Counted);
        assert_eq!(peer.request_started(0), Start::Counted);
        peer.requests_ended(1);
        assert!((1..=3).contains(&peer.in_flight()));
        peer.requests_ended(1);
        assert!(peer.in_flight() <= 2);
    }
    let (memory, _) = start();
    let table = Table::attach(&memory).unwrap();
    let mut buf = [0; 8];
    let hit = table.lookup(b"k", &mut buf).unwrap().unwrap();
    let line = hit.route.backend(0).unwrap().peer().line as usize * 8;
    let explored = [line + 3].into_iter().collect();
    both(&memory, &explored, three_and_one_ends, three_and_one_ends);
}
