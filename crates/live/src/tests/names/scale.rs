//! A million routes by name: how long the longest step is, and how much memory the leader needs. In full in a release
//! build (`cargo test --release -p gatehouse-live names::scale -- --nocapture` prints figures).

use super::Site;
use crate::slice::Slice;
use crate::table::{Ask, Heard, Hosts, NameFeeder, Reply};
use crate::tests::cost::{Cost, PART};
use crate::tests::world::Ticking;
use crate::{Feeder, Next, Seat, Turn, World};
use gatehouse_table::route::Located;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

const HOSTS: usize = 1_000_000 / PART;
const NAMES: usize = 200_000 / PART;
const KIB: usize = 384 * 1024 / PART;
const HOLDS_MS: u64 = 3_600_000;

/// Every name has an address; those from this number on have another one.
#[derive(Default)]
struct Numbers {
    moved_from: Rc<Cell<usize>>,
    open: RefCell<VecDeque<Rc<str>>>,
}

impl Ask for Numbers {
    fn ask(&self, text: Rc<str>) {
        self.open.borrow_mut().push_back(text);
    }

    fn answer(&self) -> Option<Reply> {
        let text = self.open.borrow_mut().pop_front()?;
        let digits = text.trim_start_matches("backend-").split('.').next();
        let number: usize = digits.unwrap().parse().unwrap();
        let [_, a, b, c] = (number as u32).to_be_bytes();
        let first = if number >= self.moved_from.get() {
            11
        } else {
            10
        };
        let found = vec![Located::from(IpAddr::from([first, a, b, c]))];
        let heard = Heard {
            found,
            holds_ms: HOLDS_MS,
        };
        Some((text, Ok(heard)))
    }

    fn forget(&self) {
        self.open.borrow_mut().clear();
    }
}

/// Leads until all is quiet for some time; gives the number of the walks that this took.
fn work(what: &str, site: &mut Site) -> u32 {
    let (mut cost, walks) = (Cost::start(), site.feeder.walks());
    let mut quiet_ms = 0;
    // Longer than the pause between two walks.
    while quiet_ms < 6_000 {
        let lease = site.table.lease().unwrap();
        assert!(lease.acquire(site.who, site.world.ms.get()));
        let clock = Ticking::default();
        let turn = Turn {
            slice: &Slice::new(&clock, Duration::ZERO),
            now_ms: site.world.ms.get(),
            leader: Some(site.who),
        };
        let next = cost.step(|| site.feeder.poll(&turn));
        match next {
            Next::Soon => {
                quiet_ms = 0;
                site.world.advance(1);
            }
            Next::In(ms) => {
                quiet_ms += ms;
                site.world.advance(ms);
            }
        }
    }
    cost.report(what);
    site.feeder.walks() - walks
}

#[test]
fn no_step_takes_long() {
    let mut site = Site::new(KIB);
    let numbers = Numbers::default();
    let moved_from = Rc::clone(&numbers.moved_from);
    moved_from.set(usize::MAX);
    site.feeder = NameFeeder::new(
        Rc::clone(&site.table),
        Rc::new(RefCell::new(Hosts::default())),
        Rc::clone(&site.world) as Rc<dyn World>,
        Box::new(numbers),
    );
    let address = |site: &Site, n: usize| site.backends(&format!("h{n}.test")).remove(0);
    for n in 0..HOSTS {
        let name = format!(r#""http://backend-{}.internal:8080""#, n % NAMES);
        site.put(&format!("h{n}.test"), &name).unwrap();
    }
    work("all names are new", &mut site);
    assert_eq!(site.counts(), (NAMES as u64, 0));
    assert_eq!(address(&site, 1), "10.0.0.1:8080");
    let last = HOSTS - 1;
    assert!(address(&site, last).starts_with("10."));

    moved_from.set(NAMES - 1);
    site.world.advance(HOLDS_MS);
    let walks = work("all are asked for again, one has moved", &mut site);
    assert!(address(&site, last).starts_with("11."));
    assert!(address(&site, 1).starts_with("10."));
    assert!(walks <= 3, "{walks}");

    moved_from.set(0);
    site.world.advance(HOLDS_MS);
    work("all have moved", &mut site);
    assert_eq!(address(&site, 1), "11.0.0.1:8080");

    let mut cost = Cost::start();
    cost.step(|| site.feeder.abandon());
    let poll = |site: &mut Site| {
        let clock = Ticking::default();
        site.feeder.poll(&Turn {
            slice: &Slice::new(&clock, Duration::ZERO),
            now_ms: site.world.ms.get(),
            leader: None,
        })
    };
    while cost.step(|| poll(&mut site)) == Next::Soon {}
    cost.report("another worker leads");
}
