//! Changes of single routes from any worker.

use super::site::{FILE, Site};
use crate::table::{Attempt, Attempts, Bulk, Condition, Counts, Made, Progress, Refused, Wanted};
use gatehouse_table::route::{Key, Match, Resolved, Route, parse_route};
use gatehouse_table::table::{Applied, ApplyError, Owner, Prepared};

fn key(text: &str) -> Key {
    Key::parse(text.as_bytes(), Match::Host).unwrap()
}

fn route(url: &str) -> Route {
    parse_route(format!(r#"{{"backends": ["{url}"]}}"#).as_bytes()).unwrap()
}

pub(super) fn resolved(route: &Route) -> Resolved<'_> {
    route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {})
}

fn change(
    worker: &super::site::Worker,
    name: &str,
    only_if: Condition,
    route: Option<&Route>,
) -> Result<Made, Refused> {
    let route = route.map(resolved);
    let wanted = Wanted {
        key: &key(name),
        owner: Owner::Api,
        only_if,
        route: route.as_ref(),
    };
    let mut attempts = Attempts::default();
    loop {
        if let Attempt::Over(result) = attempts.attempt(&worker.table, 0, &wanted) {
            return result;
        }
    }
}

#[test]
fn what_a_change_expects_is_looked_at_when_it_is_made() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let (one, two) = (route("http://10.0.0.1:80"), route("http://10.0.0.2:80"));
    let refused = Err(Refused::Condition);
    assert_eq!(
        change(&worker, "a.test", Condition::Present, Some(&one)),
        refused
    );
    let made = change(&worker, "a.test", Condition::Absent, Some(&one)).unwrap();
    assert_eq!(made.applied, Applied::Created);
    let version = Condition::Is(made.version.unwrap());
    assert_eq!(
        change(&worker, "a.test", Condition::Absent, Some(&two)),
        refused
    );
    let made = change(&worker, "a.test", version, Some(&two)).unwrap();
    assert_eq!(made.applied, Applied::Replaced);
    assert_eq!(change(&worker, "a.test", version, None), refused);
    let made = change(&worker, "a.test", Condition::Present, None).unwrap();
    assert_eq!((made.applied, made.version), (Applied::Removed, None));
}

#[test]
fn the_api_and_the_file_leave_each_others_routes_alone() {
    let mut site = Site::new(512);
    let file = r#"{"file.test": {"backends": ["http://10.0.0.1:80"]}}"#;
    site.world.replace(FILE, file);
    let mut worker = site.start(true).unwrap();
    worker.work();
    let one = route("http://10.0.0.2:80");
    let foreign = Err(Refused::Table(ApplyError::Foreign(Owner::File)));
    assert_eq!(
        change(&worker, "file.test", Condition::Any, Some(&one)),
        foreign
    );
    assert_eq!(change(&worker, "file.test", Condition::Any, None), foreign);
    change(&worker, "api.test", Condition::Any, Some(&one)).unwrap();
    // The file is read again, by a worker and at a reload.
    site.world
        .replace(FILE, r#"{"other.test": {"backends": []}}"#);
    site.world.advance(10_000);
    worker.work();
    let keys = |name: &str| worker.table.current(&key(name)).unwrap().is_some();
    assert_eq!(
        (keys("file.test"), keys("other.test"), keys("api.test")),
        (false, true, true)
    );
    let mut worker = site.start(true).unwrap();
    worker.work();
    let (taken, _) = worker.table.current(&key("api.test")).unwrap().unwrap();
    assert_eq!(taken.view().owner(), Some(Owner::Api));
}

#[test]
fn a_full_zone_refuses_and_keeps_what_it_has() {
    let mut site = Site::new(128);
    let worker = site.start(false).unwrap();
    let one = route("http://10.0.0.1:80");
    let mut count = 0;
    let refused = loop {
        match change(
            &worker,
            &format!("host{count}.test"),
            Condition::Any,
            Some(&one),
        ) {
            Ok(_) => count += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, Refused::Table(ApplyError::Full));
    assert_eq!(worker.table.routes().unwrap().stats().routes, count);
    for n in 0..count {
        assert!(
            worker
                .table
                .current(&key(&format!("host{n}.test")))
                .unwrap()
                .is_some()
        );
    }
    // One removed makes room for one.
    change(&worker, "host0.test", Condition::Any, None).unwrap();
    change(&worker, "again.test", Condition::Any, Some(&one)).unwrap();
}

#[test]
fn a_superseded_table_takes_nothing() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    worker.table.routes().unwrap().set_superseded(true);
    let one = route("http://10.0.0.1:80");
    let superseded = Err(Refused::Table(ApplyError::Superseded));
    assert_eq!(
        change(&worker, "a.test", Condition::Any, Some(&one)),
        superseded
    );
}

#[test]
fn the_lock_is_not_waited_for() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let one = route("http://10.0.0.1:80");
    let resolved = resolved(&one);
    let wanted = Wanted {
        key: &key("a.test"),
        owner: Owner::Api,
        only_if: Condition::Any,
        route: Some(&resolved),
    };
    let mut attempts = Attempts::default();
    site.memory.is_locked.set(true);
    assert_eq!(attempts.attempt(&worker.table, 0, &wanted), Attempt::Again);
    site.memory.is_locked.set(false);
    assert!(matches!(
        attempts.attempt(&worker.table, 0, &wanted),
        Attempt::Over(Ok(_))
    ));
}

fn prepared(name: &str, url: &str) -> Prepared {
    Prepared::new(&key(name), Owner::Api, &resolved(&route(url))).unwrap()
}

/// All changes of a bulk.
fn make(worker: &super::site::Worker, bulk: &mut Bulk) -> Progress {
    loop {
        match bulk.attempt(&worker.table, 0) {
            Progress::More | Progress::Wait => {}
            over => return over,
        }
    }
}

fn all(worker: &super::site::Worker) -> Vec<(String, u64)> {
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
    assert_eq!(
        progress,
        Progress::Refused(foreign, Some(key("file.test")), 0)
    );
    assert_eq!(all(&worker), before);
    // Somebody has changed one meanwhile.
    let progress = make(&worker, &mut fill("h200.test", Some(7)));
    assert_eq!(
        progress,
        Progress::Refused(Refused::Condition, Some(key("h200.test")), 0)
    );
    assert_eq!(all(&worker), before);
    // The table is another one by now.
    let mut bulk = Bulk::new(Owner::Api, Match::Host, Some(1));
    bulk.push(&key("h0.test"), version("h0.test"), None);
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(Refused::Condition, None, 0)
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
            Progress::Refused(Refused::Table(ApplyError::Full), Some(_), 0)
        ),
        "{progress:?}"
    );
    assert_eq!(all(&worker), before);
    while bulk.shrink() {}
}

/// A reload has taken the routes over into another zone, with what was made of the changes.
#[test]
fn changes_of_a_table_that_is_replaced_meanwhile_are_refused() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut bulk = Bulk::new(Owner::Api, Match::Host, None);
    for n in 0..100 {
        let name = format!("h{n}.test");
        let new = prepared(&name, "http://10.0.0.2:80");
        assert!(bulk.push(&key(&name), None, Some(&new)));
    }
    assert_eq!(bulk.attempt(&worker.table, 0), Progress::More);
    worker.table.routes().unwrap().set_superseded(true);
    let taken_over = all(&worker);
    assert!(!taken_over.is_empty() && taken_over.len() < 100);
    let superseded = Refused::Table(ApplyError::Superseded);
    let next = key(&format!("h{}.test", 99 - taken_over.len()));
    assert_eq!(
        make(&worker, &mut bulk),
        Progress::Refused(superseded, Some(next), taken_over.len())
    );
    assert_eq!(
        all(&worker),
        taken_over,
        "nothing of it is changed any more"
    );
}
