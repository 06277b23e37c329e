//! Which live scenarios may notice a fault that no block notices.

/// The scenarios that are worth their time: what no block can see.
pub(crate) const LIVE: &[&str] = &[
    "satisfy",
    "token_paths",
    "examples",
    "metrics_workers",
    "metrics_alone",
    "metrics_many",
    "metrics_file",
    "metrics_store",
    "metrics_backends",
    "metrics_leaving",
    "names_change",
    "names_kept",
    "names_lost",
    "names_unknown",
    "names_services",
    "names_api",
    "upgrade",
    "balance_killed",
    "balance_old_killed",
    "balance_resized",
    "balance_max_conns",
    "balance_sticky",
    "balance_latency",
    "drain_timeout",
    "drain_timeout_busy",
    "drain_timeout_of_nobody",
    "drain_timeout_routes",
    "drain_timeout_taken_back",
    "kept",
    "checks",
    "checks_kinds",
    "refusals_logged_once",
    "tenants_keys_change",
    "tenants_one_version",
    "geoip_logged_once",
    "geoip_grows",
    "geoip_root_only",
    "geoip_reload",
    "geoip_replace",
    "geoip_max_age",
    "geoip_kept_once",
    "upstream_follow",
    "upstream_broken",
    "upstream_misses",
    "upstream_full",
    "upstream_resized",
    "upstream_shrunk",
    "upstream_several_files",
    "upstream_dead_names",
    "upstream_websocket",
    "upstream_feeder_killed",
    "upstream_worker_killed",
    "upstream_exiting",
    "upstream_none_kept",
    "upstream_half_written",
    "upstream_overwritten",
    "upstream_state",
    "upstream_state_api",
    "upstream_state_damaged",
    "upstream_state_single",
    "upstream_state_root_only",
    "hipache_backends",
    "hipache_matching",
    "hipache_odd_requests",
    "redis_follow",
    "redis_flushed",
    "redis_login",
    "redis_tls",
    "redis_state",
    "redis_wrong_input",
    "redis_killed",
    "redis_worker_killed",
    "redis_several",
    "redis_api",
    "redis_api_refusals",
    "redis_api_late",
    "redis_api_races",
    "redis_register_shared",
    "redis_register_held",
    "redis_register_races",
    "redis_register_orphaned",
    "api_races",
    "api_owned",
    "api_bulk",
    "api_meanwhile",
    "api_openapi",
    "api_one_makes",
    "register_come_and_go",
    "register_many",
    "register_reloads",
    "register_held",
    "reload_changes",
    "reload_refused",
    "reload_rolled_back",
    "reload_single_process",
    "reload_single_request",
    "reload_replaced_file",
    "signals",
];

/// The same for those that want the hooks build.
pub(crate) const LIVE_HOOKS: &[&str] = &[
    "event_tasks",
    "event_connections",
    "event_parts",
    "event_tls",
    "event_resolver",
    "event_resolv_conf",
    "event_slow_client",
    "event_reload",
    "event_client_gone",
    "event_processes",
    "drain_timeout_twice",
    "event_given_up",
    "event_no_resolver",
    "event_late_reader",
    "feeder_panics",
    "panic",
    "metrics_full",
    "geoip_stopped",
    "upstream_stopped",
];

/// About connections that have switched protocols.
const WEBSOCKETS: &[&str] = &["drain_", "upstream_websocket"];

/// Parts of a source file's path, and how the names of the scenarios begin that are about it. The first row that fits counts.
const SUBJECTS: &[(&str, &[&str])] = &[
    ("ffi/library", &["upgrade", "reload_replaced_file"]),
    ("ffi/process", &["signals", "reload_", "event_processes"]),
    ("src/lib.rs", &["upstream_state", "upgrade"]),
    ("event/life", &["upstream_state", "upgrade", "reload_"]),
    ("http/upgraded", WEBSOCKETS),
    ("upstream/draining", WEBSOCKETS),
    ("upstream/kept", &["kept", "upstream_none_kept"]),
    ("upstream/address", &["kept", "upstream_websocket"]),
    ("upstream/request", &["balance_", "checks", "upstream_"]),
    ("redis/regist", &["redis_register"]),
    ("redis/", &["redis_", "hipache_"]),
    (
        "upstream/store",
        &[
            "redis_api",
            "redis_register",
            "redis_tls",
            "redis_login",
            "redis_several",
        ],
    ),
    ("upstream/api/stored", &["redis_api"]),
    ("upstream/api/names", &["names_", "api_meanwhile"]),
    ("upstream/api/gate", &["api_", "redis_api"]),
    ("upstream/api", &["api_"]),
    ("upstream/register", &["register_", "redis_register"]),
    ("table/registering", &["register_", "redis_register"]),
    ("names", &["names_"]),
    ("state/", &["upstream_state", "redis_state"]),
    ("status/", &["metrics_"]),
    ("metric", &["metrics_"]),
    ("counters", &["metrics_"]),
    ("geoip/", &["geoip_", "examples", "satisfy", "refusals_"]),
    ("crates/geo/", &["geoip_"]),
    (
        "token",
        &[
            "satisfy",
            "token_paths",
            "refusals_",
            "tenants_",
            "examples",
        ],
    ),
    ("refusal/", &["satisfy", "refusals_", "token_paths"]),
    (
        "event/",
        &[
            "event_",
            "panic",
            "api_races",
            "redis_tls",
            "redis_several",
            "register_held",
            "names_change",
        ],
    ),
    (
        "upstream/mod",
        &["names_change", "upstream_", "examples", "balance_"],
    ),
    ("shm/", &["reload_", "upstream_", "geoip_", "metrics_"]),
    (
        "upstream",
        &[
            "upstream_",
            "examples",
            "reload_",
            "hipache_",
            "balance_",
            "kept",
            "drain_",
            "checks",
        ],
    ),
    ("table/", &["upstream_", "reload_", "api_"]),
];

/// What every request goes through.
const GENERAL: &[&str] = &[
    "satisfy",
    "token_paths",
    "examples",
    "reload_",
    "upstream_follow",
    "upstream_websocket",
    "upstream_worker_killed",
    "api_races",
    "metrics_workers",
    "event_",
    "panic",
];

/// Whether a scenario is about a source file; where no row of the table fits it, those that are about everything.
pub(crate) fn about(source: &str, scenario: &str) -> bool {
    SUBJECTS
        .iter()
        .find(|(part, _)| source.contains(part))
        .map_or(GENERAL, |(_, names)| names)
        .iter()
        .any(|name| scenario.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn scenarios_of_a_file() {
        assert!(about("crates/live/src/table/redis/wire.rs", "redis_tls"));
        assert!(!about("crates/live/src/table/redis/wire.rs", "geoip_grows"));
        assert!(about("src/module.rs", "examples"));
    }
}
