//! What is read, and what changes.

use super::*;

#[test]
fn all_routes_are_read_and_then_what_changes() {
    for piece in [1, 7, usize::MAX] {
        let mut site = Site::new();
        site.piece = piece;
        site.store
            .put("a.test", &["a", "http://10.0.0.1:81", "http://10.0.0.2:81"]);
        site.store.put("*.b.test", &["b", "http://10.0.0.3"]);
        site.store.put("*", &["", "http://10.0.0.4"]);
        site.fill(10);
        site.connect().unwrap();
        assert_eq!(
            site.store.commands[..3],
            [
                "HELLO 3 AUTH default secret",
                "SELECT 3",
                "CLIENT TRACKING ON BCAST PREFIX frontend: PREFIX dead:"
            ]
        );
        assert_eq!(
            site.world.take_lines(),
            ["[Notice] upstream table \"apps\": redis r:6379: 13 routes, 13 changed"]
        );
        assert_eq!(
            site.backends("a.test").unwrap(),
            ["10.0.0.1:81", "10.0.0.2:81"]
        );
        assert_eq!(site.backends("x.b.test").unwrap(), ["10.0.0.3:80"]);
        assert_eq!(site.backends("other").unwrap(), ["10.0.0.4:80"]);
        site.store.commands.clear();
        site.store.put(
            "a.test",
            &["a", "http://10.0.0.9", "http://10.0.0.9", "http://10.0.0.8"],
        );
        site.store
            .put("a.test", &["a", "http://10.0.0.9", "http://10.0.0.9"]);
        site.store.remove("h3.test");
        site.work().unwrap();
        assert_eq!(site.backends("a.test").unwrap(), ["10.0.0.9:80*2"]);
        assert_eq!(site.backends("h3.test").unwrap(), ["10.0.0.4:80"]);
        // One command for each key that has changed.
        assert_eq!(
            site.store.commands,
            [
                "LRANGE frontend:a.test 0 4096",
                "LRANGE frontend:h3.test 0 4096"
            ]
        );
        assert!(site.world.take_lines().is_empty());
    }
}

#[test]
fn what_changes_while_all_is_read_is_right_in_the_end() {
    let mut site = Site::new();
    site.fill(40);
    site.connect().unwrap();
    site.lose("gone");
    for n in 0..10 {
        site.store.remove(&format!("h{n}.test"));
    }
    assert!(
        site.table
            .lease()
            .unwrap()
            .acquire(WHO, site.world.ms.get())
    );
    site.store.accept();
    let line = site.line();
    line.connected("r:6379");
    // In between each two steps something changes: what was read, what was not, what is new and what is gone again.
    for round in 0..200 {
        let clock = Ticking::default();
        line.work(&Slice::new(&clock, Duration::ZERO)).unwrap();
        site.store.answer(&line.take_out());
        let n = round * 7 % 60;
        match round % 3 {
            0 => site.store.put(
                &format!("h{n}.test"),
                &["", &format!("http://10.0.1.{}", round + 1)],
            ),
            1 => site.store.remove(&format!("h{n}.test")),
            _ => site.world.advance(2),
        }
        line.receive(&site.store.take_out());
    }
    site.work().unwrap();
    let mut fresh = Site::new();
    fresh.store = std::mem::take(&mut site.store);
    fresh.connect().unwrap();
    for n in 0..60 {
        let host = format!("h{n}.test");
        assert_eq!(site.backends(&host), fresh.backends(&host), "{host}");
    }
}

#[test]
fn what_others_brought_is_the_stores() {
    let mut site = Site::new();
    let route = parse_route(br#"{"backends": ["http://10.9.9.9:80"]}"#).unwrap();
    for (host, owner) in [
        ("h0.test", Owner::File),
        ("old.test", Owner::File),
        ("h1.test", Owner::Api),
        ("removed.test", Owner::Api),
        ("h2.test", Owner::Registration),
        ("ends.test", Owner::Registration),
    ] {
        let key = Key::parse(host.as_bytes(), Match::Host).unwrap();
        let resolved = route.resolve(9, &mut |_| Ok(vec![]), &mut |_| {});
        let mut writer = site.table.routes().unwrap();
        let change = Change::Put {
            key: &key,
            route: &resolved,
            owner,
        };
        writer.writer(0).unwrap().apply(&change).unwrap();
        let _ = &mut writer;
    }
    site.fill(3);
    site.connect().unwrap();
    for n in 0..3 {
        let host = format!("h{n}.test");
        assert_eq!(site.backends(&host).unwrap(), ["10.0.0.1:80"], "{host}");
    }
    assert!(!site.has("old.test") && !site.has("removed.test"));
    // A registration that the store does not know ends when its time is over.
    assert!(site.has("ends.test"));
    assert_eq!(site.world.take_lines().len(), 1);
}

#[test]
fn who_does_not_lead_any_more_changes_nothing() {
    let mut site = Site::new();
    site.fill(5);
    site.connect().unwrap();
    let other = Candidate {
        pid: 2,
        generation: 2,
    };
    assert!(
        site.table
            .lease()
            .unwrap()
            .acquire(other, site.world.ms.get())
    );
    // Also while there is nothing to do.
    assert_eq!(site.work(), Err(Lost::Lead));
    site.store.put("new.test", &["", "http://10.0.0.1"]);
    assert_eq!(site.work(), Err(Lost::Lead));
    assert!(!site.has("new.test"));
    site.feeder.abandon();
    assert_eq!(
        site.line()
            .work(&Slice::new(&Ticking::default(), Duration::ZERO)),
        Err(Lost::Lead)
    );
    assert!(site.line().is_over(std::task::Waker::noop()));
    site.line().ended();
    while site.poll(false) == Next::Soon {}
    // Elected again: another connection.
    assert!(site.table.lease().unwrap().acquire(
        Candidate {
            pid: 1,
            generation: 3
        },
        site.world.ms.get()
    ));
    site.poll(true);
    assert_eq!(site.begun.borrow().len(), 2);
}

#[test]
fn a_lock_that_somebody_has_is_waited_for() {
    let mut site = Site::new();
    site.connect().unwrap();
    site.store.put("new.test", &["", "http://10.0.0.1"]);
    site.memory.is_locked.set(true);
    let line = site.line();
    line.receive(&site.store.take_out());
    let clock = Ticking::default();
    for _ in 0..50 {
        site.world.advance(1);
        line.work(&Slice::new(&clock, Duration::ZERO)).unwrap();
        site.store.answer(&line.take_out());
        line.receive(&site.store.take_out());
    }
    assert!(!site.has("new.test"));
    site.memory.is_locked.set(false);
    site.work().unwrap();
    assert!(site.has("new.test"));
}

#[test]
fn what_comes_behind_the_scan_stays() {
    let mut site = Site::new();
    site.fill(30);
    site.begin();
    while site
        .store
        .commands
        .iter()
        .filter(|c| c.starts_with("SCAN"))
        .count()
        < 3
    {
        site.turn().unwrap();
    }
    // It stands before what has been scanned, and is read before the scan has come to its end.
    site.store.put("0new.test", &["", "http://10.0.0.1"]);
    while !site.has("0new.test") {
        assert!(!site.line().is_following(), "it was not read in time");
        site.world.advance(1);
        site.turn().unwrap();
    }
    site.work().unwrap();
    assert!(site.has("0new.test"));
    assert_eq!(site.count(), 31);
}
