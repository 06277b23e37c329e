//! Lists of rules that are read again: when, and what is said.

use super::world::{TestWorld, Ticking};
use crate::geoip::{ListFeeder, Listed};
use crate::{Feeder, Next, Slice, TURN, Turn, World};
use gatehouse_geo::{Action, Facts, RuleList};
use std::rc::Rc;

const FILE: &str = "office.txt";

struct Bench {
    world: Rc<TestWorld>,
    feeder: ListFeeder,
    rules: RuleList,
}

impl Bench {
    fn new(content: &str) -> Self {
        let world = Rc::new(TestWorld::default());
        world.replace(FILE, content);
        world.advance(10_000);
        let mut rules = RuleList::new();
        let mut read = |_: &str| Ok(content.to_owned());
        rules
            .push(Action::Deny, &["address=@office.txt"], "", &mut read)
            .unwrap();
        let mut file = Listed::new(world.as_ref(), FILE.into());
        file.lists = rules.lists().to_vec();
        file.has_been_read(content);
        let feeder = ListFeeder::new(file, Rc::clone(&world) as Rc<dyn World>);
        Self {
            world,
            feeder,
            rules,
        }
    }

    /// A second passes, and the feeder has its turns: what was said.
    fn turn(&mut self) -> Vec<String> {
        self.world.advance(1_000);
        let clock = Ticking::default();
        for _ in 0..10_000 {
            let next = self.feeder.poll(&Turn {
                slice: &Slice::new(&clock, TURN),
                now_ms: self.world.now_ms(),
                leader: None,
            });
            if matches!(next, Next::In(ms) if ms <= 1_000) {
                return self.world.take_lines();
            }
            assert_eq!(next, Next::Soon);
        }
        panic!("it does not end");
    }

    fn denies(&self, address: &str) -> bool {
        let address = address.parse().unwrap();
        self.rules
            .evaluate(Some(address), || Facts::UNKNOWN)
            .is_some()
    }
}

fn said(lines: &[&str]) -> Vec<String> {
    let lines = lines.iter().map(|text| {
        let (level, text) = text.split_once(' ').unwrap();
        format!("{level} geoip list \"{FILE}\" {text}")
    });
    lines.collect()
}

const READ: &str = "[Notice] has been read again";

#[test]
fn a_list_is_followed() {
    let mut bench = Bench::new("192.0.2.0/24\n");
    assert_eq!(bench.turn(), said(&[]), "that of the configuration");
    bench.world.replace(FILE, "198.51.100.0/24\n2001:db8::/32");
    assert_eq!(bench.turn(), said(&[READ]));
    assert!(
        bench.denies("198.51.100.1") && bench.denies("2001:db8::1") && !bench.denies("192.0.2.1")
    );
    assert_eq!(bench.turn(), said(&[]));
    bench.world.overwrite(FILE, "# none any more\n");
    assert_eq!(bench.turn(), said(&[READ, "[Warn] has no values"]));
    assert!(!bench.denies("198.51.100.1"));
    bench.world.overwrite(FILE, "\n192.0.2.1 # one\r\n");
    assert_eq!(bench.turn(), said(&[READ]));
    assert!(bench.denies("192.0.2.1") && !bench.denies("192.0.2.2"));
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_said_once() {
    let mut bench = Bench::new("192.0.2.0/24\n");
    for (content, why) in [
        (
            &b"198.51.100.0/24\n\nexample.com\n"[..],
            "has an invalid address in line 3, it must be an address or a network in CIDR notation",
        ),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"198.51.100.0/24\n\xff\n", "has a line 2 that is no UTF-8"),
    ] {
        bench.world.replace(FILE, content);
        let line = format!("[Error] {why}, the old values stay in use");
        assert_eq!(bench.turn(), said(&[&line]));
        assert_eq!(bench.turn(), said(&[]));
        assert!(bench.denies("192.0.2.1") && !bench.denies("198.51.100.1"));
    }
    bench.world.remove(FILE);
    assert_eq!(
        bench.turn(),
        said(&["[Error] cannot be read (NotFound), the old values stay in use"])
    );
    assert_eq!(bench.turn(), said(&[]));
    assert!(bench.denies("192.0.2.1"));
    let good = "[Notice] is good again: its values are those in use";
    bench.world.replace(FILE, "192.0.2.0/24\r\n");
    assert_eq!(bench.turn(), said(&[good]));
    bench.world.replace(FILE, "192.0.2.0/24\n");
    assert_eq!(bench.turn(), said(&[]), "the same once more");
    bench.world.replace(FILE, "198.51.100.0/24");
    assert_eq!(bench.turn(), said(&[READ]));
    assert!(bench.denies("198.51.100.1"));
}

#[test]
fn a_long_list_is_taken_in_slices_and_one_that_is_too_long_is_not() {
    let mut bench = Bench::new("192.0.2.0/24\n");
    let long: String = (0..200_000_u32)
        .map(|n| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    bench.world.replace(FILE, long);
    assert_eq!(bench.turn(), said(&[READ]));
    assert!(bench.denies("10.3.13.63") && !bench.denies("10.3.13.64"));
    bench
        .world
        .replace(FILE, vec![b'#'; crate::geoip::LONGEST_LIST + 1]);
    assert_eq!(
        bench.turn(),
        said(&["[Error] is longer than 16 MiB, the old values stay in use"])
    );
}

#[test]
fn work_that_is_given_up_is_begun_again() {
    let mut bench = Bench::new("192.0.2.0/24\n");
    bench.world.replace(FILE, "198.51.100.0/24\n".repeat(5_000));
    bench.world.advance(1_000);
    let clock = Ticking::default();
    let slice = Slice::new(&clock, std::time::Duration::ZERO);
    let turn = Turn {
        slice: &slice,
        now_ms: bench.world.now_ms(),
        leader: None,
    };
    assert_eq!(bench.feeder.poll(&turn), Next::Soon);
    bench.feeder.abandon();
    assert!(bench.denies("192.0.2.1"));
    assert_eq!(bench.turn(), said(&[READ]));
    assert!(bench.denies("198.51.100.1"));
}

#[test]
fn a_worker_that_starts_has_the_file_as_it_is() {
    let mut bench = Bench::new("192.0.2.0/24\n");
    bench.world.replace(FILE, "198.51.100.0/24\n".repeat(5_000));
    bench.world.advance(1_000);
    bench.feeder.start();
    assert!(bench.denies("198.51.100.1") && !bench.denies("192.0.2.1"));
}
