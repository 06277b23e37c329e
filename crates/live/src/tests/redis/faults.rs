//! What goes wrong.

use super::*;

#[test]
fn a_store_that_fails_is_never_no_routes() {
    let mut site = Site::new();
    site.fill(5);
    site.connect().unwrap();
    site.world.take_lines();
    for command in ["HELLO", "SELECT", "CLIENT", "SCAN", "LRANGE"] {
        for error in [
            "LOADING Redis is loading the dataset in memory",
            "NOPERM this user has no permissions",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "MASTERDOWN Link with MASTER is down",
            "BUSY Redis is busy running a script",
        ] {
            site.store.errors.insert(command, error);
            let lost = site.connect().unwrap_err();
            let name = if command == "CLIENT" {
                "CLIENT TRACKING"
            } else {
                command
            };
            let Lost::Store(why) = lost else {
                panic!("{lost:?}")
            };
            assert_eq!(why, format!("{name}: {error}"));
            site.lose(&why);
            site.store.errors.clear();
            assert_eq!(site.count(), 5, "{why}");
        }
    }
    let lines = site.world.take_lines();
    assert_eq!(
        lines[0],
        "[Error] upstream table \"apps\": redis r:6379 lost, serving 5 routes from memory (HELLO: LOADING Redis is loading the dataset in memory)"
    );
    assert_eq!(lines.len(), 10);
    site.connect().unwrap();
    assert_eq!(
        site.world.take_lines(),
        ["[Notice] upstream table \"apps\": redis r:6379 is back: 5 routes, 0 changed"]
    );
}

#[test]
fn what_is_no_redis_is_given_up() {
    let mut site = Site::new();
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"%0\r\n+OK\r\n+OK\r\n+OK\r\n*0\r\n",
        b"%0\r\n+OK\r\n+OK\r\n*2\r\n$1\r\n0\r\n:1\r\n",
        b"%0\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
    ] {
        site.connect().unwrap();
        let line = site.line();
        line.connected("r:6379");
        line.receive(bytes);
        let clock = Ticking::default();
        let mut worked = Ok(Next::Soon);
        for _ in 0..20 {
            worked = worked.and_then(|_| line.work(&Slice::new(&clock, Duration::ZERO)));
        }
        assert!(matches!(worked, Err(Lost::Store(_))), "{worked:?}");
        site.lose("no redis");
    }
}

#[test]
fn a_scan_that_goes_round_in_a_circle_ends() {
    let circle = Lost::Store("SCAN: never ends".into());
    for (lead, lost_to) in [("frontend:", Some(circle)), ("dead:", None)] {
        let mut site = Site::new();
        site.fill(20);
        site.store.circle = Some(lead);
        site.begin();
        let mut lost = None;
        for _ in 0..200 {
            lost = lost.or(site.turn().err());
        }
        assert_eq!(lost, lost_to);
        // Without its marks the store is of use.
        assert_eq!(site.line().is_following(), lost.is_none());
        let is_scan = |command: &&String| command.contains(lead) && command.starts_with("SCAN");
        let scans = site.store.commands.iter().filter(is_scan).count();
        assert!((10..=15).contains(&scans), "{lead} {scans}");
    }
}

#[test]
fn an_empty_store_is_believed_when_somebody_has_emptied_it() {
    let mut site = Site::new();
    site.fill(5);
    site.connect().unwrap();
    site.lose("gone");
    site.store.lose_all();
    site.connect().unwrap();
    assert_eq!(site.count(), 5);
    let lines = site.world.take_lines();
    assert_eq!(
        lines.last().unwrap(),
        "[Error] upstream table \"apps\": redis r:6379 has no routes: 5 stay in use, only \"shrink=any\" allows that"
    );
    // Whoever fills it again is believed.
    site.store.put("new.test", &["", "http://10.0.0.1"]);
    site.work().unwrap();
    assert_eq!(site.count(), 6);
    site.world.advance(10_000);
    site.work().unwrap();
    assert_eq!(site.count(), 1);
    site.store.flush();
    site.work().unwrap();
    assert_eq!(site.count(), 0);
}

#[test]
fn most_of_many_routes_do_not_go_at_once() {
    let mut site = Site::new();
    site.fill(300);
    site.connect().unwrap();
    site.world.take_lines();
    site.store.flush();
    site.work().unwrap();
    assert_eq!(site.count(), 300);
    let why = "[Error] upstream table \"apps\": redis r:6379 would remove 300 of 300 routes, only \"shrink=any\" allows that";
    assert_eq!(site.world.take_lines().last().unwrap(), why);
    // Tried again after a while, and not said again.
    site.world.advance(10_000);
    site.work().unwrap();
    assert_eq!((site.count(), site.world.take_lines().len()), (300, 0));
    // Half of them may.
    site.fill(150);
    site.world.advance(20_000);
    site.work().unwrap();
    assert_eq!(site.count(), 150);
    // A few at a time, one more each time, but all within a moment: what stays is said once, not with each of them.
    site.world.advance(2_000);
    let mut hosts = (0..150).map(|n| format!("h{n}.test"));
    for many in 1..=16 {
        for host in hosts.by_ref().take(many) {
            site.store.remove(&host);
        }
        site.world.advance(6);
        site.work().unwrap();
    }
    assert_eq!(site.count(), 150 - (1..=11).sum::<u64>());
    let said = site.world.take_lines();
    let refusals = said.iter().filter(|line| line.contains("would remove"));
    assert_eq!(refusals.count(), 1, "{said:?}");
}

#[test]
fn any_number_may_go_with_shrink() {
    let mut site = Site::with(1024, Brake::Off);
    site.fill(300);
    site.connect().unwrap();
    site.lose("gone");
    site.store.lose_all();
    site.connect().unwrap();
    assert_eq!(site.count(), 0);
}

#[test]
fn a_bad_key_or_list_takes_out_itself() {
    let mut site = Site::new();
    site.store.put("A.test", &["", "http://10.0.0.1"]);
    site.store.put("a b", &["", "http://10.0.0.1"]);
    site.store.put(
        "bad.test",
        &["", "http://10.0.0.1:70000", "http://10.0.0.2"],
    );
    site.store
        .put("name.test", &["", "http://nobody.test", "http://10.0.0.2"]);
    site.store.put("none.test", &["x"]);
    site.store.strings.insert("frontend:string.test".into());
    site.store.put("well.test", &["", "http://10.0.0.1"]);
    site.connect().unwrap();
    let mut lines = site.world.take_lines();
    lines.sort();
    let line = |text: &str| {
        format!("[Error] upstream table \"apps\": redis r:6379: key \"frontend:{text}")
    };
    assert_eq!(
        lines,
        [
            line("A.test\": host is to be written \"a.test\""),
            line("a b\": invalid host name"),
            line(
                "bad.test\": invalid port in backend \"http://10.0.0.1:70000\" at element 1, left out"
            ),
            line("string.test\": WRONGTYPE Operation against a key, the route is left out"),
            "[Notice] upstream table \"apps\": redis r:6379: 4 routes, 4 changed".into(),
        ]
    );
    assert_eq!(site.backends("bad.test").unwrap(), ["10.0.0.2:80"]);
    // A name is asked for after this.
    let named = site.backends("name.test").unwrap();
    assert_eq!(named, ["0.0.0.0:80", "10.0.0.2:80"]);
    assert!(site.backends("none.test").unwrap().is_empty());
    assert!(site.has("well.test") && !site.has("string.test") && !site.has("a.test"));
}

#[test]
fn a_full_zone_keeps_what_it_has_and_is_tried_again() {
    let mut site = Site::with(160, Brake::Off);
    site.fill(100);
    site.connect().unwrap();
    assert_eq!(site.count(), 100);
    site.fill(3000);
    site.work().unwrap();
    let full = site.count();
    assert!((100..3000).contains(&full), "{full}");
    assert!(
        site.world
            .take_lines()
            .iter()
            .any(|l| l.ends_with(": zone is full"))
    );
    for n in 50..3000 {
        site.store.remove(&format!("h{n}.test"));
    }
    site.store.put("last.test", &["", "http://10.0.0.1"]);
    for _ in 0..5 {
        site.world.advance(10_001);
        site.work().unwrap();
    }
    assert_eq!(site.count(), 51);
    assert!(site.has("last.test"));
}

#[test]
fn nothing_secret_is_logged() {
    let mut site = Site::new();
    site.store
        .errors
        .insert("HELLO", "WRONGPASS invalid username-password pair");
    let lost = site.connect().unwrap_err();
    let Lost::Store(why) = lost else { panic!() };
    site.lose(&why);
    let lines = site.world.take_lines();
    assert_eq!(
        lines,
        [
            "[Error] upstream table \"apps\": redis r:6379 not available, serving 0 routes from memory (HELLO: WRONGPASS invalid username-password pair)"
        ]
    );
}
