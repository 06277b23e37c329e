//! Changes that belong together.

use super::change::{change, key, resolved, route};
use super::site::{FILE, Site, Worker};
use crate::table::{Bulk, Condition, Counts, Made, Progress, Refused};
use gatehouse_table::route::Match;
use gatehouse_table::table::{Applied, ApplyError, Owner, Prepared};

fn prepared(name: &str, url: &str) -> Prepared {
    Prepared::new(&key(name), Owner::Api, &resolved(&route(url))).unwrap()
}

/// All changes of a bulk.
fn make(worker: &Worker, bulk: &mut Bulk) -> Progress {
    make_at(worker, bulk, 0)
}

fn make_at(worker: &Worker, bulk: &mut Bulk, now_ms: u64) -> Progress {
    loop {
        match bulk.attempt(&worker.table, now_ms) {
            Progress::More | Progress::Wait | Progress::Queued => {}
            over => return over,
        }
    }
}

fn all(worker: &Worker) -> Vec<(String, u64)> {
    let routes = worker.table.routes().unwrap();
    let mut found = Vec::new();
    routes.scan(&mut routes.cursor(), usize::MAX, &mut |view| {
        let name = String::from_utf8(view.key().to_vec()).unwrap();
        let (_, version) = worker.table.current(&key(&name)).unwrap().unwrap();
        found.push((name, version));
    });
    found.sort();
    found
}

#[test]
fn of_changes_that_belong_together_all_are_made_or_none() {
    let mut site = Site::new(512);
    site.world
        .replace(FILE, r#"{"file.test": {"backends": []}}"#);
    let mut worker = site.start(true).unwrap();
    worker.work();
    for n in 0..50 {
        let one = route("http://10.0.0.1:80");
        change(&worker, &format!("h{n}.test"), Condition::Any, Some(&one)).unwrap();
    }
    let before = all(&worker);
    let version = |name: &str| before.iter().find(|row| row.0 == name).map(|row| row.1);
    let fill = |last: &str, expected: Option<u64>| {
        let mut bulk = Bulk::new(Owner::Api, Match::Host, None);
        // The last one on top is the first to be made.
        let end = prepared(last, "http://10.0.0.9:80");
        assert!(bulk.push(&key(last), expected, Some(&end)));
        for n in 0..100 {
            let name = format!("h{n}.test");
            let new = prepared(&name, "http://10.0.0.2:80");
            let new = (n % 3 != 0).then_some(&new);
            assert!(bulk.push(&key(&name), version(&name), new));
        }
        bulk
    };
    let foreign = Refused::Table(ApplyError::Foreign(Owner::File));
    let progress = make(&worker, &mut fill("file.test", version("file.test")));
    assert_eq!(progress, Progress::Refused(foreign, Some(key("file.test"))));
    assert_eq!(all(&worker), before);
    // Somebody has changed one meanwhile.
    let progress = make(&worker, &mut fill("h200.test", Some(7)));
    assert_eq!(
        progress,
        Progress::Refused(Refused::Condition, Some(key("h200.test")))
    );
    assert_eq!(all(&worker), before);
    // The table is another one by now.
    let mut bulk = Bulk::new(Owner::Api, Match::Host, Some(1));
    bulk.push(&key("h0.test"), version("h0.test"), None);
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(Refused::Condition, None)
    );
    let counts = Counts {
        created: 34,
        replaced: 33,
        removed: 17,
        unchanged: 17,
    };
    assert_eq!(
        make(&worker, &mut fill("h200.test", None)),
        Progress::Made(counts)
    );
    assert_eq!(all(&worker).len(), before.len() + 34 - 17);
}

#[test]
fn changes_that_do_not_fit_are_taken_back() {
    let mut site = Site::new(128);
    let worker = site.start(false).unwrap();
    for n in 0..300 {
        let one = route("http://10.0.0.1:80");
        change(&worker, &format!("h{n}.test"), Condition::Any, Some(&one)).unwrap();
    }
    let before = all(&worker);
    let mut bulk = Bulk::new(Owner::Api, Match::Host, None);
    for n in 0..2000 {
        let name = format!("h{n}.test");
        let version = before.iter().find(|row| row.0 == name).map(|row| row.1);
        bulk.push(
            &key(&name),
            version,
            Some(&prepared(&name, "http://10.0.0.2:80")),
        );
    }
    let progress = make(&worker, &mut bulk);
    assert!(
        matches!(
            progress,
            Progress::Refused(Refused::Table(ApplyError::Full), Some(_))
        ),
        "{progress:?}"
    );
    assert_eq!(all(&worker), before);
    while bulk.shrink() {}
}

/// A bulk of `count` hosts, of which the first `there` are there.
fn of_hosts(worker: &Worker, count: usize) -> Bulk {
    let mut bulk = Bulk::new(Owner::Api, Match::Host, None);
    for n in 0..count {
        let name = format!("h{n}.test");
        let version = worker.table.current(&key(&name)).unwrap();
        let version = version.map(|(_, version)| version);
        let new = prepared(&name, "http://10.0.0.2:80");
        assert!(bulk.push(&key(&name), version, Some(&new)));
    }
    bulk
}

fn put(worker: &Worker, name: &str, url: &str) -> Result<Made, Refused> {
    change(worker, name, Condition::Any, Some(&route(url)))
}

/// A reload has taken the routes over into another zone, with nothing of what was made of the changes.
#[test]
fn changes_of_a_table_that_is_replaced_meanwhile_are_refused() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut bulk = of_hosts(&worker, 100);
    assert_eq!(bulk.attempt(&worker.table, 0), Progress::More);
    worker.table.routes().unwrap().set_superseded(true);
    let superseded = Refused::Table(ApplyError::Superseded);
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(superseded, Some(key("h67.test")))
    );
    assert_eq!(all(&worker), []);
}

/// Nothing of a bulk is seen while it is made, and then all of it, as one change of the table.
#[test]
fn a_bulk_is_seen_at_once() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    for n in 0..50 {
        put(&worker, &format!("h{n}.test"), "http://10.0.0.1:80").unwrap();
    }
    let (before, generation) = (all(&worker), worker.table.routes().unwrap().generation());
    let mut bulk = of_hosts(&worker, 200);
    let (mut steps_before, mut steps_after) = (0, 0);
    let progress = loop {
        let progress = bulk.attempt(&worker.table, 0);
        let now = worker.table.routes().unwrap();
        if now.generation() == generation {
            steps_before += 1;
            assert_eq!((all(&worker), now.stats().routes), (before.clone(), 50));
        } else {
            steps_after += 1;
            assert_eq!(now.generation(), generation + 1);
            assert_eq!((all(&worker).len(), now.stats().routes), (200, 200));
        }
        if progress != Progress::More {
            break progress;
        }
    };
    assert!(matches!(
        progress,
        Progress::Made(Counts {
            created: 150,
            replaced: 50,
            ..
        })
    ));
    assert!(
        steps_before > 4 && steps_after > 4,
        "{steps_before}, {steps_after}"
    );
}

#[test]
fn a_change_of_somebody_else_refuses_a_bulk_that_has_its_route() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    put(&worker, "h99.test", "http://10.0.0.1:80").unwrap();
    let mut bulk = of_hosts(&worker, 100);
    assert_eq!(bulk.attempt(&worker.table, 0), Progress::More);
    // Another route may change, and this one may become what it was.
    put(&worker, "other.test", "http://10.0.0.3:80").unwrap();
    let same = put(&worker, "h99.test", "http://10.0.0.1:80").unwrap();
    assert_eq!(same.applied, Applied::Unchanged);
    put(&worker, "h99.test", "http://10.0.0.3:80").unwrap();
    put(&worker, "h99.test", "http://10.0.0.1:80").unwrap();
    assert!(matches!(
        make(&worker, &mut bulk),
        Progress::Made(Counts {
            created: 99,
            replaced: 1,
            ..
        })
    ));
    // Here it is another one.
    let mut bulk = of_hosts(&worker, 101);
    assert_eq!(bulk.attempt(&worker.table, 0), Progress::More);
    put(&worker, "h100.test", "http://10.0.0.4:80").unwrap();
    let before = all(&worker);
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(Refused::Condition, Some(key("h100.test")))
    );
    assert_eq!(all(&worker), before);
}

/// One that is refused when it looks at its routes again leaves nothing pending: the next one need not wait for a repair.
#[test]
fn a_bulk_that_is_refused_late_leaves_room_for_the_next() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut bulk = of_hosts(&worker, 100);
    for _ in 0..3 {
        assert_eq!(bulk.attempt(&worker.table, 0), Progress::More);
    }
    // The one in the middle: some are looked at again before it, some are not.
    put(&worker, "h50.test", "http://10.0.0.4:80").unwrap();
    let before = all(&worker);
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(Refused::Condition, Some(key("h50.test")))
    );
    assert_eq!(all(&worker), before);
    let mut next = of_hosts(&worker, 100);
    assert_eq!(next.attempt(&worker.table, 0), Progress::More);
    assert!(matches!(make(&worker, &mut next), Progress::Made(_)));
}

#[test]
fn of_two_bulks_one_waits() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut first = of_hosts(&worker, 100);
    assert_eq!(first.attempt(&worker.table, 0), Progress::More);
    let mut second = of_hosts(&worker, 100);
    assert_eq!(second.attempt(&worker.table, 0), Progress::Queued);
    // Who gives up while it waits has nothing to take back.
    let mut third = of_hosts(&worker, 10);
    assert_eq!(third.attempt(&worker.table, 0), Progress::Queued);
    third.give_up();
    assert_eq!(
        third.attempt(&worker.table, 0),
        Progress::Refused(Refused::Busy, None)
    );
    assert!(matches!(make(&worker, &mut first), Progress::Made(_)));
    // It was read before the first one changed the same routes.
    assert!(matches!(
        make(&worker, &mut second),
        Progress::Refused(Refused::Condition, Some(_))
    ));
}

#[test]
fn a_bulk_whose_maker_stops_is_taken_back() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut bulk = of_hosts(&worker, 100);
    assert_eq!(bulk.attempt(&worker.table, 1_000), Progress::More);
    let mut next = of_hosts(&worker, 50);
    assert_eq!(next.attempt(&worker.table, 4_000), Progress::Queued);
    // The table is repaired.
    let until = (0..1_000).find(|_| next.attempt(&worker.table, 5_000) == Progress::More);
    assert!(until.is_some());
    // The first one was only stopped, not killed.
    assert_eq!(
        bulk.attempt(&worker.table, 5_000),
        Progress::Refused(Refused::Busy, None)
    );
    assert!(matches!(
        make_at(&worker, &mut next, 5_000),
        Progress::Made(Counts { created: 50, .. })
    ));
    assert_eq!(all(&worker).len(), 50);
    while bulk.shrink() {}
}
