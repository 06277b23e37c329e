//! Policies under load: the shares of backends that take their time, and what is noted of it.

use super::tests::{Tries, USUAL, rules, weighted};
use super::{POLICIES, Policy, Rules, Sample, policy};
use crate::route::{Match, Options, Resolved};
use crate::table::tests::{memory, put};
use crate::table::{Journal, RouteView, Table};

/// A hundred thousand requests of a crowd that is always so large: whenever one ends, the next one begins. Each backend
/// needs its own time for a request. How many of them each backend has served.
fn served(policy: &dyn Policy, weights: &[u16], times: &[u64], crowd: usize) -> Vec<u64> {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(weights)).unwrap();
    let rules = rules(policy, &USUAL);
    let mut open: Vec<(u64, Tries<'_>)> = Vec::new();
    let (mut now, mut counts) = (0, vec![0; weights.len()]);
    for _ in 0..100_000 {
        if open.len() == crowd {
            let next = (0..crowd).min_by_key(|n| open[*n].0).unwrap();
            let (at, mut ended) = open.swap_remove(next);
            now = at;
            ended.done(&rules, false);
        }
        let mut tries = Tries::of(&table, "a");
        let chosen = tries.next(&rules).unwrap();
        counts[chosen] += 1;
        open.push((now + times[chosen], tries));
    }
    counts
}

fn expect_shares(counts: &[u64], shares: &[f64]) {
    let whole: f64 = shares.iter().sum();
    for (count, share) in counts.iter().zip(shares) {
        let wanted = 100_000.0 * share / whole;
        let off = (*count as f64 - wanted).abs() / wanted;
        assert!(off < 0.02, "{counts:?} is not {shares:?}");
    }
}

/// With so many requests at a time that there is always a difference, each backend has as many in flight as its weight
/// says, and serves as many as it can of these.
#[test]
fn least_conn_gives_what_weights_and_times_say() {
    let least = &super::least_conn::LeastConn;
    expect_shares(&served(least, &[1, 1, 1], &[1000; 3], 60), &[1.0; 3]);
    expect_shares(
        &served(least, &[1, 1, 1], &[1000, 2000, 4000], 60),
        &[4.0, 2.0, 1.0],
    );
    expect_shares(
        &served(least, &[3, 2, 1], &[1000, 1000, 2000], 60),
        &[6.0, 4.0, 1.0],
    );
    // One request at a time: their turns are those of their weights.
    expect_shares(&served(least, &[5, 3, 2], &[1000; 3], 1), &[5.0, 3.0, 2.0]);
    expect_shares(&served(least, &[1, 1], &[1000, 1000], 3), &[1.0, 1.0]);
}

/// What is killed with a worker between two instructions is in its journal.
#[test]
fn requests_in_flight_are_noted_in_the_journal() {
    let (memory, words) = (memory(256), memory(Journal::WORDS / 128 + 1));
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let journal = Journal::new(&words).unwrap();
    let policy = policy("least_conn").unwrap();
    let rules = Rules {
        journal: journal.row(11, &table),
        ..rules(&*policy, &USUAL)
    };
    let mut open: Vec<Tries<'_>> = (0..5).map(|_| Tries::of(&table, "a")).collect();
    for tries in &mut open {
        assert!(tries.next(&rules).is_some());
    }
    for tries in open.iter_mut().take(2) {
        tries.done(&rules, true);
    }
    assert_eq!(journal.give_back(12, &table, &|_| false), 3);
    let mut late = open.pop().unwrap();
    late.done(&rules, false);
    let peer = |index: usize| {
        table.peer(
            RouteView::from_words(&late.words)
                .backend(index)
                .unwrap()
                .peer(),
        )
    };
    assert_eq!([0, 1].map(|n| peer(n).unwrap().in_flight()), [0, 0]);
}

/// What the slowest requests of an open crowd take: they come at random, whoever is busy. One in a hundred takes longer
/// than the result, in milliseconds.
fn slow_part(policy: &dyn Policy, times: &[u64]) -> u64 {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&vec![1; times.len()])).unwrap();
    let mut open: Vec<(u64, u64, Tries<'_>)> = Vec::new();
    // Each backend serves one after another, as a queue: when it is free again.
    let mut free_at = vec![0; times.len()];
    let mut took = Vec::new();
    let rules = rules(policy, &USUAL);
    for now in (0..20_000).map(|n| n * 25) {
        let now = 1_000_000 + now;
        open.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
        while open.last().is_some_and(|(at, ..)| *at <= now) {
            let (at, ms, mut tries) = open.pop().unwrap();
            let sample = Sample {
                ms,
                status: 200,
                failed: false,
            };
            tries.end(&rules, &sample, at);
            took.push(ms);
        }
        let mut tries = Tries::of(&table, "a");
        let chosen = tries.next_at(&rules, now).unwrap();
        let end = free_at[chosen].max(now) + times[chosen];
        free_at[chosen] = end;
        open.push((end, end - now, tries));
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// One of five backends is ten times slower than the others: round robin sends it every fifth request.
#[test]
fn p2c_keeps_requests_from_a_slow_backend() {
    let times = [10, 10, 100, 10, 10];
    let turns = slow_part(&super::round_robin::RoundRobin, &times);
    let p2c = slow_part(&super::p2c::PowerOfTwo, &times);
    assert!(p2c * 2 <= turns, "{p2c} ms, and {turns} ms by turns");
}

#[test]
fn p2c_shares_by_weight_among_equals() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[3, 2, 1])).unwrap();
    let mut counts = [0_u32; 3];
    let rules = rules(&super::p2c::PowerOfTwo, &USUAL);
    for _ in 0..30_000 {
        let mut tries = Tries::of(&table, "a");
        counts[tries.next(&rules).unwrap()] += 1;
        tries.done(&rules, false);
    }
    // Equal costs: the first one drawn is chosen.
    for (count, share) in counts.into_iter().zip([15_000.0, 10_000.0, 5_000.0]) {
        assert!(
            (f64::from(count) - share).abs() < share * 0.05,
            "{counts:?}"
        );
    }
}

/// Two backends whose options are these.
fn limited(first: Options, second: Options) -> Resolved<'static> {
    let mut route = weighted(&[1, 1]);
    for (endpoint, options) in route.endpoints.iter_mut().zip([first, second]) {
        endpoint.options = options;
    }
    route
}

fn at_most(max_conns: u32) -> Options {
    Options {
        max_conns,
        ..Options::default()
    }
}

/// Whatever the policy: a backend with as many requests as it takes is passed by; when all have, there is none.
#[test]
fn max_conns_is_never_exceeded() {
    for row in POLICIES {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        put(&table, "a", &limited(at_most(2), at_most(3))).unwrap();
        let policy = policy(row.name).unwrap();
        let rules = Rules {
            key: b"key",
            ..rules(&*policy, &USUAL)
        };
        let mut open: Vec<Tries<'_>> = Vec::new();
        let mut chosen = [0, 0];
        for _ in 0..5 {
            let mut tries = Tries::of(&table, "a");
            chosen[tries.next(&rules).unwrap()] += 1;
            open.push(tries);
        }
        assert_eq!(chosen, [2, 3], "{}", row.name);
        assert_eq!(Tries::of(&table, "a").next(&rules), None, "{}", row.name);
        open.pop().unwrap().done(&rules, false);
        assert!(
            Tries::of(&table, "a").next(&rules).is_some(),
            "{}",
            row.name
        );
    }
    // One alone has its limit, too; other routes to it that have none do not count.
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    let mut one = weighted(&[1]);
    put(&table, "b", &one).unwrap();
    one.endpoints[0].options = at_most(1);
    put(&table, "a", &one).unwrap();
    let rules = rules(&super::round_robin::RoundRobin, &USUAL);
    let mut other = Tries::of(&table, "b");
    assert_eq!(other.next(&rules), Some(0));
    let mut first = Tries::of(&table, "a");
    assert_eq!(first.next(&rules), Some(0));
    assert_eq!(Tries::of(&table, "a").next(&rules), None);
    first.done(&rules, true);
    assert_eq!(Tries::of(&table, "a").next(&rules), Some(0));
}

/// Of so many requests one after another at this time, how many the first backend gets.
fn of_first(table: &Table<'_>, rules: &Rules<'_>, requests: u64, now_ms: u64) -> u64 {
    let mut count = 0;
    for number in 0..requests {
        let key = number.to_string();
        let rules = Rules {
            key: key.as_bytes(),
            ..*rules
        };
        let mut tries = Tries::of(table, "a");
        count += u64::from(tries.next_at(&rules, now_ms) == Some(0));
        tries.end(&rules, &Sample::default(), now_ms);
    }
    count
}

/// Whatever the policy: a backend that comes back has a part of its share, which grows with time.
#[test]
fn slow_start_grows_the_share() {
    for row in POLICIES {
        let memory = memory(256);
        let table = Table::format(&memory, Match::Host, 1).unwrap();
        let slow = Options {
            slow_start_ms: 10_000,
            ..Options::default()
        };
        put(&table, "a", &limited(slow, Options::default())).unwrap();
        let policy = policy(row.name).unwrap();
        let rules = rules(&*policy, &USUAL);
        let whole = of_first(&table, &rules, 1_000, 50);
        assert!((350..650).contains(&whole), "{}: {whole}", row.name);
        // It fails at 100, and has its check behind the window.
        let mut words = vec![0; 256];
        let route = table.lookup(b"a", &mut words).unwrap().unwrap().route;
        let peer = table.peer(route.backend(0).unwrap().peer()).unwrap();
        assert!(peer.failed(100, &USUAL, None));
        assert_eq!(of_first(&table, &rules, 100, 5_000), 0, "{}", row.name);
        let back = 20_000;
        let checks = of_first(&table, &rules, 100, back);
        assert!(checks <= 3, "{}: {checks}", row.name);
        for tenths in [2, 5, 8] {
            let now = back + tenths * 1_000;
            let part = of_first(&table, &rules, 2_000, now);
            let wanted = whole * 2 * tenths / 10;
            let off = part.abs_diff(wanted);
            assert!(off < wanted / 4 + 20, "{}: {part}, not {wanted}", row.name);
        }
        let again = of_first(&table, &rules, 1_000, back + 10_000);
        assert!(again.abs_diff(whole) < 100, "{}: {again}", row.name);
        // Alone it gets all there is.
        peer.set_in_use_since(back + 20_000);
        let other = table.peer(route.backend(1).unwrap().peer()).unwrap();
        assert!(other.failed(back + 20_000, &USUAL, None));
        assert_eq!(of_first(&table, &rules, 10, back + 20_000), 10);
    }
}

/// A quick backend that was slow once is still better than the slow one, and one that was slow all the time is tried
/// again after a while.
#[test]
fn p2c_forgives_a_hiccup_and_forgets_in_time() {
    let memory = memory(256);
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a", &weighted(&[1, 1])).unwrap();
    let rules = rules(&super::p2c::PowerOfTwo, &USUAL);
    let answer = |ms: u64, index: usize, now_ms: u64| {
        let tries = Tries::of(&table, "a");
        let peer = RouteView::from_words(&tries.words).backend(index).unwrap();
        let sample = Sample {
            ms,
            status: 200,
            failed: false,
        };
        let policy: &dyn Policy = &super::p2c::PowerOfTwo;
        policy.done(&table.peer(peer.peer()).unwrap(), &sample, now_ms);
    };
    let next = |now_ms: u64| {
        let mut tries = Tries::of(&table, "a");
        let next = tries.next_at(&rules, now_ms);
        tries.end(
            &Rules {
                counts: true,
                ..rules
            },
            &Sample {
                ms: 50,
                ..Sample::default()
            },
            now_ms,
        );
        next.unwrap()
    };
    for n in 0..100 {
        answer(5, 0, 1_000 + n * 16);
        answer(50, 1, 1_000 + n * 16);
    }
    answer(70, 0, 2_600);
    assert_eq!(next(2_600), 0);
    for n in 1..=40 {
        let now_ms = 2_600 + n * 1_000;
        answer(5, 0, now_ms);
        match n {
            10 => assert_eq!(next(now_ms), 0),
            40 => assert_eq!(next(now_ms), 1),
            _ => {}
        }
    }
}
