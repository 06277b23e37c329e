//! Policies to the last request: in which order backends are chosen, and what is noted of one.

use super::tests::{Tries, USUAL, rules, weighted};
use super::{POLICIES, Sample, policy};
use crate::route::Match;
use crate::table::tests::{endpoint, memory, put};
use crate::table::{RouteView, Table};
use std::net::SocketAddr;

/// So many requests one after another, none of which ends: by the letters of their backends.
fn held<'t>(table: &'t Table<'t>, name: &str, requests: usize) -> (String, Vec<Tries<'t>>) {
    let policy = policy(name).unwrap();
    let rules = rules(&*policy, &USUAL);
    let mut open = Vec::new();
    let mut letters = String::new();
    for _ in 0..requests {
        let mut tries = Tries::of(table, "a");
        letters.push(char::from(b'a' + tries.next(&rules).unwrap() as u8));
        open.push(tries);
    }
    (letters, open)
}

#[test]
fn what_policies_ask_for() {
    for row in POLICIES {
        let policy = policy(row.name).unwrap();
        let counts = matches!(row.name, "least_conn" | "p2c");
        assert_eq!(policy.counts(), counts, "{}", row.name);
        assert_eq!(policy.takes_key(), row.name == "hash", "{}", row.name);
    }
}

/// Few backends are looked at once, many twice: the order is the same.
#[test]
fn least_conn_takes_turns_among_equals() {
    for (weights, order) in [
        (vec![1; 3], "abcabc"),
        (vec![5, 1, 1], "aabacaa"),
        (vec![1; 10], "abcdefghijabcdefghij"),
        (vec![5, 1, 1, 1, 1, 1, 1, 1, 1], "abcadeafgahiaa"),
    ] {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        put(&table, "a", &weighted(&weights)).unwrap();
        let least = policy("least_conn").unwrap();
        let rules = rules(&*least, &USUAL);
        let mut alone = String::new();
        for _ in 0..order.len() {
            let mut tries = Tries::of(&table, "a");
            alone.push(char::from(b'a' + tries.next(&rules).unwrap() as u8));
            tries.done(&rules, false);
        }
        assert_eq!(alone, order, "{weights:?}");
    }
}

#[test]
fn least_conn_finds_the_least_of_many() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    // Twice the weight for the last one: its second request is as good as anybody's first.
    let mut weights = vec![1; 9];
    weights.push(2);
    put(&table, "a", &weighted(&weights)).unwrap();
    let (letters, mut open) = held(&table, "least_conn", 11);
    let of = |letters: &str, one: char| letters.matches(one).count();
    for one in 'a'..'j' {
        assert_eq!(of(&letters, one), 1, "{letters}");
    }
    assert_eq!(of(&letters, 'j'), 2, "{letters}");
    // Who has one less is next, wherever it stands.
    let least = policy("least_conn").unwrap();
    for one in ['g', 'a', 'i'] {
        let at = letters.find(one).unwrap();
        open[at].done(&rules(&*least, &USUAL), false);
        let (next, mut held) = held(&table, "least_conn", 1);
        assert_eq!(next, one.to_string());
        std::mem::swap(&mut open[at], &mut held[0]);
    }
}

/// Each pair is as likely as any other: the slowest of three is never chosen, the quickest by all pairs that it is in.
#[test]
fn p2c_draws_each_pair() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1, 1])).unwrap();
    let p2c = policy("p2c").unwrap();
    let rules = rules(&*p2c, &USUAL);
    let mut counts = [0; 3];
    for _ in 0..3_000 {
        let mut tries = Tries::of(&table, "a");
        let route = RouteView::from_words(&tries.words);
        for (backend, us) in route.backends().zip([90_000, 50_000, 10_000]) {
            let peer = table.peer(backend.peer()).unwrap();
            peer.record_latency(50, |_| us);
        }
        counts[tries.next(&rules).unwrap()] += 1;
        tries.done(&rules, true);
        table_is_well(&table);
    }
    assert_eq!(counts[0], 0, "{counts:?}");
    assert!((900..1_100).contains(&counts[1]), "{counts:?}");
}

/// Forgets all failures.
fn table_is_well(table: &Table<'_>) {
    let tries = Tries::of(table, "a");
    for backend in RouteView::from_words(&tries.words).backends() {
        let peer = table.peer(backend.peer()).unwrap();
        peer.chosen(1_000_000, &USUAL);
        peer.succeeded(&USUAL);
    }
}

/// A failure that came quickly says nothing about how long a request takes; one that took long does.
#[test]
fn p2c_learns_from_failures_that_took_their_time() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let tries = Tries::of(&table, "a");
    let first = RouteView::from_words(&tries.words).backend(0).unwrap();
    let peer = table.peer(first.peer()).unwrap();
    let p2c = policy("p2c").unwrap();
    let end = |ms: u64, failed: bool| {
        let sample = Sample {
            ms,
            failed,
            status: 0,
        };
        p2c.done(&peer, &sample, 1_600);
        peer.latency(1_600).map(|latency| latency.us)
    };
    assert_eq!(end(40, true), Some(40_000), "nothing was known");
    assert_eq!(end(1, true), Some(40_000));
    assert_eq!(end(40, true), Some(40_000));
    assert_eq!(end(80, true), Some(60_000));
    assert_eq!(end(100, false), Some(80_000));
}

/// The end of a try says whom it has taken out or brought back, once.
#[test]
fn who_is_out_and_who_is_back_is_told_once() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let robin = policy("round_robin").unwrap();
    let rules = rules(&*robin, &USUAL);
    let peer = |tries: &Tries<'_>| {
        let first = RouteView::from_words(&tries.words).backend(0).unwrap();
        first.peer()
    };
    let end = |tries: &mut Tries<'_>, failed: bool, now_ms: u64| {
        let sample = Sample {
            failed,
            ..Sample::default()
        };
        let ended = tries.selection.done(&rules, &table, &sample, now_ms);
        (ended.disabled, ended.turned)
    };
    // Two requests at the first one.
    let (mut one, mut other, mut two) = (
        Tries::of(&table, "a"),
        Tries::of(&table, "a"),
        Tries::of(&table, "a"),
    );
    assert_eq!(one.next(&rules), Some(0));
    assert_eq!(other.next(&rules), Some(1));
    assert_eq!(two.next(&rules), Some(0));
    let first = peer(&one);
    assert_eq!(end(&mut other, false, 50), (false, None));
    assert_eq!(end(&mut one, true, 50), (true, Some((first, false))));
    assert_eq!(end(&mut two, true, 50), (true, None), "it is out already");
    let mut check = Tries::of(&table, "a");
    let later = 50 + 2 * USUAL.window_ms;
    while check.next_at(&rules, later) != Some(0) {
        check = Tries::of(&table, "a");
    }
    assert_eq!(end(&mut check, false, later), (false, Some((first, true))));
    // One alone is never out.
    put(&table, "a", &weighted(&[1])).unwrap();
    let mut alone = Tries::of(&table, "a");
    assert_eq!(alone.next(&rules), Some(0));
    assert_eq!(end(&mut alone, true, later), (false, None));
}

/// What most backends are is told from a word of the route, without its record.
#[test]
fn a_plain_backend_is_its_address() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut two = weighted(&[1, 1]);
    two.endpoints[1].tls = true;
    put(&table, "a", &two).unwrap();
    let robin = policy("round_robin").unwrap();
    let rules = rules(&*robin, &USUAL);
    let tries = Tries::of(&table, "a");
    let route = RouteView::from_words(&tries.words);
    let mut selection = super::Selection::new(&route, super::Schemes::BOTH);
    let mut next = || selection.choose(&rules, &table, &route, 50).unwrap();
    let crate::route::Address::Ip(SocketAddr::V4(address)) = endpoint(0, 1).address else {
        panic!("an address of IPv4");
    };
    assert_eq!(next().plain(), Some(address));
    assert_eq!(next().plain(), None);
}
