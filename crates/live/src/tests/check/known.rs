//! What is known of a backend: for how long, and under which name.

use super::{Site, check};
use crate::election::resign;
use gatehouse_table::check::Check;

#[test]
fn what_was_known_by_those_before_is_forgotten_too() {
    let mut one = Site::new(Check {
        idle_ms: 5_000,
        ..check()
    });
    one.put("a.test", &[1]);
    one.want("a.test");
    one.fail(1);
    one.run(3_000);
    assert_eq!(one.is_up("a.test", 0), Some(false));
    // Nobody has checked meanwhile.
    one.world.advance(10_000);
    let mut two = one.other();
    resign(one.table.as_ref(), one.who);
    two.run(1_000);
    assert_eq!(two.probe("a.test", 0), None);
}

#[test]
fn one_that_is_called_otherwise_now_is_asked_by_that_name() {
    let mut site = Site::new(check());
    let called = |name: &str| vec![format!("http://{name}.test:1")];
    site.put_urls("a.test", &called("one"));
    site.put_urls("b.test", &called("two"));
    site.want("a.test");
    site.run(3_000);
    let last = |site: &Site| site.backends.hosts.borrow().last().cloned().unwrap();
    let first = last(&site);
    let (changed, kept) = match first.as_str() {
        "one.test:1" => ("a.test", "two.test:1"),
        _ => ("b.test", "one.test:1"),
    };
    // One of both names is enough: it is asked by one of those that it has.
    site.put_urls(changed, &called("three"));
    site.run(4_000);
    assert!([kept, "three.test:1"].contains(&last(&site).as_str()));
    let hosts = site.backends.hosts.borrow().clone();
    let turns = hosts.windows(2).filter(|two| two[0] != two[1]).count();
    assert_eq!(turns, 1, "{hosts:?}");
}
