//! Marks that other proxies have made.

use super::*;
use gatehouse_table::table::{Peer, Probe};

#[test]
fn marks_of_others_take_backends_out_by_their_place() {
    let mut site = Site::new();
    let list = [
        "",
        "http://10.0.0.1",
        "bad",
        "http://10.0.0.2",
        "http://10.0.0.1",
    ];
    site.store.put("*.test", &list);
    site.store.mark("early.test", &["0"], 20_000);
    site.connect().unwrap();
    assert!(site.is_out("a.test", 0) && !site.is_out("a.test", 1));
    // Another host of the same route: another set.
    site.store.mark("a.test", &["2", "77", "x"], 15_000);
    site.work().unwrap();
    assert!(site.is_out("a.test", 1));
    site.world.advance(15_000);
    assert!(!site.is_out("a.test", 1) && site.is_out("a.test", 0));
    // Taken back before its time.
    site.store.mark("early.test", &[], 0);
    site.work().unwrap();
    assert!(!site.is_out("a.test", 0));
    // A mark without an end has one here.
    site.store.mark("a.test", &["0"], -1);
    site.work().unwrap();
    assert!(site.is_out("a.test", 0));
    site.world.advance(30_001);
    assert!(!site.is_out("a.test", 0));
    // planb's leases, marks of nobody, and a list that is another one by now.
    site.store
        .strings
        .insert("dead:a.test:http://10.0.0.1".into());
    site.store
        .tell(&["dead:a.test:http://10.0.0.1", "dead:nobody", "dead:a b"]);
    site.store.put("*.test", &["", "http://10.0.0.2"]);
    site.store.mark("a.test", &["2"], 15_000);
    site.work().unwrap();
    assert!(!site.is_out("a.test", 0));
}

impl Site {
    fn with_peer(&self, act: impl FnOnce(Peer<'_>)) {
        let mut buf = [0; MAX_RECORD_WORDS];
        let routes = self.table.routes().unwrap();
        let hit = routes.lookup(b"a.test", &mut buf).unwrap().unwrap();
        act(routes.peer(hit.route.backend(0).unwrap().peer()).unwrap());
    }
}

const DOWN: Probe = Probe {
    up: false,
    contrary: 0,
    at_ms: 1,
};

const MARKED: &str =
    r#"[Warn] upstream table "apps": backend http://10.0.0.1:80 is marked in "dead:a.test""#;
const BACK: &str = r#"[Notice] upstream table "apps": backend http://10.0.0.1:80 is back"#;

#[test]
fn a_mark_and_its_end_are_said_once() {
    let mut site = Site::new();
    for host in ["a.test", "b.test"] {
        site.store
            .put(host, &["", "http://10.0.0.1", "http://10.0.0.2"]);
    }
    site.connect().unwrap();
    site.world.take_lines();
    for _ in 0..2 {
        site.store.mark("a.test", &["0"], 20_000);
        site.work().unwrap();
    }
    assert_eq!(site.world.take_lines(), [MARKED]);
    // Another host's mark holds it, and says nothing new.
    site.store.mark("b.test", &["0"], 20_000);
    site.store.mark("a.test", &[], 0);
    site.work().unwrap();
    assert!(site.is_out("a.test", 0) && site.world.take_lines().is_empty());
    for _ in 0..2 {
        site.store.mark("b.test", &[], 0);
        site.work().unwrap();
    }
    assert!(!site.is_out("a.test", 0));
    assert_eq!(site.world.take_lines(), [BACK]);
}

#[test]
fn however_many_marks_change_at_once_none_is_missed() {
    let mut site = Site::new();
    site.store.put("a.test", &["", "http://10.0.0.1"]);
    site.store.put("*.test", &["", "http://10.0.0.2"]);
    site.connect().unwrap();
    // Those before it fill the room there is.
    let others: Vec<String> = (0..11_000).map(|n| format!("dead:h{n}.test")).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    for is_marked in [true, false] {
        site.store.tell(&others);
        let marks: &[&str] = if is_marked { &["0"] } else { &[] };
        site.store.mark("a.test", marks, 100_000);
        for _ in 0..400 {
            site.work().unwrap();
        }
        assert_eq!(site.is_out("a.test", 0), is_marked);
    }
}

#[test]
fn a_mark_that_goes_while_the_store_is_away_is_lifted_afterwards() {
    let mut site = Site::new();
    site.store.put("a.test", &["", "http://10.0.0.1"]);
    site.store.mark("a.test", &["0"], 100_000);
    site.connect().unwrap();
    assert!(site.is_out("a.test", 0));
    site.lose("gone");
    site.store.mark("a.test", &[], 0);
    site.world.take_lines();
    site.connect().unwrap();
    assert!(!site.is_out("a.test", 0));
    assert!(site.world.take_lines().contains(&BACK.to_owned()));
}

#[test]
fn a_backend_that_is_down_for_checks_is_not_back_when_its_mark_ends() {
    let mut site = Site::new();
    site.store.put("a.test", &["", "http://10.0.0.1"]);
    site.store.mark("a.test", &["0"], 100_000);
    site.connect().unwrap();
    site.world.take_lines();
    site.with_peer(|peer| peer.set_probe(&DOWN));
    site.store.mark("a.test", &[], 0);
    site.work().unwrap();
    site.with_peer(|peer| assert_eq!((peer.fails(), peer.probe()), (0, Some(DOWN))));
    assert!(site.world.take_lines().is_empty());
}
