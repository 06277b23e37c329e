//! Whose turn it is, and who leads.

use super::world::Ticking;
use crate::slice::Slice;
use crate::{BEAT_MS, Feeder, Next, Round, Scheduler, Seat, Turn};
use gatehouse_table::table::{LEASE_MS, Lease};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What feeders did, in order.
type Journal = Rc<RefCell<Vec<String>>>;

/// What a feeder does when it is polled.
type Work = Box<dyn FnMut(&Turn<'_>) -> Next>;

struct TestFeeder {
    name: &'static str,
    journal: Journal,
    work: Work,
}

impl TestFeeder {
    fn note(&self, what: &str) {
        self.journal
            .borrow_mut()
            .push(format!("{} {what}", self.name));
    }
}

impl Feeder for TestFeeder {
    fn name(&self) -> String {
        self.name.into()
    }

    fn start(&mut self) {
        self.note("starts");
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        self.note(if turn.leader.is_some() {
            "leads"
        } else {
            "looks"
        });
        (self.work)(turn)
    }

    fn abandon(&mut self) {
        self.note("abandons");
    }
}

#[derive(Default)]
struct TestSeat {
    lease: AtomicU64,
    is_locked: Cell<bool>,
}

impl Seat for TestSeat {
    fn lease(&self) -> Option<Lease<'_>> {
        Some(Lease::new(&self.lease))
    }

    fn try_locked(&self, work: &mut dyn FnMut()) -> bool {
        let free = !self.is_locked.get();
        if free {
            work();
        }
        free
    }
}

#[derive(Default)]
struct Bench {
    journal: Journal,
    seat: Rc<TestSeat>,
    clock: Ticking,
    alerts: Rc<RefCell<Vec<String>>>,
}

impl Bench {
    fn feeder(
        &self,
        name: &'static str,
        work: impl FnMut(&Turn<'_>) -> Next + 'static,
    ) -> Box<dyn Feeder> {
        Box::new(TestFeeder {
            name,
            journal: Rc::clone(&self.journal),
            work: Box::new(work),
        })
    }

    /// A worker with one feeder that has nothing to do.
    fn worker(&self, name: &'static str, generation: u16) -> Scheduler {
        let mut scheduler = Scheduler::new(generation);
        let feeder = self.feeder(name, |_| Next::IDLE);
        scheduler.add(Rc::clone(&self.seat) as Rc<dyn Seat>, vec![feeder]);
        scheduler
    }

    fn run(&self, scheduler: &mut Scheduler, pid: u32, now_ms: u64, exiting: bool) -> Option<u64> {
        let alerts = Rc::clone(&self.alerts);
        scheduler.run(&Round {
            pid,
            now_ms,
            slice: &Slice::new(&self.clock, Duration::from_millis(3)),
            exiting,
            guard: &move |what, work| {
                let well = catch_unwind(AssertUnwindSafe(work)).is_ok();
                if !well {
                    alerts.borrow_mut().push(what.to_owned());
                }
                well
            },
        })
    }

    fn take(&self) -> Vec<String> {
        self.journal.take()
    }
}

/// Works until the slice is over, for ever.
fn busy(turn: &Turn<'_>) -> Next {
    while !turn.slice.is_over() {}
    Next::Soon
}

#[test]
fn busy_feeders_take_turns_and_share_one_slice() {
    let bench = Bench::default();
    let mut scheduler = Scheduler::new(1);
    let feeders = ["a", "b", "c"].map(|name| bench.feeder(name, busy));
    scheduler.add(Rc::clone(&bench.seat) as Rc<dyn Seat>, feeders.into());
    for _ in 0..30 {
        let before = bench.clock.ms();
        assert_eq!(bench.run(&mut scheduler, 1, 0, false), Some(1));
        let spent = bench.clock.ms() - before;
        assert!(spent <= 6, "{spent} ms in one slice");
    }
    for name in ["a leads", "b leads", "c leads"] {
        let turns = bench
            .journal
            .borrow()
            .iter()
            .filter(|line| *line == name)
            .count();
        assert_eq!(turns, 10, "{name}");
    }
}

#[test]
fn a_feeder_is_polled_when_it_wanted_to_be() {
    let bench = Bench::default();
    let mut scheduler = Scheduler::new(1);
    let feeders = vec![
        bench.feeder("slow", |_| Next::In(1_000)),
        bench.feeder("quick", |_| Next::In(100)),
    ];
    scheduler.add(Rc::clone(&bench.seat) as Rc<dyn Seat>, feeders);
    assert_eq!(bench.run(&mut scheduler, 1, 0, false), Some(100));
    assert_eq!(bench.take().len(), 2);
    assert_eq!(bench.run(&mut scheduler, 1, 99, false), Some(1));
    assert!(bench.take().is_empty());
    assert_eq!(bench.run(&mut scheduler, 1, 100, false), Some(100));
    assert_eq!(bench.take(), ["quick leads"]);
    let idle = bench.worker("idle", 1);
    let mut idle = idle;
    assert_eq!(bench.run(&mut idle, 1, 0, false), Some(BEAT_MS));
}

#[test]
fn a_panic_is_reported_once_and_stops_nobody_else() {
    let bench = Bench::default();
    let mut scheduler = Scheduler::new(1);
    let feeders = vec![
        bench.feeder("bad", |_| panic!("on purpose")),
        bench.feeder("good", |_| Next::In(500)),
    ];
    scheduler.add(Rc::clone(&bench.seat) as Rc<dyn Seat>, feeders);
    let mut polls = Vec::new();
    for now_ms in (0..10_000).step_by(500) {
        bench.run(&mut scheduler, 1, now_ms, false);
        let lines = bench.take();
        assert!(
            lines.contains(&"good leads".into()),
            "at {now_ms}: {lines:?}"
        );
        if lines.contains(&"bad leads".into()) {
            assert!(lines.contains(&"bad abandons".into()));
            polls.push(now_ms);
        }
    }
    assert_eq!(polls, [0, 1_000, 3_000, 7_000], "less and less often");
    assert_eq!(*bench.alerts.borrow(), ["bad"; 4]);
}

#[test]
fn one_worker_leads_and_another_goes_on_when_it_is_gone() {
    let bench = Bench::default();
    let (mut a, mut b) = (bench.worker("a", 1), bench.worker("b", 1));
    bench.run(&mut a, 1, 1_000, false);
    bench.run(&mut b, 2, 1_000, false);
    assert_eq!(bench.take(), ["a leads", "b looks"]);
    // It renews its lease at each beat; then it is killed.
    for now_ms in (1_000..10_000).step_by(BEAT_MS as usize) {
        bench.run(&mut a, 1, now_ms, false);
        bench.run(&mut b, 2, now_ms, false);
    }
    assert!(bench.take().is_empty());
    bench.run(&mut b, 2, 9_900 + LEASE_MS - 200, false);
    assert!(bench.take().is_empty());
    bench.run(&mut b, 2, 9_900 + LEASE_MS + 200, false);
    assert_eq!(bench.take(), ["b leads"]);
    // It was only stopped, not killed: it finds that it has lost.
    bench.run(&mut a, 1, 9_900 + LEASE_MS + 201, false);
    assert_eq!(bench.take(), ["a abandons", "a looks"]);
}

#[test]
fn a_new_configuration_leads_at_once() {
    let bench = Bench::default();
    let (mut old, mut new) = (bench.worker("old", 65_535), bench.worker("new", 0));
    bench.run(&mut old, 1, 1_000, false);
    bench.run(&mut new, 2, 1_000, false);
    bench.run(&mut old, 1, 1_250, false);
    bench.run(&mut new, 2, 1_250, false);
    assert_eq!(
        bench.take(),
        ["old leads", "new leads", "old abandons", "old looks"]
    );
}

#[test]
fn the_lease_changes_hands_under_the_lock_only() {
    let bench = Bench::default();
    let mut a = bench.worker("a", 1);
    bench.seat.is_locked.set(true);
    bench.run(&mut a, 1, 1_000, false);
    assert_eq!(bench.take(), ["a looks"]);
    bench.seat.is_locked.set(false);
    bench.run(&mut a, 1, 1_250, false);
    assert_eq!(bench.take(), ["a leads"]);
    // It is renewed without the lock.
    bench.seat.is_locked.set(true);
    bench.run(&mut a, 1, 2_000 + LEASE_MS, false);
    assert!(bench.take().is_empty());
}

#[test]
fn an_exiting_worker_resigns_at_once_and_frees_in_slices() {
    let bench = Bench::default();
    let mut scheduler = Scheduler::new(1);
    let mut left = 3;
    let feeder = bench.feeder("a", move |turn| {
        if turn.leader.is_some() || left == 0 {
            return Next::In(100);
        }
        left -= 1;
        Next::Soon
    });
    scheduler.add(Rc::clone(&bench.seat) as Rc<dyn Seat>, vec![feeder]);
    bench.run(&mut scheduler, 1, 1_000, false);
    let mut b = bench.worker("b", 1);
    let mut waits = Vec::new();
    loop {
        let wait = bench.run(&mut scheduler, 1, 1_001, true);
        bench.run(&mut b, 2, 1_001, false);
        waits.push(wait);
        if wait.is_none() {
            break;
        }
    }
    assert_eq!(waits, [Some(1), Some(1), Some(1), None]);
    assert_eq!(
        bench.take(),
        [
            "a leads",
            "a abandons",
            "a looks",
            "b leads",
            "a looks",
            "a looks",
            "a looks"
        ]
    );
}

#[test]
fn every_feeder_starts_though_one_panics() {
    let bench = Bench::default();
    let mut scheduler = bench.worker("a", 1);
    let other = bench.feeder("b", |_| Next::IDLE);
    scheduler.add(Rc::clone(&bench.seat) as Rc<dyn Seat>, vec![other]);
    assert!(!scheduler.is_empty() && Scheduler::new(1).is_empty());
    let mut panics = 0;
    let panics_now = RefCell::new(&mut panics);
    scheduler.start(&|name, work| {
        let work = AssertUnwindSafe(|| {
            work();
            assert_ne!(name, "a", "on purpose");
        });
        let well = catch_unwind(work).is_ok();
        **panics_now.borrow_mut() += u32::from(!well);
        well
    });
    assert_eq!(
        (panics, bench.take()),
        (1, vec!["a starts".into(), "b starts".into()])
    );
}
