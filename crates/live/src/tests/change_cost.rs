//! What changes cost, in processor time. `docs/performance.md` has the figures and the command.

use super::cost::processor_time;
use super::site::{Site, Worker};
use crate::table::{Attempt, Attempts, Bulk, Condition, Progress, Wanted};
use gatehouse_table::route::{Match, PatchReader, parse_route};
use gatehouse_table::table::{Owner, Prepared};
use std::fmt::Write;
use std::time::Duration;

/// Bytes of a piece, as the API reads a body.
const PIECE: usize = 8 * 1024;

/// A document of these hosts, each with two of 200,000 backends.
fn document(hosts: std::ops::Range<u32>, port: u16) -> String {
    let mut text = String::from("{");
    for n in hosts.clone() {
        let comma = if n > hosts.start { ",\n" } else { "" };
        let at = |n: u32| {
            let [_, b, c, d] = (n % 200_000).to_be_bytes();
            format!("http://10.{b}.{c}.{d}:{port}")
        };
        let (first, second) = (at(n), at(n + 7));
        let _ = write!(
            text,
            r#"{comma}"h{n}.example.test":{{"backends":["{first}","{second}"]}}"#
        );
    }
    text.push('}');
    text
}

/// Does what the API does with a bulk `PATCH`; gives the time in all and that of the longest step.
fn patch(worker: &Worker, text: &str) -> (Duration, Duration) {
    let mut reader = PatchReader::new(Match::Host);
    let mut bulk = Bulk::new(Owner::Api, Match::Host, None);
    let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
    let mut timed = |work: &mut dyn FnMut()| {
        let begun = processor_time();
        work();
        let took = processor_time() - begun;
        total += took;
        longest = longest.max(took);
    };
    for piece in text.as_bytes().chunks(PIECE) {
        timed(&mut || {
            let mut entries = Vec::new();
            let mut take = |entry| {
                entries.push(entry);
                Ok(())
            };
            reader.feed(piece, &mut take).unwrap();
            for entry in entries {
                let stored = worker.table.current(&entry.key).unwrap();
                let version = stored.as_ref().map(|(_, version)| *version);
                let before = stored.map(|(taken, _)| taken.written());
                let route = entry
                    .patch
                    .apply(before.as_ref(), &entry.pointer)
                    .unwrap()
                    .unwrap();
                let resolved = route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {});
                let prepared = Prepared::new(&entry.key, Owner::Api, &resolved).unwrap();
                assert!(bulk.push(&entry.key, version, Some(&prepared)));
            }
        });
    }
    loop {
        let mut progress = Progress::More;
        timed(&mut || progress = bulk.attempt(&worker.table, 0));
        match progress {
            Progress::More => {}
            Progress::Made(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let mut keys = reader.into_keys();
    let mut more = true;
    while more {
        timed(&mut || more = keys.shrink() | bulk.shrink());
    }
    (total, longest)
}

/// One change after another, each of another host; gives the time of one.
fn single(worker: &Worker, routes: u32) -> Duration {
    const CHANGES: u32 = 20_000;
    let backends = [1, 2].map(|n| {
        let text =
            format!(r#"{{"backends": ["http://10.0.0.{n}:3000", "http://10.0.1.{n}:3000"]}}"#);
        parse_route(text.as_bytes()).unwrap()
    });
    let resolved = backends
        .each_ref()
        .map(|route| route.resolve(1, &mut |_| Ok(Vec::new()), &mut |_| {}));
    let keys: Vec<_> = (0..CHANGES)
        .map(|n| {
            let host = format!("h{}.example.test", n.wrapping_mul(2_654_435_761) % routes);
            gatehouse_table::route::Key::parse(host.as_bytes(), Match::Host).unwrap()
        })
        .collect();
    let begun = processor_time();
    for (n, key) in keys.iter().enumerate() {
        let wanted = Wanted {
            key,
            owner: Owner::Api,
            only_if: Condition::Present,
            route: resolved.get(n % 2),
        };
        let made = Attempts::default().attempt(&worker.table, 0, &wanted);
        assert!(matches!(made, Attempt::Over(Ok(_))), "{made:?}");
    }
    (processor_time() - begun) / CHANGES
}

#[test]
#[ignore = "figures: run it in a release build, with --nocapture"]
fn figures_of_changes() {
    let mut site = Site::new(256 * 1024);
    let worker = site.start(false).unwrap();
    let mut there = 0;
    for routes in [1_000, 10_000, 100_000, 1_000_000] {
        let text = document(there..routes, 3000);
        let (total, longest) = patch(&worker, &text);
        let rate = f64::from(routes - there) / total.as_secs_f64();
        println!("{routes} routes: bulk {rate:.0} a second (new), longest step {longest:?}");
        there = routes;
        let some = routes.min(100_000);
        let (total, longest) = patch(&worker, &document(0..some, 3001));
        let rate = f64::from(some) / total.as_secs_f64();
        println!("{routes} routes: bulk {rate:.0} a second (replaced), longest step {longest:?}");
        println!("{routes} routes: one change {:?}", single(&worker, routes));
    }
}
