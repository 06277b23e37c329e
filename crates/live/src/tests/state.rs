//! A table and its state: what outlives nginx, and what outlives a zone.

use super::site::{FILE, Site, Worker, routes};
use crate::feeder::Feeder;
use crate::{Memory, Next, Seat};
use gatehouse_table::route::{Key, Match, Resolved};
use gatehouse_table::table::{Change, Owner};
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

const KIB: usize = 4096;
/// The word of a table with its layout's version.
const VERSION: usize = 1;

/// A site whose table has a state in a folder of its own.
fn site(file: &str) -> (Site, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::new(KIB);
    site.state = Some(folder.path().join("apps.state"));
    site.world.replace(FILE, file);
    site.world.advance(10_000);
    (site, folder)
}

fn state_of(site: &Site) -> &Path {
    site.state.as_deref().unwrap()
}

/// Routes of every owner but the file.
fn add_others(worker: &Worker) {
    worker.change(Owner::Api, "api.test", Some("a"));
    worker.change(Owner::Registration, "joined.test", Some("b"));
    worker.change(Owner::Api, "*.wild.test", Some("c"));
}

fn expect_others(worker: &Worker) {
    assert_eq!(worker.value("api.test").as_deref(), Some("a"));
    assert_eq!(worker.value("joined.test").as_deref(), Some("b"));
    assert_eq!(worker.value("x.wild.test").as_deref(), Some("c"));
}

#[test]
fn what_is_not_the_files_comes_back_and_the_file_has_its_own() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    add_others(&worker);
    assert!(worker.keep() > 1);
    drop(worker);
    site.end(KIB);
    site.world.replace(FILE, routes(5, "2"));
    let worker = site.start(true).unwrap();
    expect_others(&worker);
    assert_eq!(worker.value("h4.test").as_deref(), Some("2"));
    assert_eq!(worker.value("h5.test"), None, "the file has it no more");
    let mut buf = [0; 1024];
    let routes = worker.table.routes().unwrap();
    let hit = routes.lookup(b"api.test", &mut buf).unwrap().unwrap();
    let mut keys = [0; 64];
    let keys = routes.keys(&hit.route, &mut keys).unwrap().unwrap();
    assert_eq!(keys.get(b"token"), Some(&b"secret of Some(\"a\")"[..]));
    assert!(site.world.take_lines().is_empty());
}

#[test]
fn a_key_keeps_its_owner_over_a_start() {
    let (mut site, _folder) = site("{}");
    let mut worker = site.start(true).unwrap();
    worker.change(Owner::Api, "h0.test", Some("api"));
    worker.keep();
    drop(worker);
    site.end(KIB);
    site.world.replace(FILE, routes(2, "file"));
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("h0.test").as_deref(), Some("api"));
    assert_eq!(worker.value("h1.test").as_deref(), Some("file"));
    assert_eq!(
        site.world.take_lines(),
        [
            r#"[Error] upstream table "apps": file "/apps.json": 1 of 2 changes refused: key belongs to the API ("h0.test")"#
        ]
    );
}

#[test]
fn without_a_file_its_routes_do_not_come_back() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    add_others(&worker);
    worker.keep();
    drop(worker);
    site.end(KIB);
    let worker = site.start(false).unwrap();
    expect_others(&worker);
    assert_eq!(worker.value("h0.test"), None);
    let said = r#"[Warn] upstream table "apps": 10 of the earlier routes are left out: the block no longer has the "file" or "redis" that brought them"#;
    assert_eq!(site.world.take_lines(), [said]);
}

#[test]
fn a_broken_file_at_a_start_leaves_the_routes_it_brought() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    add_others(&worker);
    worker.keep();
    drop(worker);
    site.end(KIB);
    let mut half = routes(10, "2");
    half.pop();
    site.world.replace(FILE, half);
    let mut worker = site.start(true).unwrap();
    expect_others(&worker);
    assert_eq!(worker.value("h9.test").as_deref(), Some("1"));
    let lines = site.world.take_lines();
    assert!(lines[0].contains("unexpected end of file"), "{lines:?}");
    assert!(
        lines[0].ends_with("the last good routes stay in use"),
        "{lines:?}"
    );
    site.world.replace(FILE, routes(10, "3"));
    site.world.advance(1_000);
    worker.work();
    assert_eq!(worker.value("h9.test").as_deref(), Some("3"));
    // A file that has brought none of them is refused, as without a state.
    drop(worker);
    site.end(KIB);
    site.world.remove(FILE);
    fs::remove_file(state_of(&site)).unwrap();
    assert!(site.start(true).is_err());
}

#[test]
fn it_is_written_once_a_second_and_only_after_a_change() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    assert!(worker.keep() > 1);
    let written = fs::metadata(state_of(&site)).unwrap().modified().unwrap();
    assert_eq!(worker.keep(), 1, "nothing has changed");
    worker.change(Owner::Api, "api.test", Some("1"));
    assert!(worker.keep() > 1);
    worker.change(Owner::Api, "api.test", Some("2"));
    assert_ne!(worker.keep_step(), Next::Soon, "a second has not passed");
    assert!(worker.keep() > 1);
    let later = fs::metadata(state_of(&site)).unwrap().modified().unwrap();
    assert!(later >= written);
}

#[test]
fn the_master_writes_what_is_left_in_the_end() {
    let (mut site, _folder) = site("{}");
    let mut worker = site.start(true).unwrap();
    worker.change(Owner::Api, "api.test", Some("1"));
    worker.keep();
    worker.change(Owner::Api, "api.test", Some("2"));
    worker.keeper.as_mut().unwrap().finish();
    drop(worker);
    site.end(KIB);
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("api.test").as_deref(), Some("2"));
}

/// Routes that change, come and go while the file is written: each is there as it was at some moment.
#[test]
fn what_changes_while_it_is_written_is_whole() {
    let (mut site, _folder) = site(&routes(3000, "1"));
    let mut worker = site.start(true).unwrap();
    worker.lead();
    site.world.advance(1_000);
    let mut polls = 0;
    while worker.keep_step() == Next::Soon {
        let n = polls * 7919 % 4000;
        worker.change(Owner::Api, &format!("n{n}.test"), Some("new"));
        if polls % 3 == 0 {
            worker.change(Owner::Api, &format!("n{n}.test"), Some("newer"));
        }
        polls += 1;
    }
    assert!(polls > 10, "{polls}");
    let all = worker.table.routes().unwrap().stats().routes;
    worker.keep();
    drop(worker);
    site.end(KIB);
    site.world.replace(FILE, "{");
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("h2999.test").as_deref(), Some("1"));
    assert_eq!(worker.table.routes().unwrap().stats().routes, all);
}

#[test]
fn another_size_takes_over_what_is_not_the_files() {
    let (mut site, _folder) = site(&routes(10, "1"));
    site.state = None;
    let mut old = site.start(true).unwrap();
    add_others(&old);
    site.resize(2 * KIB);
    site.world.replace(FILE, routes(10, "2"));
    let worker = site.start(true).unwrap();
    expect_others(&worker);
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
    // Workers of the old configuration lead and write no more.
    let before = old.table.routes().unwrap().generation();
    assert!(old.table.lease().is_none());
    site.world.replace(FILE, routes(10, "3"));
    site.world.advance(1_000);
    for _ in 0..50 {
        old.step();
    }
    assert_eq!(old.table.routes().unwrap().generation(), before);
    assert!(site.world.take_lines().is_empty());
}

#[test]
fn a_size_change_with_a_broken_file_keeps_its_routes() {
    let (mut site, _folder) = site(&routes(10, "1"));
    site.state = None;
    let old = site.start(true).unwrap();
    add_others(&old);
    site.resize(2 * KIB);
    site.world.replace(FILE, "{\"h0.test\": {");
    let worker = site.start(true).unwrap();
    expect_others(&worker);
    assert_eq!(worker.value("h9.test").as_deref(), Some("1"));
}

#[test]
fn a_zone_that_is_too_small_for_all_of_it_says_what_is_needed() {
    for with_file in [true, false] {
        let (mut site, _folder) = site(&routes(100, "1"));
        site.state = None;
        let old = site.start(with_file).unwrap();
        for n in 0..4000 {
            old.change(Owner::Api, &format!("api{n}.test"), Some("a"));
        }
        site.resize(128);
        let why = site.start(with_file).map(drop).unwrap_err();
        let count = if with_file { 4100 } else { 4000 };
        assert!(why.contains(&format!("{count} routes need")), "{why}");
        let kib = why
            .rsplit_once("zone ")
            .unwrap()
            .1
            .trim_end_matches("k;\")");
        // The size that it says is enough.
        site.resize(kib.parse().unwrap());
        let worker = site.start(with_file).unwrap();
        assert_eq!(worker.value("api3999.test").as_deref(), Some("a"));
    }
}

#[test]
fn a_table_of_another_layout_is_never_formatted_in_place() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let worker = site.start(true).unwrap();
    worker.change(Owner::Api, "api.test", Some("a"));
    let memory = Rc::clone(&site.memory);
    let words = || Memory::words(&memory).unwrap();
    let all = || {
        words()
            .iter()
            .map(|w| w.load(Ordering::Relaxed))
            .collect::<Vec<_>>()
    };
    words()[VERSION].store(99, Ordering::Relaxed);
    let before = all();
    let why = site.start(true).map(drop).unwrap_err();
    assert!(why.contains("table of layout 99, restart nginx"), "{why}");
    assert!(all() == before, "the table was written to");
}

#[test]
fn a_zone_of_another_layout_is_replaced_from_the_state() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut old = site.start(true).unwrap();
    add_others(&old);
    old.keep();
    Memory::words(&site.memory).unwrap()[VERSION].store(99, Ordering::Relaxed);
    site.resize(KIB);
    let worker = site.start(true).unwrap();
    expect_others(&worker);
    assert_eq!(
        site.world.take_lines(),
        [
            r#"[Error] upstream table "apps": the zone in use has table of layout 99: of routes that are not the files', those of the state come into the new one"#
        ]
    );
}

/// The state still has what the file has no more: it is written though the new table has never had a route.
#[test]
fn a_table_without_routes_is_written_over_a_state_that_has_some() {
    let (mut site, _folder) = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    worker.keep();
    drop(worker);
    site.end(KIB);
    site.world.replace(FILE, "{}");
    let mut worker = site.start(true).unwrap();
    assert!(worker.keep() > 1);
    drop(worker);
    site.end(KIB);
    site.world.replace(FILE, "{");
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("h0.test"), None);
}

/// A store that is away at a start is one that the state stands in for; one that is no longer followed is not.
#[test]
fn routes_of_a_store_come_back_while_it_is_followed() {
    let (mut site, _folder) = site(&routes(10, "seed"));
    site.has_store = true;
    let mut worker = site.start(true).unwrap();
    assert_eq!(
        worker.value("h0.test").as_deref(),
        Some("seed"),
        "an empty table"
    );
    worker.change(Owner::Redis, "stored.test", Some("a"));
    worker.change(Owner::Redis, "h0.test", Some("b"));
    worker.keep();
    drop(worker);
    site.end(KIB);
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("stored.test").as_deref(), Some("a"));
    assert_eq!(
        worker.value("h0.test").as_deref(),
        Some("b"),
        "not from the file again"
    );
    drop(worker);
    site.end(KIB);
    site.has_store = false;
    let worker = site.start(true).unwrap();
    assert_eq!(worker.value("stored.test"), None);
    assert_eq!(worker.value("h0.test").as_deref(), Some("seed"));
}

/// In an index that is nearly full, entries move for each new one: from places to come to places that have been walked
/// over.
#[test]
fn no_route_is_missed_because_it_moves() {
    let (mut site, _folder) = site("{}");
    site.end(512);
    let mut worker = site.start(false).unwrap();
    let put = |worker: &Worker, key: String| {
        let key = Key::parse(key.as_bytes(), Match::Host).unwrap();
        let change = Change::Put {
            key: &key,
            route: &Resolved::default(),
            owner: Owner::Api,
        };
        let routes = worker.table.routes().unwrap();
        let done = routes.writer(0).unwrap().apply(&change);
        done.is_ok()
    };
    let old = (0..4_700)
        .take_while(|n| put(&worker, format!("old{n}.test")))
        .count();
    assert_eq!(old, 4_700);
    worker.lead();
    site.world.advance(1_000);
    let start = worker.table.routes().unwrap().cursor();
    let mut new = 0;
    while worker.keep_step() == Next::Soon {
        for _ in 0..20 {
            put(&worker, format!("new{new}.test"));
            new += 1;
        }
    }
    assert!(
        worker.table.routes().unwrap().disturbed(&start),
        "nothing moved"
    );
    drop(worker);
    site.end(2048);
    let worker = site.start(false).unwrap();
    let routes = worker.table.routes().unwrap();
    let is_there = |n: &usize| {
        let key = format!("old{n}.test");
        matches!(routes.lookup(key.as_bytes(), &mut [0; 64]), Ok(Some(_)))
    };
    let missed: Vec<usize> = (0..old).filter(|n| !is_there(n)).collect();
    assert!(missed.is_empty(), "{} of {old}: {missed:?}", missed.len());
}
