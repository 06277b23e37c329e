//! Scenarios that need more than a block: reloads and kills under load, files replaced while serving.
//!
//! Each is one function in a file of its own and one row here.

mod examples;
mod exiting;
mod fuzz;
mod geoip;
mod load;
mod panic;
mod readme;
mod refusals;
mod reload;
mod reload_stock;
mod rollback;
mod stats;
mod token_paths;
mod upgrade;
mod upstream;
mod upstream_feed;
mod worker_kill;

pub use load::{Load, Tally};
pub use stats::slope;

use crate::env::Env;

/// One scenario.
pub struct Scenario {
    /// Its name, for `--live NAME` and the report.
    pub name: &'static str,
    /// What it requires, as in a file's `# requires:` lines; skipped when not met.
    pub needs: &'static [&'static str],
    /// Runs it; the error says what was wrong.
    pub run: fn(&Env) -> Result<(), String>,
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "worker_kill",
        needs: &[],
        run: worker_kill::run,
    },
    Scenario {
        name: "examples",
        needs: &[],
        run: examples::run,
    },
    Scenario {
        name: "readme",
        needs: &["file /usr/bin/curl"],
        run: readme::run,
    },
    Scenario {
        name: "fuzz",
        needs: &[],
        run: fuzz::run,
    },
    Scenario {
        name: "reload_stock",
        needs: &[],
        run: reload_stock::run,
    },
    Scenario {
        name: "panic",
        needs: &["hooks"],
        run: panic::run,
    },
    Scenario {
        name: "geoip_replace",
        needs: &[],
        run: geoip::replace,
    },
    Scenario {
        name: "geoip_reload",
        needs: &[],
        run: geoip::reload,
    },
    Scenario {
        name: "geoip_two_reloads",
        needs: &[],
        run: geoip::two_reloads,
    },
    Scenario {
        name: "geoip_root_only",
        needs: &["root"],
        run: geoip::root_only,
    },
    Scenario {
        name: "geoip_grows",
        needs: &[],
        run: geoip::grows,
    },
    Scenario {
        name: "geoip_max_age",
        needs: &[],
        run: geoip::max_age,
    },
    Scenario {
        name: "geoip_logged_once",
        needs: &[],
        run: geoip::logged_once,
    },
    Scenario {
        name: "geoip_rules_keep_their_fields",
        needs: &[],
        run: geoip::rules_keep_their_fields,
    },
    Scenario {
        name: "upstream_follow",
        needs: &[],
        run: upstream::follow,
    },
    Scenario {
        name: "upstream_broken",
        needs: &[],
        run: upstream::broken,
    },
    Scenario {
        name: "upstream_feeder_killed",
        needs: &[],
        run: upstream::feeder_killed,
    },
    Scenario {
        name: "upstream_worker_killed",
        needs: &[],
        run: upstream::worker_killed,
    },
    Scenario {
        name: "upstream_exiting",
        needs: &[],
        run: exiting::run,
    },
    Scenario {
        name: "upstream_websocket",
        needs: &[],
        run: upstream::websocket,
    },
    Scenario {
        name: "upstream_many",
        needs: &[],
        run: upstream::many,
    },
    Scenario {
        name: "refusals_logged_once",
        needs: &[],
        run: refusals::logged_once,
    },
    Scenario {
        name: "reload_under_load",
        needs: &[],
        run: reload::under_load,
    },
    Scenario {
        name: "reload_changes",
        needs: &[],
        run: reload::changes,
    },
    Scenario {
        name: "reload_refused",
        needs: &[],
        run: reload::refused,
    },
    Scenario {
        name: "reload_test_config",
        needs: &[],
        run: reload::test_config,
    },
    Scenario {
        name: "reload_single_process",
        needs: &[],
        run: reload::single_process,
    },
    Scenario {
        name: "reload_rolled_back",
        needs: &[],
        run: rollback::run,
    },
    Scenario {
        name: "upgrade",
        needs: &["file /usr/bin/timeout"],
        run: upgrade::run,
    },
    Scenario {
        name: "reload_two_hundred",
        needs: &[],
        run: reload::two_hundred,
    },
    Scenario {
        name: "upstream_full",
        needs: &[],
        run: upstream_feed::full,
    },
    Scenario {
        name: "upstream_misses",
        needs: &[],
        run: upstream::misses,
    },
    Scenario {
        name: "upstream_crash",
        needs: &[],
        run: upstream_feed::crash_keeps_routes,
    },
    Scenario {
        name: "upstream_snapshot_killed",
        needs: &[],
        run: upstream_feed::snapshot_killed,
    },
    Scenario {
        name: "upstream_half_written",
        needs: &[],
        run: upstream_feed::half_written,
    },
    Scenario {
        name: "upstream_none_kept",
        needs: &[],
        run: upstream_feed::none_kept,
    },
    Scenario {
        name: "upstream_half_written_new",
        needs: &[],
        run: upstream_feed::half_written_new,
    },
    Scenario {
        name: "upstream_dead_names",
        needs: &[],
        run: upstream_feed::dead_names,
    },
    Scenario {
        name: "upstream_emptied",
        needs: &[],
        run: upstream_feed::emptied,
    },
    Scenario {
        name: "upstream_root_only",
        needs: &["root"],
        run: upstream_feed::root_only,
    },
    Scenario {
        name: "upstream_overwritten",
        needs: &[],
        run: upstream_feed::overwritten,
    },
    Scenario {
        name: "upstream_lease_given_up",
        needs: &[],
        run: upstream_feed::exiting,
    },
    Scenario {
        name: "upstream_stopped",
        needs: &["hooks"],
        run: upstream_feed::stopped,
    },
    Scenario {
        name: "upstream_given_back",
        needs: &[],
        run: upstream_feed::given_back,
    },
    Scenario {
        name: "upstream_zone_reused",
        needs: &[],
        run: upstream_feed::zone_reused,
    },
    Scenario {
        name: "token_paths",
        needs: &[],
        run: token_paths::run,
    },
];
