//! Which backend is next, and health.

use super::{
    Candidate, Candidates, Checks, POLICIES, Policy, Random, Rules, Sample, Schemes, Selection,
    policy,
};
use crate::route::{Match, Resolved};
use crate::table::tests::{endpoint, memory, put, remove, route};
use crate::table::{Passive, RouteView, Table};
use proptest::prelude::*;
use std::collections::BTreeSet;

pub(super) const USUAL: Passive = Passive::new(1, 10_000);

/// Round robin under these rules of health.
fn round_robin(passive: &Passive) -> Rules<'_> {
    rules(&super::round_robin::RoundRobin, passive)
}

/// A policy under these rules of health.
pub(crate) fn rules<'c>(policy: &'c dyn Policy, passive: &'c Passive) -> Rules<'c> {
    Rules {
        policy,
        passive,
        counts: policy.counts(),
        journal: None,
        key: b"",
        random: Box::leak(Box::new(Random::of(7))),
        checks: Checks::default(),
        answers: None,
    }
}

/// Round robin as it is by default.
fn usual() -> Rules<'static> {
    round_robin(&USUAL)
}

impl Selection {
    /// As [`Selection::choose`]: tests tell backends by their index.
    pub(crate) fn next(
        &mut self,
        rules: &Rules<'_>,
        table: &Table<'_>,
        route: &RouteView<'_>,
        now_ms: u64,
    ) -> Option<usize> {
        let chosen = self.choose(rules, table, route, now_ms)?;
        Some(chosen.index)
    }
}

/// The backends chosen by requests one after another.
fn sequence(table: &Table<'_>, host: &str, requests: usize, passive: &Passive, now: u64) -> String {
    let mut buf = [0; 256];
    let route = table
        .lookup(host.as_bytes(), &mut buf)
        .unwrap()
        .unwrap()
        .route;
    let mut chosen = String::new();
    for _ in 0..requests {
        let next =
            Selection::new(&route, Schemes::HTTP).next(&round_robin(passive), table, &route, now);
        chosen.push(next.map_or('-', |n| char::from(b'a' + n as u8)));
    }
    chosen
}

pub(super) fn weighted(weights: &[u16]) -> Resolved<'static> {
    let endpoints = weights
        .iter()
        .enumerate()
        .map(|(n, w)| endpoint(n as u32, *w))
        .collect();
    Resolved {
        endpoints,
        ..Resolved::default()
    }
}

#[test]
fn round_robin_is_nginxs() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[5, 1, 1])).unwrap();
    assert_eq!(
        sequence(&table, "a", 14, &Passive::default(), 0),
        "aabacaaaabacaa"
    );
    put(&table, "b", &weighted(&[1, 1, 1])).unwrap();
    assert_eq!(sequence(&table, "b", 7, &Passive::default(), 0), "abcabca");
    put(&table, "one", &weighted(&[3])).unwrap();
    assert_eq!(sequence(&table, "one", 3, &Passive::default(), 0), "aaa");
    put(&table, "none", &weighted(&[])).unwrap();
    assert_eq!(sequence(&table, "none", 1, &Passive::default(), 0), "-");
}

#[test]
fn the_turn_survives_a_replacement() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    assert_eq!(sequence(&table, "a", 1, &Passive::default(), 0), "a");
    let mut changed = weighted(&[1, 1]);
    changed.vars.push(("x", "y"));
    put(&table, "a", &changed).unwrap();
    assert_eq!(sequence(&table, "a", 3, &Passive::default(), 0), "bab");
}

/// Two backends share a cell, more have one each. Backends that stay keep their turn when others come, go or change
/// places.
#[test]
fn the_turn_survives_a_change_of_backends() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let of = |numbers: &[u32]| route(numbers);
    let next = |table: &Table<'_>| sequence(table, "a", 1, &USUAL, 0);
    put(&table, "a", &of(&[1, 2])).unwrap();
    assert_eq!(next(&table), "a");
    put(&table, "a", &of(&[2, 1])).unwrap();
    assert_eq!(next(&table), "a", "the other one, in the first place now");
    assert_eq!(next(&table), "a", "both are equal again");
    // The second one is due: it comes before a third one that is new.
    put(&table, "a", &of(&[3, 1, 2])).unwrap();
    assert_eq!(sequence(&table, "a", 3, &USUAL, 0), "bac");
    put(&table, "a", &of(&[2, 3])).unwrap();
    assert_eq!(next(&table), "b", "the first of them has just been");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However many backends, the choices are those of smooth weighted round robin as nginx describes it.
    #[test]
    fn weights_are_shared_as_nginx_does(weights in prop::collection::vec(1..40_u16, 1..5)) {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        put(&table, "a", &weighted(&weights)).unwrap();
        let mut current = vec![0_i32; weights.len()];
        let total: i32 = weights.iter().map(|w| i32::from(*w)).sum();
        let mut expected = String::new();
        for _ in 0..100 {
            for (current, weight) in current.iter_mut().zip(&weights) {
                *current += i32::from(*weight);
            }
            let most = *current.iter().max().unwrap();
            let best = current.iter().position(|c| *c == most).unwrap();
            current[best] -= total;
            expected.push(char::from(b'a' + best as u8));
        }
        prop_assert_eq!(sequence(&table, "a", 100, &USUAL, 0), expected);
    }
}

#[test]
fn each_try_is_another_backend_then_the_backups() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut four = weighted(&[1, 1, 1, 1]);
    four.endpoints[0].backup = true;
    four.endpoints[2].drain = true;
    put(&table, "a", &four).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let mut selection = Selection::new(&route, Schemes::HTTP);
    assert_eq!(selection.tries(), 3);
    let tries: Vec<_> = (0..5)
        .map(|_| selection.next(&usual(), &table, &route, 0))
        .collect();
    assert_eq!(tries, [Some(1), Some(3), Some(0), None, None]);
}

#[test]
fn https_backends_only_when_allowed() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut two = weighted(&[1, 1]);
    two.endpoints[0].tls = true;
    put(&table, "a", &two).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let mut plain = Selection::new(&route, Schemes::HTTP);
    assert!(plain.single());
    assert_eq!(plain.next(&usual(), &table, &route, 0), Some(1));
    // nginx asks again when a kept connection turns out to be closed.
    assert_eq!(plain.next(&usual(), &table, &route, 0), Some(1));
    let mut tls = Selection::new(&route, Schemes::BOTH);
    assert_eq!(
        (tls.tries(), tls.next(&usual(), &table, &route, 0)),
        (2, Some(0))
    );
}

#[test]
fn a_failed_backend_is_out_for_the_window_then_tried_once() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let passive = Passive::new(2, 100);
    let peer = table.peer(route.backend(0).unwrap().peer()).unwrap();
    assert!(!peer.failed(1000, &passive, None));
    assert!(peer.available(1000, &passive));
    assert!(peer.failed(1000, &passive, None));
    assert!(!peer.available(1100, &passive) && peer.available(1101, &passive));
    assert!(
        peer.available(1000, &Passive::new(0, 100)),
        "fails=0 switches it off"
    );
    assert_eq!(sequence(&table, "a", 4, &passive, 1100), "bbbb");
    assert_eq!(
        sequence(&table, "a", 4, &passive, 1101)
            .matches('a')
            .count(),
        1,
        "one check after the window"
    );
    peer.succeeded(&Passive::default());
    assert_eq!(peer.fails(), 0);
    assert_eq!(
        sequence(&table, "a", 4, &passive, 1101)
            .matches('a')
            .count(),
        2
    );
}

#[test]
fn success_without_a_check_forgets_nothing() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
    let peer = table.peer(route.backend(0).unwrap().peer()).unwrap();
    peer.failed(1000, &Passive::new(2, 100), None);
    peer.succeeded(&Passive::default());
    assert_eq!(
        peer.fails(),
        1,
        "a request begun before the failure says nothing about it"
    );
}

#[test]
fn no_live_backend_is_none_and_a_single_one_is_always_live() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "two", &weighted(&[1, 1])).unwrap();
    put(&table, "one", &weighted(&[1])).unwrap();
    let mut buf = [0; 64];
    let route = table.lookup(b"two", &mut buf).unwrap().unwrap().route;
    let passive = Passive::default();
    for backend in route.backends() {
        table
            .peer(backend.peer())
            .unwrap()
            .failed(50, &passive, None);
    }
    assert_eq!(sequence(&table, "two", 2, &passive, 50), "--");
    assert_eq!(sequence(&table, "one", 2, &passive, 50), "aa");
}

/// Chooses nobody.
struct Nobody;

impl Policy for Nobody {
    fn next(&self, _: &Candidates<'_>) -> Option<Candidate> {
        None
    }
}

#[test]
fn a_policy_is_not_asked_where_there_is_nothing_to_choose() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "one", &weighted(&[1])).unwrap();
    let mut drained = weighted(&[1, 1, 1]);
    drained.endpoints[0].drain = true;
    drained.endpoints[1].backup = true;
    drained.endpoints[2].drain = true;
    put(&table, "backup", &drained).unwrap();
    put(&table, "two", &weighted(&[1, 1])).unwrap();
    let rules = rules(&Nobody, &USUAL);
    for (host, expected) in [("one", Some(0)), ("backup", Some(1)), ("two", None)] {
        assert_eq!(Tries::of(&table, host).next(&rules), expected, "{host}");
    }
}

#[test]
fn every_policy_has_a_name_and_a_text_and_can_be_built() {
    let names: BTreeSet<&str> = POLICIES.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), POLICIES.len());
    assert!(POLICIES.iter().all(|row| row.text.ends_with('.')));
    for name in names {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        put(&table, "a", &weighted(&[1, 1])).unwrap();
        let policy = policy(name).unwrap();
        let rules = rules(&*policy, &USUAL);
        let mut tries = Tries::of(&table, "a");
        let first = tries.next(&rules);
        assert!(matches!(first, Some(0 | 1)), "{name}");
        assert!(
            tries.next(&rules).is_some_and(|n| Some(n) != first),
            "{name}"
        );
        assert_eq!(tries.next(&rules), None, "{name}");
    }
    assert!(policy("fastest").is_none());
}

/// One request and its tries.
pub(super) struct Tries<'t> {
    table: &'t Table<'t>,
    pub(super) words: Vec<u64>,
    pub(super) selection: Selection,
}

impl<'t> Tries<'t> {
    pub(super) fn of(table: &'t Table<'t>, host: &str) -> Self {
        let mut words = vec![0; 256];
        let hit = table.lookup(host.as_bytes(), &mut words).unwrap().unwrap();
        let selection = Selection::new(&hit.route, Schemes::HTTP);
        Self {
            table,
            words,
            selection,
        }
    }

    pub(super) fn next(&mut self, rules: &Rules<'_>) -> Option<usize> {
        self.next_at(rules, 50)
    }

    pub(super) fn next_at(&mut self, rules: &Rules<'_>, now_ms: u64) -> Option<usize> {
        let route = RouteView::from_words(&self.words);
        self.selection.next(rules, self.table, &route, now_ms)
    }

    pub(super) fn end(&mut self, rules: &Rules<'_>, sample: &Sample, now_ms: u64) {
        self.selection.done(rules, self.table, sample, now_ms);
    }

    pub(super) fn done(&mut self, rules: &Rules<'_>, failed: bool) -> bool {
        let sample = Sample {
            failed,
            ..Sample::default()
        };
        self.selection.done(rules, self.table, &sample, 50).disabled
    }
}

#[test]
fn a_try_that_ends_counts_for_health_once() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "two", &weighted(&[1, 1])).unwrap();
    put(&table, "one", &weighted(&[1])).unwrap();
    let rules = usual();
    let mut tries = Tries::of(&table, "two");
    assert!(!tries.done(&rules, true), "none has begun");
    assert_eq!(tries.next(&rules), Some(0));
    assert!(tries.done(&rules, true), "it takes the backend out");
    assert!(!tries.done(&rules, true), "it has ended before");
    assert_eq!(sequence(&table, "two", 3, &USUAL, 51), "bbb");
    let mut tries = Tries::of(&table, "one");
    assert_eq!(tries.next(&rules), Some(0));
    assert!(!tries.done(&rules, true), "a single backend is never out");
}

/// A second policy sees the same candidates: fewest requests in flight for the weight, turns among equals.
#[test]
fn least_conn_counts_the_requests_of_all_workers() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[2, 1])).unwrap();
    let policy = policy("least_conn").unwrap();
    let rules = rules(&*policy, &USUAL);
    let mut open: Vec<Tries<'_>> = Vec::new();
    let mut chosen = Vec::new();
    for _ in 0..6 {
        let mut tries = Tries::of(&table, "a");
        chosen.push(tries.next(&rules).unwrap());
        open.push(tries);
    }
    chosen.sort_unstable();
    assert_eq!(
        chosen,
        [0, 0, 0, 0, 1, 1],
        "twice as many for twice the weight"
    );
    // All requests to the first end, so the next four go there.
    for tries in &mut open {
        let peer = tries.selection.trying().unwrap();
        let first = crate::table::RouteView::from_words(&tries.words).backend(0);
        if first.unwrap().peer() == peer {
            tries.done(&rules, false);
        }
    }
    let more: Vec<_> = (0..4)
        .map(|_| {
            let mut tries = Tries::of(&table, "a");
            let next = tries.next(&rules);
            open.push(tries);
            next
        })
        .collect();
    assert_eq!(more, [Some(0); 4]);
    for tries in &mut open {
        tries.done(&rules, false);
    }
    let in_flight = |table: &Table<'_>| {
        let mut buf = [0; 64];
        let route = table.lookup(b"a", &mut buf).unwrap().unwrap().route;
        let peers = route.backends().map(|b| table.peer(b.peer()).unwrap());
        peers.map(|p| p.in_flight()).collect::<Vec<_>>()
    };
    assert_eq!(in_flight(&table), [0, 0]);
    // A request to a peer that has left ends without a trace on the next one in its line.
    let mut late = Tries::of(&table, "a");
    assert!(late.next(&rules).is_some());
    remove(&table, "a").unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    late.done(&rules, false);
    assert_eq!(in_flight(&table), [0, 0]);
}

/// What a request does at 1,000 hosts, many times over: for an instruction counter.
#[test]
#[ignore = "a measurement: run alone under callgrind, with and without LOOKUPS=0"]
fn requests_at_a_thousand_hosts() {
    let host = |n: u32| format!("customer-{n:07}.application.example.com");
    let memory = memory(8192);
    let table = Table::format(&memory, Match::Host, 42).unwrap();
    for n in 0..1000 {
        put(&table, &host(n), &route(&[n, n / 3 + 7])).unwrap();
    }
    let lookups: u32 = std::env::var("LOOKUPS").map_or(1_000_000, |n| n.parse().unwrap());
    let choose = std::env::var("CHOOSE").is_ok();
    let names: Vec<String> = (0..1000).map(host).collect();
    let (mut normal, mut buf) = ([0; 253], [0; 64]);
    for n in 0..lookups as usize {
        let key =
            crate::route::normalize(names[n % 1000].as_bytes(), Match::Host, &mut normal).unwrap();
        let hit = table.lookup(key, &mut buf).unwrap().unwrap();
        if choose {
            let next = Selection::new(&hit.route, Schemes::HTTP)
                .next(&usual(), &table, &hit.route, 0)
                .unwrap();
            let backend = hit.route.backend(next).unwrap();
            std::hint::black_box(backend.address);
        }
    }
}
