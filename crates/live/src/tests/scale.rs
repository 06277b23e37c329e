//! A million routes: how long the longest step is and how much memory the feeding worker needs. In full in a release
//! build (`cargo test --release -p gatehouse-live scale -- --nocapture` prints figures); a hundredth of it otherwise.

use super::cost::{Cost, PART};
use super::site::{FILE, Site, Worker};
use crate::{Feeder, Next};
use std::fmt::Write;

const HOSTS: usize = 1_000_000 / PART;
const PEERS: usize = 200_000 / PART;
/// Enough for routes by name, which take more room than addresses.
const KIB: usize = 256 * 1024 / PART;

/// Two backends each out of [`PEERS`], an id, a variable.
fn file(value: u32) -> String {
    file_of(value, |n| {
        format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255)
    })
}

fn file_of(value: u32, backend: impl Fn(usize) -> String) -> String {
    let mut text = String::from("{");
    for n in 0..HOSTS {
        let comma = if n > 0 { ",\n" } else { "" };
        let [a, b] = [n % PEERS, (n / 3 + 7) % PEERS].map(&backend);
        let _ = write!(
            text,
            r#"{comma}"customer-{n:07}.application.example.com": {{"id": "application-{:04}", "backends": ["http://{a}:8080", "http://{b}:8080"], "vars": {{"v": "{value}"}}}}"#,
            n % 10_000
        );
    }
    text.push('}');
    text
}

fn work(what: &str, worker: &mut Worker) {
    let mut cost = Cost::start();
    worker.lead();
    while cost.step(|| worker.step()) == Next::Soon {}
    cost.report(what);
}

#[test]
fn no_step_takes_long_and_memory_comes_back() {
    let mut site = Site::new(KIB);
    site.world.replace(FILE, "{}");
    let mut worker = site.start(true).unwrap();
    let follow = |worker: &mut Worker, what: &str, text: String| {
        site.world.replace(FILE, text);
        site.world.advance(1_000);
        work(what, worker);
        site.world.take_lines()
    };
    let lines = follow(&mut worker, "all routes are new", file(1));
    assert!(
        lines[0].contains(&format!("{HOSTS} routes, {HOSTS} changed")),
        "{lines:?}"
    );
    let lines = follow(&mut worker, "the file was touched", file(1));
    assert!(lines.is_empty(), "{lines:?}");
    let one = file(1).replacen(r#""v": "1""#, r#""v": "2""#, 1);
    let lines = follow(&mut worker, "one route is another", one);
    assert!(lines[0].contains("1 changed"), "{lines:?}");
    let mut broken = file(3);
    broken.pop();
    let lines = follow(&mut worker, "all are others, the end is missing", broken);
    assert!(lines[0].contains("unexpected end of file"), "{lines:?}");
    let dead = file_of(3, |n| format!("dead-{n}.invalid"));
    let lines = follow(&mut worker, "no backend has an address", dead);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let lines = follow(&mut worker, "all have one again", file(1));
    assert_eq!(lines.len(), 1, "{lines:?}");

    site.world.replace(FILE, file(4));
    site.world.advance(1_000);
    let mut cost = Cost::start();
    worker.lead();
    let last = format!("customer-{:07}.application.example.com", HOSTS - 1);
    while worker.value(&last).as_deref() == Some("1") {
        assert_eq!(cost.step(|| worker.step()), Next::Soon);
    }
    cost.step(|| worker.feeder.abandon());
    while cost.step(|| worker.step()) == Next::Soon {}
    cost.report("the lease is lost when all are to be applied");

    let many = |n| format!("0.0.0.0 advertisement-{n}.example.com\n");
    for what in ["a long /etc/hosts", "another long /etc/hosts"] {
        let hosts: String = (0..500_000 / PART).map(many).collect();
        site.world.replace("/etc/hosts", hosts);
        let lines = follow(&mut worker, what, "{}".into());
        assert!(lines.len() < 3, "{lines:?}");
        site.world.advance(1_000);
    }

    follow(&mut worker, "some are there again", file(5));
    let lines = follow(&mut worker, "all routes are gone", "{}".into());
    assert!(lines[0].contains("0 routes"), "{lines:?}");
}
