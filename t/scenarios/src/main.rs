//! `scenarios`: nginx-prove with what this project's tests rely on, and its live scenarios.

#![forbid(unsafe_code)]
#![allow(clippy::arithmetic_side_effects)] // tests: an overflow is a panic

mod api;
mod api_events;
mod api_meanwhile;
mod api_openapi;
mod api_reloads;
mod balance;
mod balance_latency;
mod chaos;
mod chaos_model;
mod chat;
mod checks;
mod checks_own;
mod drained;
mod drained_routes;
mod elsewhere;
mod event_connections;
mod event_parts;
mod event_processes;
mod event_requests;
mod event_resolver;
mod event_tasks;
mod examples;
mod exiting;
mod exposition;
mod feeder_panics;
mod follower;
mod fuzz;
mod geoip;
mod geoip_broken;
mod geoip_lists;
mod geoip_swaps;
mod geoip_ways;
mod hipache;
mod hipache_backends;
mod hipache_marks;
mod hls;
mod interop;
mod interop_cat;
mod interop_jwt;
mod interop_tokens;
mod kept;
mod list;
mod metrics;
mod metrics_backends;
mod name_server;
mod names;
mod names_kept;
mod open_loop;
mod pages;
mod panic;
mod prometheus;
mod redis;
mod redis_register;
mod redis_scale;
mod redis_server;
mod redis_site;
mod redis_ways;
mod redis_write;
mod refusals;
mod register;
mod reload;
mod reload_everything;
mod reload_single;
mod reload_stock;
mod retries;
mod rollback;
mod satisfy;
mod sign_links;
mod signals;
mod status_page;
mod tenants;
mod token_fetch;
mod token_fetch_endless;
mod token_keys;
mod token_limit;
mod token_paths;
mod token_websocket;
mod token_wrong;
mod unload;
mod upgrade;
mod upgraded;
mod upstream;
mod upstream_feed;
mod upstream_lease;
mod upstream_scale;
mod upstream_site;
mod upstream_state;
mod upstream_zone;
mod worker_kill;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nginx_prove::cli::{self, Project};

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os(), &project(&repository())))
}

fn project(repository: &Path) -> Project {
    let name = |name: &str, path: PathBuf| (name.to_owned(), path.display().to_string());
    Project {
        scenarios: list::SCENARIOS,
        names: vec![
            name("DATA", repository.join("t/data")),
            name("REPO", repository.to_owned()),
        ],
        // What the guard writes when it has caught a panic.
        never: vec!["internal error".to_owned()],
        nginx: Some(repository.join("build/nginx-1.28.3/sbin/nginx")),
        base: Some(repository.to_owned()),
        ..Project::default()
    }
}

/// The nearest directory above the current one with `nginx-conf`, else where this program was built.
fn repository() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here
        .ancestors()
        .find(|dir| dir.join("nginx-conf").is_dir() && dir.join("t").is_dir())
        .map(Path::to_owned);
    found.unwrap_or_else(|| {
        let built = Path::new(env!("CARGO_MANIFEST_DIR"));
        built.ancestors().nth(2).unwrap_or(built).to_owned()
    })
}
