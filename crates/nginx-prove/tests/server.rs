//! A server that Rust drives: it reloads and loses workers, and its clients hardly notice.

#![allow(
    clippy::unwrap_used,
    reason = "this whole file is a test, its helpers too"
)]

use std::path::{Path, PathBuf};

use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::server::Server;

/// An nginx to test with; without one these tests say so and prove nothing.
fn env(root: &Path) -> Option<Env> {
    let named = std::env::var_os("TEST_NGINX_BINARY").map(PathBuf::from);
    let nginx = named.unwrap_or_else(|| "/usr/sbin/nginx".into());
    if nginx.is_file() {
        return Some(Env::new(&nginx, root, root).unwrap());
    }
    eprintln!("SKIP: no nginx here");
    None
}

fn conf(word: &str) -> String {
    format!(
        "http {{ server {{ listen 127.0.0.1:$TEST_NGINX_SERVER_PORT; location / {{ return 200 {word}; }} }} }}"
    )
}

#[test]
fn a_reload_loses_no_request() {
    let root = tempfile::tempdir().unwrap();
    let Some(env) = env(root.path()) else { return };
    let server = Server::start(&env, &conf("zero")).unwrap();
    let load = Load::start(server.port(0), "/", "", 2, 200);
    load.wait_good(20).unwrap();
    server.write_conf(&conf("one")).unwrap();
    server.reload().unwrap();
    assert_eq!(server.get("/", "").unwrap().text(), "one");
    assert_eq!(load.stop().bad, 0);
    server.write_conf("http { nonsense; }").unwrap();
    let refused = server.reload().unwrap_err();
    assert!(
        refused.contains("unknown directive \"nonsense\""),
        "{refused}"
    );
    let log = server.stop().unwrap_err();
    assert!(log.contains("[emerg]"), "{log}");
}

#[test]
fn a_killed_worker_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let Some(env) = env(root.path()) else { return };
    let mut server = Server::start(&env, &conf("zero")).unwrap();
    let master = server.master_pid();
    server.kill_worker().unwrap();
    assert_eq!(server.get("/", "").unwrap().text(), "zero");
    assert_eq!(server.master_pid(), master);
    server.stop().unwrap();
}
