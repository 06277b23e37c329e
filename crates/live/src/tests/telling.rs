//! News that are no change of a route wait for the lock.

use super::site::{Site, Worker};
use gatehouse_table::table::{By, Following, Position, What};

const DOWN: What = What::Health {
    up: false,
    by: By::Requests,
};

fn told(worker: &Worker, position: &mut Position) -> Vec<String> {
    let routes = worker.table.routes().unwrap();
    let mut found = Vec::new();
    while let Following::Event(event) = position.next(&routes) {
        assert_eq!(event.what, DOWN);
        found.push(String::from_utf8(event.text).unwrap());
    }
    found
}

#[test]
fn what_is_told_while_another_has_the_lock_is_told_later_and_in_order() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut position = worker.table.routes().unwrap().events_end();
    site.memory.is_locked.set(true);
    assert!(!worker.table.tell(DOWN, "one".into(), 0));
    assert!(!worker.table.tell(DOWN, "two".into(), 0));
    assert!(!worker.table.tell_waiting(0));
    assert_eq!(told(&worker, &mut position), [""; 0]);
    site.memory.is_locked.set(false);
    assert!(worker.table.tell(DOWN, "three".into(), 0));
    assert_eq!(told(&worker, &mut position), ["one", "two", "three"]);
    assert!(worker.table.tell_waiting(0));
    assert_eq!(told(&worker, &mut position), [""; 0]);
}

#[test]
fn no_more_waits_than_is_of_use() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    let mut position = worker.table.routes().unwrap().events_end();
    site.memory.is_locked.set(true);
    for n in 0..1_000 {
        worker.table.tell(DOWN, n.to_string(), 0);
    }
    site.memory.is_locked.set(false);
    assert!(worker.table.tell_waiting(0));
    let wanted: Vec<String> = (744..1_000).map(|n: u32| n.to_string()).collect();
    assert_eq!(told(&worker, &mut position), wanted);
    // Nobody follows a table that another one has replaced.
    worker.table.routes().unwrap().set_superseded(true);
    assert!(worker.table.tell(DOWN, "late".into(), 0));
    assert_eq!(told(&worker, &mut position), [""; 0]);
}

#[test]
fn somebody_hears_it_for_a_minute_after_the_last_look() {
    let mut site = Site::new(512);
    let worker = site.start(false).unwrap();
    assert!(!worker.table.is_heard(0));
    worker.table.routes().unwrap().watch_events(1_000);
    assert!(worker.table.is_heard(61_000) && !worker.table.is_heard(61_001));
}
