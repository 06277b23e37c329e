//! What names cost: questions at a time, lines, walks, steps, room.

use super::Site;
use crate::slice::Slice;
use crate::tests::world::Ticking;
use crate::{Feeder, Next, Seat, Turn};
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{Change, Owner};
use std::time::Duration;

/// A name server that answers nothing about a thousand names delays no other name.
#[test]
fn silence_about_many_names_delays_no_other() {
    let mut site = Site::new(4096);
    for n in 0..1_000 {
        site.fail(&format!("n{n}.test"));
        site.put(&format!("h{n}.test"), &format!(r#""http://n{n}.test""#))
            .unwrap();
    }
    site.lead(2_000);
    assert_eq!(site.counts(), (1_000, 1_000));
    let said = site.world.take_lines();
    assert_eq!(said.len(), 11, "{said:?}");
    assert_eq!(
        said[10],
        r#"[Error] upstream table "apps": and 990 more host names"#
    );
    // Now they are silent about those; what is under way stays under way.
    site.servers.said.borrow_mut().clear();
    site.lead(60_000);
    assert_eq!(site.servers.open.borrow().len(), 32);
    site.say("good.test", &["10.0.0.1"], 1_000);
    site.put("a.test", r#""http://good.test""#).unwrap();
    site.lead(600);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
    site.say("good.test", &["10.0.0.2"], 1_000);
    site.lead(1_500);
    assert_eq!(site.backends("a.test"), ["10.0.0.2:80"]);
}

/// New names have a bound, too.
#[test]
fn only_so_many_questions_are_under_way() {
    let mut site = Site::new(4096);
    for n in 0..200 {
        site.put(&format!("h{n}.test"), &format!(r#""http://n{n}.test""#))
            .unwrap();
    }
    site.lead(5_000);
    assert_eq!(site.servers.open.borrow().len(), 64);
}

#[test]
fn a_table_without_names_is_not_walked() {
    let mut site = Site::new(4096);
    for n in 0..100 {
        site.put(&format!("h{n}.test"), r#""http://10.0.0.1""#)
            .unwrap();
        site.lead(300);
        assert_eq!(site.poll(true), Next::In(250));
    }
    assert_eq!(site.feeder.walks(), 0);
    site.say("n.test", &["10.0.0.1"], 3_600_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(1_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
}

/// The name is found, its address is put: of that the leader knows already.
#[test]
fn what_the_leader_puts_begins_no_walk() {
    let mut site = Site::new(4096);
    site.say("n.test", &["10.0.0.1"], 1_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(900);
    assert_eq!(site.feeder.walks(), 2);
    site.say("n.test", &["10.0.0.2"], 3_600_000);
    site.lead(2_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.2:80"]);
    assert_eq!(site.feeder.walks(), 3);
    // But of what others change meanwhile it does not.
    site.put("b.test", r#""http://n.test:81""#).unwrap();
    site.lead(1_000);
    assert_eq!(site.backends("b.test"), ["10.0.0.2:81"]);
    assert_eq!(site.feeder.walks(), 4);
}

#[test]
fn one_changed_name_changes_all_its_routes_and_no_other() {
    let mut site = Site::new(16 * 1024);
    site.say("n.test", &["10.0.0.1"], 1_000);
    site.say("m.test", &["10.0.1.1"], 3_600_000);
    for n in 0..3_000 {
        let name = if n % 3 == 0 { "n" } else { "m" };
        site.put(&format!("h{n}.test"), &format!(r#""http://{name}.test""#))
            .unwrap();
    }
    site.lead(1_500);
    site.say("n.test", &["10.0.0.2"], 3_600_000);
    let generation = site.table.routes().unwrap().generation();
    site.lead(2_000);
    for n in 0..3_000 {
        let wanted = if n % 3 == 0 {
            "10.0.0.2:80"
        } else {
            "10.0.1.1:80"
        };
        assert_eq!(site.backends(&format!("h{n}.test")), [wanted], "{n}");
    }
    let changes = site.table.routes().unwrap().generation() - generation;
    assert_eq!(changes, 1_000);
}

/// Somebody else's lock is waited for, and so is a repair.
#[test]
fn a_lock_is_waited_for() {
    let mut site = Site::new(512);
    site.say("n.test", &["10.0.0.1"], 60_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.memory.is_locked.set(true);
    let lease = site.table.lease().unwrap();
    assert!(lease.acquire(site.who, site.world.ms.get()));
    for _ in 0..100 {
        site.poll(true);
        site.world.advance(5);
    }
    assert_eq!(site.backends("a.test"), ["0.0.0.0:80"]);
    site.memory.is_locked.set(false);
    site.lead(100);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
}

/// Where there is no room for another record, everything stays as it is, and it is tried again.
#[test]
fn a_full_zone_keeps_the_old_addresses() {
    let mut site = Site::new(128);
    site.say("n.test", &["10.0.0.1"], 1_000);
    site.put("a.test", r#""http://n.test""#).unwrap();
    site.lead(500);
    let mut count = 0;
    while site
        .put(&format!("h{count}.test"), r#""http://10.0.0.1""#)
        .is_ok()
    {
        count += 1;
    }
    let many: Vec<String> = (0..100).map(|n| format!("10.0.2.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    site.say("n.test", &many, 1_000);
    site.lead(20_000);
    assert_eq!(site.backends("a.test"), ["10.0.0.1:80"]);
    let said = site.world.take_lines();
    let line = r#"[Error] upstream table "apps": zone is full, some routes keep the old addresses of their names"#;
    assert_eq!(said, [line]);
    let routes = site.table.routes().unwrap();
    for n in 0..count {
        let key = Key::parse(format!("h{n}.test").as_bytes(), Match::Host).unwrap();
        let owner = Owner::Api;
        let change = Change::Remove { key: &key, owner };
        routes
            .writer(site.world.ms.get())
            .unwrap()
            .apply(&change)
            .unwrap();
    }
    site.lead(20_000);
    assert_eq!(site.backends("a.test").len(), 100);
}

/// A step does little: requests go on in between.
#[test]
fn no_poll_goes_on_when_its_slice_is_over() {
    let mut site = Site::new(16 * 1024);
    for n in 0..5_000 {
        site.put(&format!("h{n}.test"), &format!(r#""http://n{n}.test""#))
            .unwrap();
    }
    let lease = site.table.lease().unwrap();
    assert!(lease.acquire(site.who, site.world.ms.get()));
    let mut polls = 0;
    loop {
        let clock = Ticking::default();
        let next = site.feeder.poll(&Turn {
            slice: &Slice::new(&clock, Duration::ZERO),
            now_ms: site.world.ms.get(),
            leader: Some(site.who),
        });
        // The clock moves on each time it is looked at: once for the slice, once after the step.
        assert!(clock.ms() <= 2, "{}", clock.ms());
        polls += 1;
        if next != Next::Soon {
            break;
        }
    }
    assert!(polls > 20, "{polls}");
}

/// A name server may say that an answer holds for no time, or for years.
#[test]
fn what_a_name_server_says_of_time_has_bounds() {
    let mut site = Site::new(512);
    site.say("short.test", &["10.0.0.1"], 0);
    site.say("long.test", &["10.0.0.1"], u64::MAX);
    site.put("a.test", r#""http://short.test", "http://long.test""#)
        .unwrap();
    site.lead(10_300);
    let asked = site.asked("short.test");
    assert!((10..=11).contains(&asked), "{asked}");
    assert_eq!(site.asked("long.test"), 1);
    site.lead(3_600_000);
    assert_eq!(site.asked("long.test"), 2);
}
