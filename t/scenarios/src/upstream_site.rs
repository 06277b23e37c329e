//! What the scenarios of the upstream table share: its configuration, its route file, and what is asked of it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// `$host` is looked up; `/v` shows a route's variable without any backend.
const HTTP: &str = "
    upstream_table apps { zone 16m; file apps.json; passive fails=0; }
    upstream backend { upstream_lookup apps $host; keepalive 8; }
    upstream_variable $v apps $host v default=none;
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;
        location / { proxy_pass http://backend; }
        location = /v { return 200 $v; }
    }
";

/// A change must show within the file's `reload=1s`; the rest is for a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(3);
/// The lease of a killed feeder lasts three seconds, then its file is looked at.
pub(super) const TAKEN_OVER: Duration = Duration::from_secs(8);

pub(super) fn conf(main: &str) -> String {
    format!("{main}\nhttp {{{HTTP}}}")
}

/// One route of `a.test` to this port, with a variable.
pub(super) fn routes(port: u16, v: &str) -> Vec<u8> {
    format!(
        r#"{{"version": 1, "routes": {{"a.test": {{"backends": ["http://127.0.0.1:{port}"], "vars": {{"v": "{v}"}}}}}}}}"#
    )
    .into_bytes()
}

pub(super) fn start(env: &Env, main: &str, file: &[u8]) -> Result<Server, String> {
    Setup::new(env)?
        .file("conf/apps.json", file)?
        .start(&conf(main))
}

/// Waits until `/v` shows this value for a host.
pub(super) fn wait_value(
    server: &Server,
    host: &str,
    value: &str,
    deadline: Duration,
) -> Result<(), String> {
    let shows = || {
        let answer = server.get("/v", &format!("Host: {host}"));
        answer.is_ok_and(|r| r.text() == value).then_some(())
    };
    poll::until(deadline, shows)
        .ok_or_else(|| format!("{host} did not become `{value}` within {deadline:?}"))
}

/// Routes of `h0.test`, `h1.test`, …, each with two backends on this port.
pub(super) fn many_routes(count: usize, port: u16, round: u32) -> Vec<u8> {
    let mut text = String::from("{");
    for number in 0..count {
        let comma = if number > 0 { ",\n" } else { "" };
        let _ = write!(
            text,
            r#"{comma}"h{number}.test": {{"backends": ["http://127.0.0.1:{port}", "http://127.0.0.2:{port}"], "vars": {{"v": "{round}"}}}}"#
        );
    }
    text.push('}');
    text.into_bytes()
}

/// What `/v` shows for a host.
pub(super) fn value(server: &Server, host: &str) -> Result<String, String> {
    Ok(server.get("/v", &format!("Host: {host}"))?.text())
}

/// `/v` must show this value for a host.
pub(super) fn expect_value(
    server: &Server,
    host: &str,
    wanted: &str,
    when: &str,
) -> Result<(), String> {
    match value(server, host)? {
        came if came == wanted => Ok(()),
        came => Err(format!("{when}: {host} is `{came}`, not `{wanted}`")),
    }
}

/// The route file.
pub(super) fn route_file(server: &Server) -> PathBuf {
    server.root().join("conf/apps.json")
}

/// How many lines of the error log contain this.
pub(super) fn lines(server: &Server, text: &str) -> usize {
    server
        .log()
        .lines()
        .filter(|line| line.contains(text))
        .count()
}

/// Waits until so many lines of the error log contain this.
pub(super) fn wait_lines(server: &Server, text: &str, count: usize) -> Result<(), String> {
    let said = || (lines(server, text) >= count).then_some(());
    poll::until(SOON, said).ok_or_else(|| format!("the log has not {count} lines with `{text}`"))
}

/// Removes the route file.
pub(super) fn remove_file(server: &Server) -> Result<(), String> {
    fs::remove_file(route_file(server)).map_err(|e| e.to_string())
}

/// The process that wrote a line of the error log: `… [notice] 123#123: …`.
pub(super) fn writer_of(line: &str) -> Option<u32> {
    let rest = line.split("] ").nth(1)?;
    rest.split('#').next()?.parse().ok()
}
