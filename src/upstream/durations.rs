//! How long requests take.

use gatehouse_base::metrics::{About, Kind, Samples};
use gatehouse_nginx::{Counters, Request};

/// What requests are told apart by: they took at most so long, in seconds and in milliseconds.
const BOUNDS: [(&str, u64); 13] = [
    ("0.005", 5),
    ("0.01", 10),
    ("0.025", 25),
    ("0.05", 50),
    ("0.1", 100),
    ("0.25", 250),
    ("0.5", 500),
    ("1", 1_000),
    ("2.5", 2_500),
    ("5", 5_000),
    ("10", 10_000),
    ("30", 30_000),
    ("60", 60_000),
];
/// The counters of a table: one for each bound, one for what takes longer, and the sum in milliseconds.
const LONGER: usize = BOUNDS.len();
const SUM: usize = LONGER + 1;
pub(super) const COUNTERS: usize = SUM + 1;

pub(super) const ABOUT: About = About {
    name: "gatehouse_request_duration_seconds",
    kind: Kind::Histogram,
    unit: "seconds",
    labels: &["table"],
    text: "How long the requests took that looked up a table, from their first byte to the last of their answer ($request_time); WebSockets and other upgraded connections (101) are left out.",
};

/// Writes those of a table.
pub(super) fn write(table: &str, durations: Counters, samples: &mut Samples<'_>) {
    let counter = |number| durations.get(number);
    let (Some(longer), Some(sum)) = (counter(LONGER), counter(SUM)) else {
        return;
    };
    let bounds = BOUNDS.iter().enumerate();
    let buckets = bounds.map(|(number, (bound, _))| (*bound, counter(number).unwrap_or(0)));
    let buckets: Vec<_> = buckets.collect();
    samples.put_histogram(&[table], &buckets, longer, sum);
}

/// Counts a request that ends now.
#[inline]
pub(super) fn count(r: Request<'_>, durations: Counters) {
    const SWITCHING_PROTOCOLS: u16 = 101;
    if r.status() != SWITCHING_PROTOCOLS {
        let ms = r.age_ms();
        let bound = BOUNDS.iter().position(|(_, most)| ms <= *most);
        durations.count(bound.unwrap_or(LONGER));
        durations.add(SUM, ms);
    }
}
