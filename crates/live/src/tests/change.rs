//! Changes of single routes from any worker.

use super::site::{FILE, Site};
use crate::table::{Attempt, Attempts, Condition, Made, Refused, Wanted};
use gatehouse_table::route::{Key, Match, Resolved, Route, parse_route};
use gatehouse_table::table::{Applied, ApplyError, Owner};

pub(super) fn key(text: &str) -> Key {
    Key::parse(text.as_bytes(), Match::Host).unwrap()
}

pub(super) fn route(url: &str) -> Route {
    parse_route(format!(r#"{{"backends": ["{url}"]}}"#).as_bytes()).unwrap()
}

pub(super) fn resolved(route: &Route) -> Resolved<'_> {
    route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {})
}

pub(super) fn change(
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
    // One removed makes room for one: for itself, since another one's place in the index may be full where its hash leads to.
    change(&worker, "host0.test", Condition::Any, None).unwrap();
    change(&worker, "host0.test", Condition::Any, Some(&one)).unwrap();
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
