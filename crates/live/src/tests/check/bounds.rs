//! How many are asked at most, and when what they say does not count.

use super::{Site, check};
use gatehouse_table::check::Check;
use std::collections::BTreeSet;

#[test]
fn when_most_fail_together_none_is_left_out() {
    let mut site = Site::new(Check {
        panic: 50,
        ..check()
    });
    site.put("a.test", &[1, 2, 3, 4]);
    site.want("a.test");
    site.fail(1);
    site.fail(2);
    site.run(4_000);
    assert!(
        !site.routes().is_in_panic(),
        "half of them are no more than half"
    );
    site.fail(3);
    site.run(4_000);
    assert!(site.routes().is_in_panic());
    site.mend(3);
    site.run(4_000);
    assert!(!site.routes().is_in_panic());
    let lines = site.world.take_lines();
    let about = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        about(
            "[Error] upstream table \"apps\": 3 of 4 checked backends are down, more than 50 %: checks leave none of them out"
        ),
        1,
        "{lines:?}"
    );
    assert_eq!(
        about(
            "[Notice] upstream table \"apps\": 2 of 4 checked backends are down: checks leave them out again"
        ),
        1,
        "{lines:?}"
    );
}

#[test]
fn no_more_begin_in_a_second_than_that() {
    let mut site = Site::new(Check {
        max_rate: 20,
        ..check()
    });
    let ports: Vec<u16> = (1..=100).collect();
    site.put("a.test", &ports);
    site.want("a.test");
    site.run(10_000);
    let asked = site.backends.asked.borrow().clone();
    assert!((190..=203).contains(&asked.len()), "{}", asked.len());
    let (first, last) = (asked[0].0, asked[asked.len() - 1].0);
    for from in (first..last - 1_000).step_by(100) {
        let within = asked
            .iter()
            .filter(|(at, _)| (from..from + 1_000).contains(at));
        assert!(within.count() <= 22);
    }
    // None is forgotten for others.
    let all: BTreeSet<&String> = asked.iter().map(|(_, url)| url).collect();
    assert_eq!(all.len(), 100);
}

#[test]
fn no_more_are_under_way_than_there_is_room_for() {
    let mut site = Site::new(check());
    let ports: Vec<u16> = (1..=40).collect();
    site.put("a.test", &ports);
    site.want("a.test");
    site.backends.most.set(3);
    site.backends.are_silent.set(true);
    site.run(3_000);
    assert_eq!(site.backends.ended.borrow().len(), 3);
    site.backends.are_silent.set(false);
    site.run(3_000);
    let asked = site.backends.asked.borrow();
    let all: BTreeSet<&String> = asked.iter().map(|(_, url)| url).collect();
    assert_eq!(all.len(), 40);
}

#[test]
fn a_new_one_that_must_wait_is_asked_at_once() {
    let mut site = Site::new(Check {
        first: true,
        interval_ms: 60_000,
        ..check()
    });
    site.put("a.test", &[1]);
    site.want("a.test");
    site.run(1_000);
    assert_eq!(site.is_up("a.test", 0), Some(true));
}
