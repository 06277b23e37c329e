//! How a table follows its file.

use super::site::{FILE, Site, Worker, routes};
use super::world::Ticking;
use crate::slice::Slice;
use crate::table::{Brake, Pulse};
use crate::{Feeder, Next, Seat, World};
use gatehouse_table::route::{Key, Match, Sought, parse_route};
use gatehouse_table::table::{Applied, ApplyError, Change, Owner, resolve};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

fn site(file: &str) -> Site {
    let site = Site::new(4096);
    site.world.replace(FILE, file);
    site.world.advance(10_000);
    site
}

#[test]
fn a_changed_file_is_followed_and_a_touched_one_changes_nothing() {
    let mut site = site(&routes(1000, "1"));
    let mut worker = site.start(true).unwrap();
    assert_eq!(worker.value("h999.test").as_deref(), Some("1"));
    assert_eq!(worker.work(), 3, "it looks, and reads nothing");
    let generation = worker.table.routes().unwrap().generation();
    site.world.replace(FILE, routes(1000, "1"));
    site.world.advance(1_000);
    assert!(worker.work() > 20);
    assert_eq!(worker.table.routes().unwrap().generation(), generation);
    assert!(site.world.take_lines().is_empty());
    site.world.replace(FILE, routes(900, "2"));
    site.world.advance(1_000);
    worker.work();
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
    assert_eq!(worker.value("h900.test"), None);
    assert_eq!(
        site.world.take_lines(),
        [r#"[Notice] upstream table "apps": file "/apps.json": 900 routes, 1000 changed"#]
    );
}

#[test]
fn the_pulse_says_whether_the_file_can_be_used_and_when_it_could() {
    let numbers: &[AtomicU64] = Box::leak(Box::new([AtomicU64::new(0), AtomicU64::new(0)]));
    assert!(Pulse::of(&numbers[1..]).is_none());
    let pulse = Pulse::of(numbers).unwrap();
    let mut site = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    worker.table.set_pulse(pulse);
    let mut look = |file: &str, site: &mut Site| {
        site.world.replace(FILE, file);
        site.world.advance(1_000);
        worker.work();
        (pulse.is_up(), pulse.last_success())
    };
    assert!(!pulse.is_up() && pulse.last_success() == 0);
    let before = site.world.time().as_secs();
    let (is_up, first) = look(&routes(10, "2"), &mut site);
    let after = site.world.time().as_secs();
    assert!(is_up, "{:?}", site.world.take_lines());
    assert!(
        (before..=after).contains(&first),
        "{before} {first} {after}"
    );
    assert_eq!(look("{", &mut site), (false, first));
    assert_eq!(look("{", &mut site), (false, first));
    let (is_up, last) = look(&routes(10, "3"), &mut site);
    assert!(is_up && last > first);
    pulse.clear();
    assert!(!pulse.is_up() && pulse.last_success() == 0);
}

#[test]
fn a_broken_file_is_refused_whole_and_once() {
    let mut site = site(&routes(100, "1"));
    let mut worker = site.start(true).unwrap();
    let mut half = routes(100, "2");
    half.pop();
    for _ in 0..3 {
        site.world.replace(FILE, half.as_str());
        site.world.advance(1_000);
        worker.work();
        assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
    }
    let said = site.world.take_lines();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(
        r#"[Error] upstream table "apps": file "/apps.json": unexpected end of file"#
    ));
    assert!(said[0].ends_with(", the last good routes stay in use"));
    site.world.remove(FILE);
    site.world.advance(1_000);
    worker.work();
    assert_eq!(
        site.world.take_lines(),
        [
            r#"[Error] upstream table "apps": file "/apps.json": cannot be read (NotFound), the last good routes stay in use"#
        ]
    );
    site.world.replace(FILE, routes(100, "1"));
    site.world.advance(1_000);
    worker.work();
    assert_eq!(
        site.world.take_lines(),
        [
            r#"[Notice] upstream table "apps": file "/apps.json" is good again: 100 routes, 0 changed"#
        ]
    );
}

#[test]
fn a_file_that_is_being_written_is_no_trouble() {
    let mut site = site(&routes(1000, "1"));
    let mut worker = site.start(true).unwrap();
    let (whole, mut half) = (routes(1000, "2"), routes(1000, "2"));
    half.pop();
    site.world.overwrite(FILE, half);
    site.world.advance(1_000);
    worker.lead();
    // It looks, opens the file and reads a piece.
    (0..5).for_each(|_| assert_eq!(worker.step(), Next::Soon));
    site.world.advance(10);
    site.world.overwrite(FILE, whole);
    worker.work();
    assert!(site.world.take_lines().is_empty());
    assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
    site.world.advance(1_000);
    worker.work();
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
}

#[test]
fn what_the_master_read_at_a_reload_is_applied_once() {
    let mut site = site(&routes(100, "1"));
    let old = site.start(true).unwrap();
    site.world.replace(FILE, routes(100, "2"));
    let (mut one, mut other) = (site.start(true).unwrap(), site.start(true).unwrap());
    assert_eq!(
        old.value("h0.test").as_deref(),
        Some("1"),
        "until the reload has succeeded"
    );
    site.world.replace(FILE, "not for workers");
    other.work();
    assert_eq!(old.value("h0.test").as_deref(), Some("2"));
    site.world.take_lines();
    // A worker that comes later has the same bytes, and older ones than the table.
    one.who.generation = other.who.generation + 1;
    site.world.replace(FILE, routes(100, "3"));
    site.world.advance(1_000);
    one.work();
    assert_eq!(old.value("h0.test").as_deref(), Some("3"));
    assert_eq!(site.world.take_lines().len(), 1);
}

#[test]
fn a_reload_without_the_file_empties_the_table() {
    let mut site = site(&routes(100, "1"));
    site.start(true).unwrap();
    let mut worker = site.start(false).unwrap();
    assert!(worker.value("h0.test").is_some());
    worker.work();
    assert!(worker.value("h0.test").is_none());
    let lines = site.world.take_lines();
    assert!(
        lines[0].contains("without a file: 0 routes, 100 changed"),
        "{lines:?}"
    );
}

#[test]
fn a_worker_that_lost_the_lease_changes_nothing_any_more() {
    let mut site = site(&routes(500, "1"));
    let mut slow = site.start(true).unwrap();
    site.world.replace(FILE, routes(500, "2"));
    site.world.advance(1_000);
    slow.lead();
    while slow.value("h499.test").as_deref() == Some("1") {
        assert_eq!(slow.step(), Next::Soon);
    }
    assert_eq!(
        slow.value("h0.test").as_deref(),
        Some("1"),
        "in the middle of it"
    );
    // It stands still; another worker takes over and reads a newer file.
    site.world.replace(FILE, routes(500, "3"));
    site.world.advance(10_000);
    let mut quick = site.start(true).unwrap();
    quick.work();
    assert_eq!(quick.value("h0.test").as_deref(), Some("3"));
    site.world.take_lines();
    // It believes that it leads, and goes on.
    while slow.step() == Next::Soon {}
    for host in ["h0.test", "h499.test"] {
        assert_eq!(quick.value(host).as_deref(), Some("3"), "{host}");
    }
    assert!(site.world.take_lines().is_empty());
}

#[test]
fn an_abandoned_reading_frees_itself_without_the_lead() {
    let mut site = site(&routes(500, "1"));
    let mut worker = site.start(true).unwrap();
    site.world.replace(FILE, routes(500, "2"));
    site.world.advance(1_000);
    worker.lead();
    (0..5).for_each(|_| assert_eq!(worker.step(), Next::Soon));
    worker.feeder.abandon();
    let clock = Ticking::default();
    let mut polls = 0;
    loop {
        let slice = Slice::new(&clock, Duration::from_millis(100));
        match worker.poll(&slice, false) {
            Next::Soon => polls += 1,
            next => break assert_eq!(next, Next::IDLE),
        }
    }
    assert!(polls > 1);
    assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
    // Elected again, it begins again.
    site.world.advance(1_000);
    worker.work();
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
}

#[test]
fn a_table_whose_lock_is_taken_waits() {
    let mut site = site(&routes(10, "1"));
    let mut worker = site.start(true).unwrap();
    site.world.replace(FILE, routes(10, "2"));
    site.world.advance(1_000);
    worker.lead();
    site.memory.is_locked.set(true);
    (0..100).for_each(|_| assert_eq!(worker.step(), Next::Soon));
    assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
    site.memory.is_locked.set(false);
    worker.work();
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
}

#[test]
fn what_does_not_fit_is_refused_in_the_same_words_by_master_and_worker() {
    let mut site = Site::new(256);
    site.world.replace(FILE, routes(10, "1"));
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    site.world.replace(FILE, routes(3000, "2"));
    site.world.advance(1_000);
    worker.work();
    let live = site.world.take_lines();
    assert!(
        live[0].contains(r#""zone" is too small: it has 262144 bytes, 3000 routes need "#),
        "{live:?}"
    );
    site.start(true).unwrap();
    assert_eq!(site.world.take_lines(), live);
    let mut new = Site::new(256);
    new.world.replace(FILE, routes(3000, "2"));
    let refused = new.start(true).err().unwrap();
    assert!(live[0].contains(&refused), "{refused}");
    assert_eq!(worker.value("h0.test").as_deref(), Some("1"));
}

/// Old and new routes do not fit side by side: old ones of routes that come later make room.
#[test]
fn a_change_of_all_routes_fits_a_zone_that_is_full() {
    let mut site = Site::new(512);
    let count = (100..).step_by(200).take_while(|count| {
        let mut site = Site::new(512);
        site.world.replace(FILE, routes(*count, "1"));
        site.start(true).is_ok()
    });
    let count = count.last().unwrap();
    site.world.replace(FILE, routes(count, "1"));
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    for value in ["2", "3"] {
        site.world.replace(FILE, routes(count, value));
        site.world.advance(1_000);
        worker.work();
        for host in [0, count / 2, count - 1] {
            let found = worker.value(&format!("h{host}.test"));
            assert_eq!(found.as_deref(), Some(value), "{host} of {count}");
        }
    }
    let lines = site.world.take_lines();
    assert!(
        lines.iter().all(|line| !line.contains("refused")),
        "{lines:?}"
    );
}

/// Whoever asks for names says which ones are not found: a worker that reads a file only does not know them yet.
#[test]
fn names_that_a_worker_does_not_know_wait_and_keep_the_addresses_they_had() {
    let mut site = site("{}");
    let mut worker = site.start(true).unwrap();
    let file = |v: &str| {
        format!(
            r#"{{"a.test": {{"backends": ["http://new.invalid", "http://10.0.0.1"], "vars": {{"v": "{v}"}}}}}}"#
        )
    };
    let mut read = |v: &str| {
        site.world.replace(FILE, file(v));
        site.world.advance(1_000);
        worker.work();
        assert_eq!(worker.value("a.test").as_deref(), Some(v));
        let said = site.world.take_lines();
        assert_eq!(said.len(), 1, "{said:?}");
        worker.backends("a.test")
    };
    assert_eq!(read("1"), ["0.0.0.0:80", "10.0.0.1:80"]);
    // What /etc/hosts knows is found at the next reading, also at its end; what it knows no more stays.
    let many: String = (0..2_000)
        .map(|n| format!("10.0.0.{} h{n}.invalid\n", n % 200))
        .collect();
    let known = format!("{many}10.0.0.9 other NEW.invalid # ours");
    site.world.replace("/etc/hosts", known);
    assert_eq!(read("3"), ["10.0.0.9:80", "10.0.0.1:80"]);
    site.world.replace("/etc/hosts", "10.0.0.9 other");
    assert_eq!(read("4"), ["10.0.0.9:80", "10.0.0.1:80"]);
}

#[test]
fn most_of_many_routes_do_not_go_at_once() {
    let mut site = site(&routes(100, "1"));
    let mut worker = site.start(true).unwrap();
    let refused = r#"[Error] upstream table "apps": file "/apps.json": would remove 51 of 100 routes, only "shrink=any" allows that, the last good routes stay in use"#;
    for _ in 0..2 {
        site.world.replace(FILE, routes(49, "2"));
        site.world.advance(1_000);
        worker.work();
    }
    assert_eq!(site.world.take_lines(), [refused], "once");
    let mut worker = site.start(true).unwrap();
    assert_eq!(site.world.take_lines(), [refused], "at a reload as well");
    worker.work();
    for host in ["h0.test", "h99.test"] {
        assert_eq!(worker.value(host).as_deref(), Some("1"), "{host}");
    }
    site.brake = Brake::Off;
    let mut worker = site.start(true).unwrap();
    worker.work();
    assert_eq!(worker.value("h0.test").as_deref(), Some("2"));
    assert_eq!(worker.value("h99.test"), None);
    // Where nothing is said about a file, nothing of it stays.
    site.brake = Brake::On;
    site.world.replace(FILE, routes(100, "3"));
    site.world.advance(1_000);
    worker.work();
    let mut worker = site.start(false).unwrap();
    worker.work();
    assert_eq!(worker.value("h0.test"), None);
}

#[test]
fn a_leader_that_comes_back_does_not_go_on_with_what_is_old() {
    let mut site = site(&routes(500, "1"));
    let mut slow = site.start(true).unwrap();
    site.world.replace(FILE, routes(500, "2"));
    site.world.advance(1_000);
    slow.lead();
    while slow.value("h499.test").as_deref() == Some("1") {
        assert_eq!(slow.step(), Next::Soon);
    }
    // It stands still; another worker takes over, reads a newer file and exits.
    site.world.replace(FILE, routes(500, "3"));
    site.world.advance(10_000);
    let mut quick = site.start(true).unwrap();
    quick.work();
    quick.table.lease().unwrap().release(quick.who);
    site.world.take_lines();
    // It is elected again, and does not know that it was not the leader meanwhile.
    slow.lead();
    while slow.step() == Next::Soon {
        for host in ["h0.test", "h499.test"] {
            assert_eq!(quick.value(host).as_deref(), Some("3"), "{host}");
        }
    }
    assert!(site.world.take_lines().is_empty());
}

/// Puts a route that belongs to the API.
fn put_by_api(worker: &Worker, host: &str) -> Result<Applied, ApplyError> {
    let key = Key::parse(host.as_bytes(), Match::Host).unwrap();
    let route = parse_route(br#"{"backends": ["http://10.9.9.9:80"], "vars": {"v": "api"}}"#);
    let route = route.unwrap();
    let mut resolver = |_: Sought<'_>| Err("no names here".into());
    let routes = worker.table.routes().unwrap();
    routes.writer(0).unwrap().apply(&Change::Put {
        key: &key,
        route: &resolve(&key, &route, &mut resolver, &mut |_| {}),
        owner: Owner::Api,
    })
}

#[test]
fn keys_of_another_owner_are_counted_and_hold_up_no_other_change() {
    let mut site = site(&routes(3, "1"));
    let mut worker = site.start(true).unwrap();
    for host in ["h3.test", "h4.test"] {
        assert_eq!(put_by_api(&worker, host), Ok(Applied::Created));
    }
    site.world.replace(FILE, routes(7, "2"));
    site.world.advance(1_000);
    worker.lead();
    while worker.value("h5.test").is_none() {
        assert_eq!(worker.step(), Next::Soon);
    }
    worker.work();
    let said = site.world.take_lines();
    assert_eq!(
        said,
        [
            r#"[Error] upstream table "apps": file "/apps.json": 2 of 7 changes refused: key belongs to the API ("h4.test" and 1 more)"#
        ]
    );
    for (n, v) in [(0, "2"), (3, "api"), (4, "api"), (6, "2")] {
        assert_eq!(
            worker.value(&format!("h{n}.test")).as_deref(),
            Some(v),
            "{n}"
        );
    }
}

#[test]
fn what_others_change_hides_no_route_that_is_gone() {
    let mut site = Site::new(1024);
    site.world.replace(FILE, routes(2_000, "1"));
    site.world.advance(10_000);
    let mut worker = site.start(true).unwrap();
    site.world.replace(FILE, routes(1_001, "1"));
    site.world.advance(1_000);
    worker.lead();
    // Entries of the index move where it gets full.
    let (mut others, mut is_full) = (0, false);
    let begin = worker.table.routes().unwrap().cursor();
    while worker.value("h1001.test").is_some() && worker.step() == Next::Soon {
        for _ in 0..400 {
            others += 1;
            let host = format!("other-{others}.test");
            is_full = is_full || put_by_api(&worker, &host).is_err();
        }
    }
    assert!(worker.table.routes().unwrap().disturbed(&begin));
    worker.work();
    let left = (0..2_000).filter(|n| worker.value(&format!("h{n}.test")).is_some());
    assert_eq!(left.count(), 1_001, "{others} others");
}
