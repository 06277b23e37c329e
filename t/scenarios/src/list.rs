//! Every scenario: a function in a file of its own subject, and one row here.

use nginx_prove::scenario::Scenario;

use crate::{
    api, api_events, api_meanwhile, api_openapi, api_reloads, balance, balance_latency, chaos,
    chat, checks, checks_own, drained, drained_routes, elsewhere, event_connections, event_parts,
    event_processes, event_requests, event_resolver, event_tasks, examples, exiting, feeder_panics,
    fuzz, geoip, geoip_broken, geoip_lists, geoip_swaps, geoip_ways, hipache, hipache_backends,
    hipache_marks, hls, interop, interop_cat, interop_jwt, kept, metrics, metrics_backends, names,
    names_kept, pages, panic, prometheus, redis, redis_register, redis_scale, redis_ways,
    redis_write, refusals, register, reload, reload_everything, reload_single, reload_stock,
    retries, rollback, satisfy, sign_links, signals, status_page, tenants, token_fetch,
    token_fetch_endless, token_keys, token_limit, token_paths, token_websocket, token_wrong,
    unload, upgrade, upstream, upstream_feed, upstream_lease, upstream_scale, upstream_state,
    upstream_zone, worker_kill,
};

/// All of them: those that measure time or load the machine run alone, after the others.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("reload_two_hundred", reload::two_hundred).beside_others(),
    Scenario::new("satisfy", satisfy::run).beside_others(),
    Scenario::new("worker_kill", worker_kill::run).beside_others(),
    Scenario::new("hls", hls::run)
        .beside_others()
        .needs(hls::NEEDS),
    Scenario::new("token_limit", token_limit::run).beside_others(),
    Scenario::new("token_wrong", token_wrong::run).beside_others(),
    Scenario::new("websocket_expires", token_websocket::expires).beside_others(),
    Scenario::new("websocket_token_stays", token_websocket::stays).beside_others(),
    Scenario::new("websocket_token_reloaded", token_websocket::reloaded).beside_others(),
    Scenario::new("websocket_token_drained", token_websocket::drained).beside_others(),
    Scenario::new("interop_akamai", interop::akamai)
        .beside_others()
        .needs(&["file build/python/akamai"]),
    Scenario::new("interop_cloudfront", interop::cloudfront)
        .beside_others()
        .needs(&["file build/node/node_modules/@aws-sdk/cloudfront-signer"]),
    Scenario::new("interop_cat", interop_cat::run)
        .beside_others()
        .needs(&["file build/python/cwt"]),
    Scenario::new("interop_jwt", interop_jwt::run)
        .beside_others()
        .needs(&["file build/python/jwt"]),
    Scenario::new("sign_links_sh", sign_links::shell).beside_others(),
    Scenario::new("sign_links_python", sign_links::python).beside_others(),
    Scenario::new("sign_links_php", sign_links::php)
        .beside_others()
        .needs(&["file /usr/bin/php"]),
    Scenario::new("examples", examples::run)
        .beside_others()
        .needs(&["file /usr/bin/curl"]),
    Scenario::new("examples_redis", examples::redis)
        .beside_others()
        .needs(REDIS),
    Scenario::new("pages", pages::run)
        .beside_others()
        .needs(&["file /usr/bin/curl"]),
    Scenario::new("fuzz", fuzz::run),
    Scenario::new("reload_everything", reload_everything::run).beside_others(),
    Scenario::new("unload", unload::run).beside_others(),
    Scenario::new("reload_stock", reload_stock::run).beside_others(),
    Scenario::new("feeder_panics", feeder_panics::run).needs(&["hooks"]),
    Scenario::new("panic", panic::run).needs(&["hooks"]),
    Scenario::new("event_tasks", event_tasks::run).needs(&["hooks"]),
    Scenario::new("event_connections", event_connections::plain).needs(&["hooks"]),
    Scenario::new("event_parts", event_parts::run).needs(&["hooks"]),
    Scenario::new("event_tls", event_connections::tls).needs(&["hooks", "with http_ssl_module"]),
    Scenario::new("event_processes", event_processes::run).needs(&["hooks"]),
    Scenario::new("event_resolver", event_resolver::configured).needs(&["hooks"]),
    Scenario::new("event_no_resolver", event_resolver::none).needs(&["hooks"]),
    Scenario::new("event_given_up", event_resolver::given_up).needs(&["hooks"]),
    Scenario::new("event_resolv_conf", event_resolver::system).needs(&["hooks", "root"]),
    Scenario::new("event_slow_client", event_requests::slow_client).needs(&["hooks"]),
    Scenario::new("event_reload", event_requests::reload).needs(&["hooks"]),
    Scenario::new("event_http2", event_requests::http2).needs(&[
        "hooks",
        "file /usr/bin/curl",
        "with http_v2_module",
    ]),
    Scenario::new("event_client_gone", event_requests::client_gone).needs(&["hooks"]),
    Scenario::new("event_late_reader", event_requests::late_reader).needs(&["hooks"]),
    Scenario::new("checks", checks::http).beside_others(),
    Scenario::new("chat", chat::run).beside_others(),
    Scenario::new("checks_own", checks_own::run).beside_others(),
    Scenario::new("single_backend", elsewhere::single).beside_others(),
    Scenario::new("retried_once", elsewhere::retried).beside_others(),
    Scenario::new("retries", retries::retries).beside_others(),
    Scenario::new("old_workers_leave", elsewhere::old_workers).beside_others(),
    Scenario::new("checks_kinds", checks::kinds).beside_others(),
    Scenario::new("checks_tls", checks::tls)
        .beside_others()
        .needs(&["with http_ssl_module"]),
    Scenario::new("kept", kept::run)
        .beside_others()
        .needs(&["with http_ssl_module"]),
    Scenario::new("chaos", chaos::run)
        .beside_others()
        .needs(REDIS),
    Scenario::new("drain_timeout", drained::timeout).beside_others(),
    Scenario::new("drain_timeout_busy", drained::busy).beside_others(),
    Scenario::new("drain_timeout_of_nobody", drained::of_nobody).beside_others(),
    Scenario::new("drain_timeout_routes", drained_routes::run).beside_others(),
    Scenario::new("drain_timeout_taken_back", drained::taken_back).beside_others(),
    Scenario::new("drain_timeout_twice", drained::twice).needs(&["hooks"]),
    Scenario::new("websockets_stay", drained::stay).beside_others(),
    Scenario::new("checks_crowd", checks::crowd).beside_others(),
    Scenario::new("checks_together", checks::together).beside_others(),
    Scenario::new("checks_stopped", checks::stopped).beside_others(),
    Scenario::new("metrics_workers", metrics::workers).beside_others(),
    Scenario::new("metrics_alone", metrics::alone).beside_others(),
    Scenario::new("metrics_many", metrics::many).beside_others(),
    Scenario::new("metrics_full", metrics::full).needs(&["hooks"]),
    Scenario::new("metrics_file", metrics::file).beside_others(),
    Scenario::new("metrics_store", metrics::store)
        .beside_others()
        .needs(REDIS),
    Scenario::new("metrics_backends", metrics_backends::workers).beside_others(),
    Scenario::new("metrics_backends_many", metrics_backends::many).beside_others(),
    Scenario::new("metrics_backends_tables", metrics_backends::tables).beside_others(),
    Scenario::new("status_page", status_page::run).needs(status_page::NEEDS),
    Scenario::new("status_page_picture", status_page::picture).needs(status_page::NEEDS),
    Scenario::new("status_page_axe", status_page::axe).needs(status_page::AXE_NEEDS),
    Scenario::new("prometheus", prometheus::run)
        .beside_others()
        .needs(prometheus::NEEDS),
    Scenario::new("metrics_leaving", metrics::leaving).beside_others(),
    Scenario::new("token_fetch_first", token_fetch::first).beside_others(),
    Scenario::new("token_fetch_rotation", token_fetch::rotation).beside_others(),
    Scenario::new("token_fetch_outage", token_fetch::outage).beside_others(),
    Scenario::new("token_fetch_trouble", token_fetch::trouble).beside_others(),
    Scenario::new("token_fetch_down", token_fetch::down).beside_others(),
    Scenario::new("token_fetch_slow", token_fetch::slow).beside_others(),
    Scenario::new("token_fetch_long", token_fetch_endless::long).beside_others(),
    Scenario::new("token_fetch_dripping", token_fetch_endless::dripping).beside_others(),
    Scenario::new("token_fetch_kept", token_fetch::kept).beside_others(),
    Scenario::new("token_fetch_leaving", token_fetch::leaving).beside_others(),
    Scenario::new("token_keys_replace", token_keys::replace).beside_others(),
    Scenario::new("token_keys_root_only", token_keys::root_only)
        .beside_others()
        .needs(&["root"]),
    Scenario::new("geoip_replace", geoip::replace).beside_others(),
    Scenario::new("geoip_reload", geoip::reload).beside_others(),
    Scenario::new("geoip_two_reloads", geoip::two_reloads).beside_others(),
    Scenario::new("geoip_in_place", geoip_ways::in_place).beside_others(),
    Scenario::new("geoip_links", geoip_ways::links).beside_others(),
    Scenario::new("geoip_two_at_once", geoip_ways::two_at_once).beside_others(),
    Scenario::new("geoip_root_only", geoip::root_only)
        .beside_others()
        .needs(&["root"]),
    Scenario::new("geoip_swaps", geoip_swaps::run),
    Scenario::new("geoip_idle_slot", geoip_swaps::idle_slot),
    Scenario::new("geoip_broken", geoip_broken::run)
        .beside_others()
        .needs(&["file ../shared/geoip/broken"]),
    Scenario::new("geoip_lists_replace", geoip_lists::replace).beside_others(),
    Scenario::new("geoip_lists_root_only", geoip_lists::root_only)
        .beside_others()
        .needs(&["root"]),
    Scenario::new("geoip_grows", geoip::grows).beside_others(),
    Scenario::new("geoip_stopped", geoip::stopped)
        .beside_others()
        .needs(&["hooks"]),
    Scenario::new("geoip_kept_once", geoip::kept_once).beside_others(),
    Scenario::new("geoip_max_age", geoip::max_age).beside_others(),
    Scenario::new("geoip_logged_once", geoip::logged_once).beside_others(),
    Scenario::new(
        "geoip_rules_keep_their_fields",
        geoip::rules_keep_their_fields,
    )
    .beside_others(),
    Scenario::new("balance_killed", balance::killed).beside_others(),
    Scenario::new("balance_old_killed", balance::old_killed).beside_others(),
    Scenario::new("balance_resized", balance::resized).beside_others(),
    Scenario::new("balance_max_conns", balance::max_conns).beside_others(),
    Scenario::new("balance_sticky", balance::sticky).beside_others(),
    Scenario::new("balance_hash", balance::hash).beside_others(),
    Scenario::new("balance_hash_shares", balance::hash_shares),
    Scenario::new("balance_latency", balance_latency::run),
    Scenario::new("balance_shares", balance::shares),
    Scenario::new("upstream_follow", upstream::follow).beside_others(),
    Scenario::new("upstream_broken", upstream::broken).beside_others(),
    Scenario::new("upstream_feeder_killed", upstream::feeder_killed).beside_others(),
    Scenario::new("upstream_worker_killed", upstream::worker_killed).beside_others(),
    Scenario::new("upstream_exiting", exiting::run),
    Scenario::new("upstream_websocket", upstream::websocket).beside_others(),
    Scenario::new("upstream_many", upstream::many),
    Scenario::new("tenants_keys_change", tenants::keys_change),
    Scenario::new("tenants_one_version", tenants::one_version),
    Scenario::new("tenants_countries_change", tenants::countries_change).beside_others(),
    Scenario::new("refusals_logged_once", refusals::logged_once).beside_others(),
    Scenario::new("reload_under_load", reload::under_load),
    Scenario::new("reload_changes", reload::changes).beside_others(),
    Scenario::new("reload_refused", reload::refused).beside_others(),
    Scenario::new("reload_test_config", reload::test_config).beside_others(),
    Scenario::new("reload_single_process", reload::single_process).beside_others(),
    Scenario::new("reload_single_request", reload_single::run).beside_others(),
    Scenario::new("reload_replaced_file", upgrade::replaced).beside_others(),
    Scenario::new("signals", signals::run).beside_others(),
    Scenario::new("reload_rolled_back", rollback::run).beside_others(),
    Scenario::new("upgrade", upgrade::run)
        .beside_others()
        .needs(&["file /usr/bin/timeout"]),
    Scenario::new("upstream_full", upstream_zone::full).beside_others(),
    Scenario::new("upstream_misses", upstream::misses).beside_others(),
    Scenario::new("upstream_crash", upstream_feed::crash_keeps_routes).beside_others(),
    Scenario::new("upstream_snapshot_killed", upstream_feed::snapshot_killed).beside_others(),
    Scenario::new("upstream_half_written", upstream_feed::half_written).beside_others(),
    Scenario::new("upstream_none_kept", upstream_feed::none_kept).beside_others(),
    Scenario::new("upstream_half_written_new", upstream_feed::half_written_new).beside_others(),
    Scenario::new("upstream_dead_names", upstream_feed::dead_names).beside_others(),
    Scenario::new("upstream_shrunk", upstream_feed::shrunk).beside_others(),
    Scenario::new(
        "upstream_shrunk_by_another",
        upstream_feed::shrunk_by_another,
    )
    .beside_others(),
    Scenario::new("upstream_several_files", upstream_feed::several_files).beside_others(),
    Scenario::new("upstream_scale", upstream_scale::run),
    Scenario::new("upstream_emptied", upstream_feed::emptied).beside_others(),
    Scenario::new("upstream_root_only", upstream_feed::root_only)
        .beside_others()
        .needs(&["root"]),
    Scenario::new("upstream_overwritten", upstream_feed::overwritten).beside_others(),
    Scenario::new("upstream_lease_given_up", upstream_lease::exiting).beside_others(),
    Scenario::new("upstream_stopped", upstream_lease::stopped)
        .beside_others()
        .needs(&["hooks"]),
    Scenario::new("upstream_given_back", upstream_zone::given_back),
    Scenario::new("upstream_zone_reused", upstream_zone::zone_reused).beside_others(),
    Scenario::new("register_come_and_go", register::come_and_go),
    Scenario::new("register_held", register::held),
    Scenario::new("register_reloads", register::reloads),
    Scenario::new("register_many", register::many).beside_others(),
    Scenario::new("token_paths", token_paths::run).beside_others(),
    Scenario::new("names_change", names::change).beside_others(),
    Scenario::new("names_lost", names::lost).beside_others(),
    Scenario::new("names_unknown", names::unknown).beside_others(),
    Scenario::new("names_kept", names_kept::run).beside_others(),
    Scenario::new("names_api", names::api).beside_others(),
    Scenario::new("names_services", names::services).beside_others(),
    Scenario::new("names_leaders", names::leaders).beside_others(),
    Scenario::new("names_redis", names::redis)
        .beside_others()
        .needs(REDIS),
    Scenario::new("upstream_state", upstream_state::restart).beside_others(),
    Scenario::new("upstream_state_api", upstream_state::api).beside_others(),
    Scenario::new("upstream_state_damaged", upstream_state::damaged).beside_others(),
    Scenario::new("upstream_state_killed", upstream_state::killed).beside_others(),
    Scenario::new("upstream_state_upgrade", upstream_state::upgrade).beside_others(),
    Scenario::new("upstream_state_single", upstream_state::single_process).beside_others(),
    Scenario::new("upstream_state_two", upstream_state::two).beside_others(),
    Scenario::new("upstream_state_root_only", upstream_state::root_only)
        .needs(&["root"])
        .beside_others(),
    Scenario::new("upstream_resized", upstream_state::resized),
    Scenario::new("upstream_resize_refused", upstream_state::given_back).beside_others(),
    Scenario::new("hipache_matching", hipache::matching)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_odd_requests", hipache::odd_requests)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_backends", hipache::backends)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_failing", hipache_backends::failing)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_hanging", hipache_backends::hanging_one)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_bodies", hipache_backends::bodies)
        .beside_others()
        .needs(REDIS),
    Scenario::new("hipache_marks", hipache_marks::marks)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_wrong_input", hipache::wrong_input)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_follow", redis::follow)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_worker_killed", redis::worker_killed)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_killed", redis::killed)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_paused", redis::paused)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_blackholed", redis::blackholed)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_slow", redis::slow)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_wrong_password", redis::wrong_password)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_restarted_empty", redis::restarted_empty)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_flushed", redis::flushed)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_starts_first", redis::starts_first)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_state", redis::kept_in_state)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_changes_source", redis::changes_source)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_scale", redis_scale::run).needs(REDIS),
    Scenario::new("redis_login", redis_ways::login)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_tls", redis_ways::tls)
        .beside_others()
        .needs(&[
            "file /usr/bin/redis-server",
            "file /usr/bin/openssl",
            "with http_ssl_module",
        ]),
    Scenario::new("redis_sentinel_login", redis_ways::sentinel_login)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_several", redis_ways::several)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_dribbling", redis_ways::dribbling)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_failover", redis_ways::failover)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api", redis_write::api)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api_refusals", redis_write::refusals)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api_late", redis_write::late)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api_races", redis_write::races)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api_reloads", redis_write::reloads)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_api_failover", redis_write::failover)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_register_shared", redis_register::shared)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_register_orphaned", redis_register::orphaned)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_register_held", redis_register::held)
        .beside_others()
        .needs(REDIS),
    Scenario::new("redis_register_races", redis_register::races)
        .beside_others()
        .needs(REDIS),
    Scenario::new("api_races", api::races).beside_others(),
    Scenario::new("api_one_makes", api::one_makes).beside_others(),
    Scenario::new("api_owned", api::owned).beside_others(),
    Scenario::new("api_meanwhile", api_meanwhile::run).beside_others(),
    Scenario::new("api_reloads", api_reloads::run).beside_others(),
    Scenario::new("api_openapi", api_openapi::run).beside_others(),
    Scenario::new("api_events", api_events::all_sources).beside_others(),
    Scenario::new("api_events_resumed", api_events::resumed).beside_others(),
    Scenario::new("api_events_workers", api_events::workers_go),
    Scenario::new("api_events_bounds", api_events::bounds)
        .beside_others()
        .needs(&["file /usr/bin/curl"]),
    Scenario::new("api_events_redis", api_events::of_a_store)
        .beside_others()
        .needs(REDIS),
    Scenario::new("api_bulk", api::bulk),
    Scenario::new("api_bulk_at_once", api::bulk_at_once),
    Scenario::new("api_bulk_interrupted", api::bulk_interrupted),
];

/// A real server.
const REDIS: &[&str] = &["file /usr/bin/redis-server"];
