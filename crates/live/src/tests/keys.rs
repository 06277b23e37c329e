//! Key files that are read again: when, and what is said.

use super::world::{TestWorld, Ticking};
use crate::keys::{KeyFile, KeyFileFeeder, MOST};
use crate::{Feeder, Next, Slice, TURN, Turn, World};
use gatehouse_base::secret::Secret;
use std::cell::RefCell;
use std::rc::Rc;

const FILE: &str = "video.key";

/// A feeder, and the key in use.
struct Bench {
    world: Rc<TestWorld>,
    feeder: KeyFileFeeder,
    key: Rc<RefCell<String>>,
}

/// A key is any text without `!`; one with `?` is doubted.
fn take(key: &RefCell<String>, bytes: &Secret) -> Result<Option<Vec<String>>, String> {
    let text = String::from_utf8_lossy(bytes.as_bytes()).into_owned();
    if text.contains('!') || text.is_empty() {
        return Err("is no key".to_owned());
    }
    let doubts = text.contains('?').then(|| "is weak".to_owned());
    let old = key.replace(text.clone());
    Ok((old != text).then(|| doubts.into_iter().collect()))
}

impl Bench {
    fn new(every_ms: u64) -> Self {
        let world = Rc::new(TestWorld::default());
        world.replace(FILE, "one");
        world.advance(10_000);
        let key = Rc::new(RefCell::new("one".to_owned()));
        let of_feeder = Rc::clone(&key);
        let file = KeyFile {
            path: FILE.into(),
            shown: format!("key file \"{FILE}\""),
            every_ms,
            warned: false,
            take: Box::new(move |bytes, _| take(&of_feeder, bytes)),
        };
        let feeder = KeyFileFeeder::new(file, Rc::clone(&world) as Rc<dyn World>);
        Self { world, feeder, key }
    }

    /// A second passes, and the feeder has its turn: the key then, and what was said.
    fn turn(&mut self) -> (String, Vec<String>) {
        self.world.advance(1_000);
        let clock = Ticking::default();
        let next = self.feeder.poll(&Turn {
            slice: &Slice::new(&clock, TURN),
            now_ms: self.world.now_ms(),
            leader: None,
        });
        assert!(matches!(next, Next::In(ms) if ms <= 1_000), "{next:?}");
        (self.key.borrow().clone(), self.world.take_lines())
    }
}

fn said(key: &str, lines: &[&str]) -> (String, Vec<String>) {
    let lines = lines.iter().map(|text| {
        let (level, text) = text.split_once(' ').unwrap();
        format!("{level} key file \"{FILE}\" {text}")
    });
    (key.to_owned(), lines.collect())
}

const READ: &str = "[Notice] has been read again";

#[test]
fn a_key_file_is_followed() {
    let mut bench = Bench::new(1_000);
    // That of the configuration.
    assert_eq!(bench.turn(), said("one", &[]));
    bench.world.replace(FILE, "two");
    assert_eq!(bench.turn(), said("two", &[READ]));
    assert_eq!(bench.turn(), said("two", &[]));
    bench.world.overwrite(FILE, "six");
    assert_eq!(bench.turn(), said("six", &[READ]));
    bench.world.overwrite(FILE, "six?");
    assert_eq!(bench.turn(), said("six?", &[READ, "[Warn] is weak"]));
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_said_once() {
    let mut bench = Bench::new(1_000);
    let refused = "[Error] is no key, the old keys stay in use";
    bench.world.replace(FILE, "bad!");
    assert_eq!(bench.turn(), said("one", &[refused]));
    assert_eq!(bench.turn(), said("one", &[]));
    bench.world.overwrite(FILE, "worse!");
    assert_eq!(bench.turn(), said("one", &[refused]), "another content");
    bench.world.remove(FILE);
    let gone = "[Error] cannot be read (NotFound), the old keys stay in use";
    assert_eq!(bench.turn(), said("one", &[gone]));
    assert_eq!(bench.turn(), said("one", &[]));
    let good = "[Notice] is good again: its keys are those in use";
    bench.world.replace(FILE, "one");
    assert_eq!(bench.turn(), said("one", &[good]));
    bench.world.replace(FILE, vec![b'x'; MOST as usize + 1]);
    let long = "[Error] is longer than 256 KiB, the old keys stay in use";
    assert_eq!(bench.turn(), said("one", &[long]));
    bench.world.replace(FILE, "two");
    assert_eq!(bench.turn(), said("two", &[READ]));
}

#[test]
fn a_file_that_is_just_being_written_is_looked_at_again() {
    let mut bench = Bench::new(500);
    bench.turn();
    bench.world.advance(1_000);
    // Truncated now, and written a moment later.
    bench.world.overwrite(FILE, "");
    let clock = Ticking::default();
    bench.feeder.poll(&Turn {
        slice: &Slice::new(&clock, TURN),
        now_ms: bench.world.now_ms(),
        leader: None,
    });
    assert_eq!(bench.world.take_lines(), [""; 0]);
    bench.world.overwrite(FILE, "two");
    assert_eq!(bench.turn(), said("two", &[READ]));
}
