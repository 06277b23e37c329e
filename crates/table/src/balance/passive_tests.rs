//! Failures by status and by their share of a backend's answers.

use super::tests::{USUAL, rules};
use super::{Ended, Rules, Sample, Schemes, Selection, policy};
use crate::check::Statuses;
use crate::route::Match;
use crate::table::tests::{memory, put, route};
use crate::table::{Answers, Passive, Table};
use std::sync::atomic::AtomicU64;

/// A route of two backends, whose answers are what a test says.
struct Site<'m> {
    table: Table<'m>,
    answers: Answers<'m>,
    passive: Passive,
}

fn with_site(passive: Passive, test: impl FnOnce(&mut Site<'_>)) {
    let memory = memory(256);
    let answers: Vec<AtomicU64> = memory.iter().map(|_| AtomicU64::new(0)).collect();
    let table = Table::format(&memory, Match::Host, 1).unwrap();
    put(&table, "a.test", &route(&[1, 2])).unwrap();
    let answers = Answers::new(&answers);
    test(&mut Site {
        table,
        answers,
        passive,
    });
}

impl Site<'_> {
    /// A request that gets this answer from whoever is chosen: who that was, and what it has done to them.
    fn answered(&self, status: u16, failed: bool, now_ms: u64) -> Option<(usize, Ended)> {
        let policy = policy("round_robin").unwrap();
        let rules = Rules {
            answers: Some(self.answers),
            ..rules(policy.as_ref(), &self.passive)
        };
        let mut buf = [0; 256];
        let route = self.table.lookup(b"a.test", &mut buf).unwrap().unwrap();
        let mut selection = Selection::new(&route.route, Schemes::HTTP);
        let chosen = selection.choose(&rules, &self.table, &route.route, now_ms)?;
        let sample = Sample {
            failed,
            ms: 1,
            status,
        };
        let ended = selection.done(&rules, &self.table, &sample, now_ms);
        Some((chosen.index, ended))
    }

    /// So many requests one after another; the first backend answers the first of each pair.
    fn run(&self, statuses: &[u16], now_ms: u64) -> Vec<usize> {
        let one = |status: &u16| self.answered(*status, false, now_ms).unwrap().0;
        statuses.iter().map(one).collect()
    }
}

const BY_SHARE: Passive = Passive {
    ratio: 50,
    ..Passive::new(3, 1_000)
};

fn of_5xx(passive: Passive) -> Passive {
    Passive {
        statuses: Statuses::parse("5xx"),
        ..passive
    }
}

#[test]
fn a_status_takes_out_though_nothing_is_retried() {
    with_site(of_5xx(USUAL), |site| {
        assert_eq!(site.run(&[404, 200, 500, 200, 200], 5_000), [0, 1, 0, 1, 1]);
    });
    with_site(USUAL, |site| {
        assert_eq!(site.run(&[500, 200, 500, 200], 5_000), [0, 1, 0, 1]);
    });
}

#[test]
fn a_status_that_is_retried_and_not_listed_is_none() {
    with_site(of_5xx(USUAL), |site| {
        let (index, ended) = site.answered(404, true, 5_000).unwrap();
        assert_eq!((index, ended), (0, Ended::default()));
        let (index, ended) = site.answered(0, true, 5_000).unwrap();
        assert!(index == 1 && ended.disabled, "no answer is a failure");
    });
}

#[test]
fn a_share_of_the_answers_takes_out_and_comes_back_clean() {
    with_site(of_5xx(BY_SHARE), |site| {
        // The first one: 500 three times of six is enough.
        let statuses = [
            200, 200, 200, 200, 500, 200, 200, 200, 500, 200, 500, 200, 200,
        ];
        let who = site.run(&statuses, 5_000);
        assert_eq!(who, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1]);
        // After the window one request is to prove it, and what it did before is forgotten: two failures are too few.
        let proved = [0, 1].map(|_| site.answered(200, false, 6_001).unwrap());
        let turned = proved.iter().find_map(|(_, ended)| ended.turned);
        assert!(matches!(turned, Some((_, true))), "{proved:?}");
        let who = site.run(&[500, 500, 200, 200, 200, 200], 6_002);
        let count = who.iter().filter(|index| **index == 0).count();
        assert_eq!(count, 3, "{who:?}");
    });
}

#[test]
fn who_fails_to_prove_it_stays_out() {
    with_site(of_5xx(BY_SHARE), |site| {
        site.run(&[500, 200, 500, 200, 500, 200], 5_000);
        assert_eq!(site.run(&[200, 200], 6_000), [1, 1]);
        // One of these two goes to it, whatever the answer of the other one.
        let back = site.run(&[500, 500], 6_001);
        assert_eq!(back.iter().filter(|index| **index == 0).count(), 1);
        assert_eq!(site.run(&[200, 200], 7_001), [1, 1]);
    });
}

#[test]
fn a_small_share_takes_nobody_out() {
    with_site(of_5xx(BY_SHARE), |site| {
        for round in 0..40 {
            let status = if round % 3 == 0 { 500 } else { 200 };
            assert_eq!(site.run(&[status, 200], 5_000), [0, 1], "{round}");
        }
    });
}

#[test]
fn what_is_long_ago_does_not_count() {
    with_site(of_5xx(BY_SHARE), |site| {
        assert_eq!(site.run(&[500, 200, 500, 200], 5_000), [0, 1, 0, 1]);
        // Two windows later.
        assert_eq!(site.run(&[500, 200, 200, 200], 7_000), [0, 1, 0, 1]);
    });
}
