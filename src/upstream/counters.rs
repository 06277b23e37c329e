//! What is counted and known of tables: requests by what their lookup found, routes, memory, feeders.

use super::conf::Main;
use super::durations;
use super::memo::{Found, last};
use super::table::UpstreamTable;
use crate::metric::{Metric, Register};
use gatehouse_base::metrics::{About, CODES, Kind, Samples, code, code_word};
use gatehouse_live::table::Pulse;
use gatehouse_nginx::http::phase::Handler;
use gatehouse_nginx::{Counters, Outcome, Phase, Request};
use gatehouse_table::table::{LookupKind, Table};
use std::sync::atomic::AtomicU64;

/// What a lookup can come to, as `$upstream_lookup_result` has it.
const RESULTS: [&str; 4] = [
    LookupKind::Exact.as_str(),
    LookupKind::Wildcard.as_str(),
    LookupKind::Default.as_str(),
    "miss",
];
const MISS: usize = 3;

pub(super) const METRICS: &[Metric] = &[
    Metric {
        about: About {
            name: "gatehouse_requests_total",
            kind: Kind::Counter,
            unit: "requests",
            labels: &["table", "result", "code"],
            text: "Requests that looked up a table, by $upstream_lookup_result and the status that was sent.",
        },
        register: |main, counters| register(&mut main.upstream, counters),
        write: |main, part, samples| {
            each(main, part, samples, |table, samples| {
                write_requests(table.name(), table.requests, samples);
            })
        },
    },
    Metric {
        about: durations::ABOUT,
        register: |main, counters| {
            for table in main.upstream.looked_up() {
                table.durations = counters(table.name(), durations::COUNTERS);
            }
        },
        write: |main, part, samples| {
            each(main, part, samples, |table, samples| {
                durations::write(table.name(), table.durations, samples);
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_table_backends",
            kind: Kind::Gauge,
            unit: "backends",
            labels: &["table"],
            text: "Different backends of the table's routes.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            each_zone(main, part, samples, |name, table, samples| {
                samples.put(&[name], table.stats().peers);
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_table_routes",
            kind: Kind::Gauge,
            unit: "routes",
            labels: &["table"],
            text: "Routes in the table.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            each_zone(main, part, samples, |name, table, samples| {
                samples.put(&[name], table.stats().routes);
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_table_changes_total",
            kind: Kind::Counter,
            unit: "changes",
            labels: &["table"],
            text: "Changes of routes since the table's zone was made; a bulk counts as one.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            each_zone(main, part, samples, |name, table, samples| {
                samples.put(&[name], table.generation());
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_names",
            kind: Kind::Gauge,
            unit: "names",
            labels: &["table", "state"],
            text: "Host names of backends: those that are found, and those that are not (lost), which have their last addresses or none.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            each_zone(main, part, samples, |name, table, samples| {
                let stats = table.stats();
                let found = stats.names.saturating_sub(stats.unresolved);
                samples.put(&[name, "found"], found);
                samples.put(&[name, "lost"], stats.unresolved);
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_zone_bytes",
            kind: Kind::Gauge,
            unit: "bytes",
            labels: &["table", "kind"],
            text: "Memory of the table's zone: routes, what waits to be free again (retired), free pages, and all else (other).",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| each_zone(main, part, samples, write_memory),
    },
    Metric {
        about: About {
            name: "gatehouse_feeder_up",
            kind: Kind::Gauge,
            unit: "1 or 0",
            labels: &["table", "feeder"],
            text: "Whether what feeds the table (file, redis) could be used when it was looked at last.",
        },
        register: |main, counters| {
            for table in &main.upstream.tables {
                table.take_pulse(counters);
            }
        },
        write: |main, part, samples| {
            each_feeder(main, part, samples, |labels, pulse, samples| {
                samples.put(labels, pulse.is_up().into());
            })
        },
    },
    Metric {
        about: About {
            name: "gatehouse_feeder_last_success_timestamp_seconds",
            kind: Kind::Gauge,
            unit: "seconds since 1970",
            labels: &["table", "feeder"],
            text: "When what feeds the table could be used the last time; 0 for never.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            each_feeder(main, part, samples, |labels, pulse, samples| {
                samples.put(labels, pulse.last_success());
            })
        },
    },
];

/// Writes samples of the table of that number; false: there is none.
fn each(
    main: &crate::Main,
    number: usize,
    samples: &mut Samples<'_>,
    write: impl FnOnce(&UpstreamTable, &mut Samples<'_>),
) -> bool {
    let table = main.upstream.tables.get(number);
    if let Some(table) = table {
        write(table, samples);
    }
    table.is_some()
}

/// The same with its name and what is in its zone, if that is there.
fn each_zone(
    main: &crate::Main,
    number: usize,
    samples: &mut Samples<'_>,
    write: impl FnOnce(&str, &Table<'_, AtomicU64>, &mut Samples<'_>),
) -> bool {
    each(main, number, samples, |table, samples| {
        if let Some(routes) = table.routes() {
            write(table.name(), &routes, samples);
        }
    })
}

/// The same with its labels and how what feeds it does, if something does.
fn each_feeder(
    main: &crate::Main,
    number: usize,
    samples: &mut Samples<'_>,
    write: impl FnOnce(&[&str], &Pulse, &mut Samples<'_>),
) -> bool {
    each(main, number, samples, |table, samples| {
        if let Some((feeder, pulse)) = table.pulse() {
            write(&[table.name(), feeder], pulse, samples);
        }
    })
}

/// All lookups of a table count in one set.
fn register(main: &mut Main, counters: &mut Register<'_>) {
    let length = RESULTS.len().saturating_mul(CODES);
    for table in main.looked_up() {
        table.requests = counters(table.name(), length);
    }
}

/// Those that there were.
fn write_requests(table: &str, requests: Counters, samples: &mut Samples<'_>) {
    for (result, word) in RESULTS.iter().enumerate() {
        for code in 0..CODES {
            let count = requests.get(number(result, code));
            if let Some(count) = count.filter(|count| *count > 0) {
                samples.put(&[table, word, code_word(code)], count);
            }
        }
    }
}

/// The number of a result's counter for a code.
fn number(result: usize, code: usize) -> usize {
    result.saturating_mul(CODES).saturating_add(code)
}

fn write_memory(name: &str, table: &Table<'_, AtomicU64>, samples: &mut Samples<'_>) {
    let stats = table.stats();
    let parts = [
        ("routes", stats.record_words),
        ("retired", stats.retired_words),
        ("free", stats.free_words()),
    ];
    let mut other = stats.words;
    for (kind, words) in parts {
        other = other.saturating_sub(words);
        samples.put(&[name, kind], words.saturating_mul(WORD));
    }
    samples.put(&[name, "other"], other.saturating_mul(WORD));
}

/// Bytes of a word.
const WORD: u64 = size_of::<u64>() as u64;

/// Counts a main request by the lookup that it made last, when it is logged: once, whatever its way was.
pub(super) struct Counting;

impl Handler for Counting {
    const PHASE: Phase = Phase::Log;
    const NAME: &'static str = "counting a request";

    fn run(r: Request<'_>) -> Outcome<'_> {
        let last = if r.is_main() { last(r) } else { None };
        if let Some(last) = last {
            count(r, last.table, &last.found);
        }
        Outcome::Declined
    }
}

fn count(r: Request<'_>, table: &UpstreamTable, found: &Found<'_>) {
    let result = found.route.map_or(MISS, |(kind, _)| kind as usize);
    table.requests.count(number(result, code(r.status())));
    durations::count(r, table.durations);
}

/// Whether each table has what it is fed with; the error names one that has not.
pub(super) fn ready(main: &crate::Main) -> Result<(), String> {
    let mut tables = main.upstream.tables.iter();
    match tables.find(|table| !table.is_filled()) {
        None => Ok(()),
        Some(table) => Err(format!(
            "upstream_table \"{}\" has not been filled yet",
            table.name()
        )),
    }
}
