//! Sessions that stay at their backends.

use super::sticky::{Sid, Sids, is_cookie_name};
use super::tests::{Tries, USUAL, rules, weighted};
use super::{POLICIES, Rules, policy};
use crate::route::Match;
use crate::table::tests::{memory, put};
use crate::table::{RouteView, Table};

fn sid_of(tries: &Tries<'_>, index: usize) -> Sid {
    let route = RouteView::from_words(&tries.words);
    Sids::of(&route).sid(&route.backend(index).unwrap())
}

/// A request of the session that is at this backend of `a`.
fn stuck<'t>(table: &'t Table<'t>, sid: Sid) -> Tries<'t> {
    let mut tries = Tries::of(table, "a");
    let route = RouteView::from_words(&tries.words);
    if let Some(index) = Sids::of(&route).find(&route, sid) {
        tries.selection.stick(&route, index);
    }
    tries
}

/// Whatever the policy.
#[test]
fn a_session_stays_at_its_backend() {
    for row in POLICIES {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        let mut three = weighted(&[1, 1, 1]);
        put(&table, "a", &three).unwrap();
        let policy = policy(row.name).unwrap();
        let rules = Rules {
            key: b"key",
            ..rules(&*policy, &USUAL)
        };
        let sid = sid_of(&Tries::of(&table, "a"), 1);
        for _ in 0..5 {
            assert_eq!(stuck(&table, sid).next(&rules), Some(1), "{}", row.name);
        }
        // Also while it is drained: then it is one more that may be tried.
        three.endpoints[1].drain = true;
        put(&table, "a", &three).unwrap();
        let mut draining = stuck(&table, sid);
        assert_eq!(draining.selection.tries(), 3);
        assert_eq!(draining.next(&rules), Some(1), "{}", row.name);
        assert_eq!(Tries::of(&table, "a").selection.tries(), 2);
        // One that fails is left for another, and by the next request, too.
        draining.done(&rules, true);
        assert!(matches!(draining.next(&rules), Some(0 | 2)));
        assert!(matches!(stuck(&table, sid).next(&rules), Some(0 | 2)));
        // One that is gone is nobody's.
        three.endpoints.remove(1);
        put(&table, "a", &three).unwrap();
        assert!(matches!(stuck(&table, sid).next(&rules), Some(0 | 1)));
    }
}

#[test]
fn a_session_may_be_at_the_only_one_that_drains() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut two = weighted(&[1, 1]);
    two.endpoints[0].drain = true;
    put(&table, "a", &two).unwrap();
    let rules = rules(&super::round_robin::RoundRobin, &USUAL);
    let sid = sid_of(&Tries::of(&table, "a"), 0);
    let mut tries = stuck(&table, sid);
    assert_eq!((tries.selection.tries(), tries.next(&rules)), (2, Some(0)));
    tries.done(&rules, true);
    assert_eq!(tries.next(&rules), Some(1));
    two.endpoints[1].drain = true;
    put(&table, "a", &two).unwrap();
    let mut alone = stuck(&table, sid);
    assert_eq!(alone.selection.tries(), 1);
    // Its failure has taken it out.
    assert_eq!(alone.next(&rules), None);
    assert_eq!(Tries::of(&table, "a").next(&rules), None);
}

/// A backup's session stays there while backups serve, and no longer.
#[test]
fn backups_keep_sessions_while_they_serve() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut route = weighted(&[1, 1, 1]);
    route.endpoints[1].backup = true;
    route.endpoints[2].backup = true;
    put(&table, "a", &route).unwrap();
    let rules = rules(&super::round_robin::RoundRobin, &USUAL);
    let sid = sid_of(&Tries::of(&table, "a"), 2);
    assert_eq!(stuck(&table, sid).next(&rules), Some(0));
    let mut failing = Tries::of(&table, "a");
    assert_eq!(failing.next(&rules), Some(0));
    failing.done(&rules, true);
    for _ in 0..3 {
        assert_eq!(stuck(&table, sid).next(&rules), Some(2));
    }
}

/// It outlives tables and builds: this is the value of the first release.
#[test]
fn an_identity_never_changes() {
    let texts = [1, 77].map(|seed| {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, seed).unwrap();
        put(&table, "a", &weighted(&[1, 1])).unwrap();
        put(&table, "b", &weighted(&[1, 1])).unwrap();
        let [a, b] = ["a", "b"].map(|host| sid_of(&Tries::of(&table, host), 1).text());
        assert_ne!(a, b, "in another route it is another one");
        String::from_utf8(a.to_vec()).unwrap()
    });
    assert_eq!(texts, ["a11bd0050c276b60", "a11bd0050c276b60"]);
}

/// Wherever the cookie stands, it is found: eight bytes are looked at at once.
#[test]
fn a_cookie_is_found_at_any_place() {
    for before in 0..40 {
        for behind in 0..20 {
            let (before, behind) = ("x".repeat(before), "y".repeat(behind));
            let line = format!("{before};srv=0123456789abcdef;{behind}");
            let mut found = Sid::in_cookies(line.as_bytes(), b"srv");
            assert!(found.next().is_some() && found.next().is_none(), "{line}");
        }
    }
}

/// Whatever digits there are, the text is the one that is read.
#[test]
fn what_is_written_is_what_is_read() {
    let texts = [
        "0123456789abcdef",
        "fedcba9876543210",
        "0000000000000000",
        "ffffffffffffffff",
        "9a9a9a9a09af90fa",
    ];
    for text in texts {
        let line = format!("srv={text}");
        let read = Sid::in_cookies(line.as_bytes(), b"srv").next().unwrap();
        assert_eq!(read.text(), text.as_bytes());
    }
}

/// The name of a backend is the same whether it is found by its place or by what it is.
#[test]
fn a_backend_has_one_name() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut all = weighted(&[1, 2, 1, 1, 1]);
    all.endpoints[1].options.max_conns = 7;
    all.endpoints[2].tls = true;
    all.endpoints[3].address = crate::route::Address::Unix("/run/x");
    all.endpoints[4].address = crate::route::Address::Ip("[::1]:80".parse().unwrap());
    put(&table, "a", &all).unwrap();
    let tries = Tries::of(&table, "a");
    let route = RouteView::from_words(&tries.words);
    let all: Vec<Sid> = (0..5).map(|n| sid_of(&tries, n)).collect();
    for (n, sid) in (0..5).zip(&all) {
        assert_eq!(Sids::sid_at(&route, n), Some(*sid));
        let first = all.iter().position(|one| one == sid).unwrap();
        assert_eq!(Sids::of(&route).find(&route, *sid), Some(first as u16));
    }
    assert_eq!(Sids::sid_at(&route, 5), None);
}

#[test]
fn cookies_are_read_and_what_is_none_is_ignored() {
    let all = |line: &'static str| Sid::in_cookies(line.as_bytes(), b"srv").map(|sid| sid.text());
    let read = |line: &'static str| all(line).next();
    let two = all("srv=0123456789abcdef; srv=x; srv=fedcba9876543210");
    assert_eq!(
        two.collect::<Vec<_>>(),
        [*b"0123456789abcdef", *b"fedcba9876543210"]
    );
    let text = *b"0123456789abcdef";
    for line in [
        "srv=0123456789abcdef",
        "a=b; srv=0123456789abcdef; c",
        "srv=x;srv=0123456789abcdef",
        " srv=0123456789abcdef ",
        "; \t srv=0123456789abcdef",
        "theme=dark; language=en; srv=0123456789abcdef; seen=1",
        "a=;;b; srv=0123456789abcdef",
    ] {
        assert_eq!(read(line), Some(text), "{line}");
    }
    for line in [
        "",
        ";;",
        "srv",
        "srv=",
        "srv=0123456789ABCDEF",
        "srv=0123456789abcde",
        "srv=0123456789abcdef0",
        "srv=\"0123456789abcdef\"",
        "xsrv=0123456789abcdef",
        "srv =0123456789abcdef",
        "srv=0123456789abcdeg",
    ] {
        assert_eq!(read(line), None, "{line}");
    }
    assert!(is_cookie_name("__Host-srv") && is_cookie_name("a"));
    for name in ["", "a b", "a=b", "a;b", "ä", "a\"b", "a,b", "[a]"] {
        assert!(!is_cookie_name(name), "{name}");
    }
}

/// A session leads to no backend that the location cannot use, or that has no address.
#[test]
fn no_session_is_at_a_backend_that_cannot_be_used() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let rules = rules(&super::round_robin::RoundRobin, &USUAL);
    let mut tls = weighted(&[1, 1, 1]);
    tls.endpoints[1].tls = true;
    let mut waits = weighted(&[1, 1, 1]);
    waits.endpoints[1].name = Some("later.test");
    waits.endpoints[1].address = crate::route::Address::Ip(([0, 0, 0, 0], 80).into());
    for route in [tls, waits] {
        put(&table, "a", &route).unwrap();
        let sid = sid_of(&Tries::of(&table, "a"), 1);
        let mut tries = stuck(&table, sid);
        assert_eq!(tries.selection.tries(), 2);
        let mut chosen = [tries.next(&rules), tries.next(&rules), tries.next(&rules)];
        chosen.sort_unstable();
        assert_eq!(chosen, [None, Some(0), Some(2)]);
    }
}
