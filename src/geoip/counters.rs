//! What is counted of countries, the verdicts of the access phase, and what is known of the databases.

use crate::Gatehouse;
use crate::metric::{Count, Metric};
use gatehouse_base::metrics::{About, Kind};
use gatehouse_nginx::Request;
use std::cell::Cell;

/// A verdict in a word.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Allowed,
    Denied,
    None,
}

impl Word {
    const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::None];

    /// As `$geoip_verdict` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::None => "none",
        }
    }
}

pub(super) const METRICS: &[Metric] = &[
    Metric {
        about: About {
            name: "gatehouse_geoip_checks_total",
            kind: Kind::Counter,
            unit: "checks",
            labels: &["verdict"],
            text: "Verdicts of country rules, by $geoip_verdict.",
        },
        register: |main, counters| {
            if main.geoip.in_use() {
                main.geoip.checks = counters("", Word::ALL.len());
            }
        },
        write: |main, part, samples| {
            let is_there = part == 0 && main.geoip.in_use();
            for verdict in Word::ALL.iter().filter(|_| is_there) {
                if let Some(count) = main.geoip.checks.get(*verdict as usize) {
                    samples.put(&[verdict.as_str()], count);
                }
            }
            is_there
        },
    },
    Metric {
        about: About {
            name: "gatehouse_geoip_database_build_timestamp_seconds",
            kind: Kind::Gauge,
            unit: "seconds since 1970",
            labels: &["db"],
            text: "When the database in use was built.",
        },
        register: Metric::LOOKED_UP,
        write: |main, part, samples| {
            let Some(db) = main.geoip.databases.get(part) else {
                return false;
            };
            if let Some(epoch) = db.build_epoch() {
                samples.put(&[db.name()], epoch);
            }
            true
        },
    },
];

/// The count of a verdict; `counted` is what the request has counted.
#[inline]
pub(super) fn count<'r>(r: Request<'r>, counted: &'r Cell<u16>, verdict: Word) -> Count<'r> {
    Count {
        counted,
        counters: r.main_conf::<Gatehouse>().geoip.checks,
        number: verdict as usize,
    }
}
