//! Registrations from any worker, and their end.

use super::site::{Site, Worker};
use super::world::Ticking;
use crate::slice::Slice;
use crate::table::{Act, Condition, Expiry, Outcome, Refused, Registering, Unregistered, Wanted};
use crate::table::{Attempt, Attempts};
use crate::{Feeder, Next, Turn, World};
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{ApplyError, Owner};
use std::rc::Rc;
use std::time::Duration;

const ONE: &str = "10.0.0.1:3000";
const TWO: &str = "10.0.0.2:3000";
const JOIN: Act = Act::Join {
    ttl_ms: 1_000,
    most: 2,
};

fn key(text: &str) -> Key {
    Key::parse(text.as_bytes(), Match::Host).unwrap()
}

fn act(worker: &Worker, at: &str, act: Act, now_ms: u64) -> Result<Outcome, Unregistered> {
    let mut registering = Registering::new(key("a.test"), at.parse().unwrap(), act);
    loop {
        if let Some(result) = registering.attempt(&worker.table, now_ms) {
            return result;
        }
    }
}

fn has_route(worker: &Worker) -> bool {
    worker.table.current(&key("a.test")).unwrap().is_some()
}

#[test]
fn several_callers_share_a_host_until_the_last_one_leaves() {
    let worker = Site::new(512).start(false).unwrap();
    let joined = |is_new, until_ms| Ok(Outcome::Joined { is_new, until_ms });
    assert_eq!(act(&worker, ONE, JOIN, 0), joined(true, 1_000));
    assert_eq!(act(&worker, TWO, JOIN, 1), joined(true, 1_001));
    assert_eq!(act(&worker, ONE, JOIN, 0), joined(false, 1_001));
    assert_eq!(
        act(&worker, "10.0.0.3:3000", JOIN, 2),
        Err(Unregistered::TooMany)
    );
    assert_eq!(worker.backends("a.test"), [ONE, TWO]);
    let leave = Act::Leave { until_ms: None };
    assert_eq!(act(&worker, ONE, leave, 3), Ok(Outcome::Left));
    assert_eq!(act(&worker, ONE, leave, 3), Err(Unregistered::Gone));
    assert_eq!(worker.backends("a.test"), [TWO]);
    assert_eq!(act(&worker, TWO, leave, 3), Ok(Outcome::Left));
    assert!(!has_route(&worker));
}

#[test]
fn a_registration_that_was_made_anew_is_not_the_one_before() {
    let worker = Site::new(512).start(false).unwrap();
    let Ok(Outcome::Joined { until_ms, .. }) = act(&worker, ONE, JOIN, 0) else {
        panic!()
    };
    act(&worker, ONE, JOIN, 0).unwrap();
    let renew = Act::Renew {
        ttl_ms: 1_000,
        until_ms,
    };
    assert_eq!(act(&worker, ONE, renew, 1), Err(Unregistered::Gone));
    let leave = Act::Leave {
        until_ms: Some(until_ms),
    };
    assert_eq!(act(&worker, ONE, leave, 1), Err(Unregistered::Gone));
    assert!(has_route(&worker));
}

#[test]
fn a_route_of_somebody_else_is_left_alone() {
    let worker = Site::new(512).start(false).unwrap();
    let route = gatehouse_table::route::Route::default();
    let resolved = route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {});
    let (key, route) = (key("a.test"), Some(&resolved));
    let wanted = Wanted {
        key: &key,
        owner: Owner::Api,
        only_if: Condition::Any,
        route,
    };
    assert!(matches!(
        Attempts::default().attempt(&worker.table, 0, &wanted),
        Attempt::Over(Ok(_))
    ));
    let foreign = Err(Unregistered::Refused(Refused::Table(ApplyError::Foreign(
        Owner::Api,
    ))));
    assert_eq!(act(&worker, ONE, JOIN, 0), foreign);
    assert_eq!(act(&worker, ONE, Act::Leave { until_ms: None }, 0), foreign);
}

/// Polls as the elected worker until there is a pause.
fn walk(expiry: &mut Expiry<Rc<super::world::TestMemory>>, worker: &Worker, now_ms: u64) -> u64 {
    loop {
        let clock = Ticking::default();
        let slice = Slice::new(&clock, Duration::ZERO);
        let leader = Some(worker.who);
        if let Next::In(pause) = expiry.poll(&Turn {
            slice: &slice,
            now_ms,
            leader,
        }) {
            return pause;
        }
    }
}

#[test]
fn what_is_not_renewed_ends_within_a_second() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    worker.table.take_registrations();
    let world = Rc::clone(&site.world) as Rc<dyn World>;
    let mut expiry = Expiry::new(Rc::clone(&worker.table), world);
    act(&worker, ONE, JOIN, 0).unwrap();
    act(&worker, TWO, JOIN, 500).unwrap();
    for now_ms in [0, 500, 999] {
        walk(&mut expiry, &worker, now_ms);
        assert_eq!(worker.backends("a.test"), [ONE, TWO]);
    }
    walk(&mut expiry, &worker, 1_300);
    assert_eq!(worker.backends("a.test"), [TWO]);
    walk(&mut expiry, &worker, 2_000);
    assert!(!has_route(&worker));
}

/// A route of the API may say in its `meta` whatever it likes.
#[test]
fn only_registrations_end() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    worker.table.take_registrations();
    let text = br#"{"backends": ["http://10.0.0.1:3000"], "meta": {"until":[1]}}"#;
    let route = gatehouse_table::route::parse_route(text).unwrap();
    let resolved = super::change::resolved(&route);
    let wanted = Wanted {
        key: &key("a.test"),
        owner: Owner::Api,
        only_if: Condition::Absent,
        route: Some(&resolved),
    };
    let made = Attempts::default().attempt(&worker.table, 0, &wanted);
    assert!(matches!(made, Attempt::Over(Ok(_))), "{made:?}");
    let world = Rc::clone(&site.world) as Rc<dyn World>;
    let mut expiry = Expiry::new(Rc::clone(&worker.table), world);
    for now_ms in [2, 60_000, 10_000_000_000] {
        walk(&mut expiry, &worker, now_ms);
        assert_eq!(worker.backends("a.test"), [ONE]);
    }
}

#[test]
fn a_table_without_registrations_is_hardly_looked_at() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let world = Rc::clone(&site.world) as Rc<dyn World>;
    let mut expiry = Expiry::new(Rc::clone(&worker.table), world);
    assert!(walk(&mut expiry, &worker, 0) >= 60_000);
    worker.table.take_registrations();
    expiry.abandon();
    assert!(walk(&mut expiry, &worker, 1) < 1_000);
}
