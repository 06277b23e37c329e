//! Panics of the module: the same master, the same worker, other connections go on; a reload whose
//! configuration panics is refused and the old configuration serves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::http;
use nginx_prove::poll;
use nginx_prove::server::Server;

const CONF: &str = "http {
    test_panic variable;
    access_log off;
    upstream peer_init { test_panic_upstream peer_init 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    upstream peer_get { test_panic_upstream peer_get 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    upstream peer_free { test_panic_upstream peer_free 127.0.0.1:$TEST_NGINX_SERVER_PORT; }
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location = /request { test_panic request; root html; }
        location = /variable { return 200 \"$test_panic\"; }
        location = /peer_init { proxy_pass http://peer_init; }
        location = /peer_get { proxy_pass http://peer_get; }
        location = /peer_free { proxy_pass http://peer_free/; }
        location / { return 200 \"pid $pid WORD\"; }
    }
}";

/// What panics and the status its client gets.
const PANICS: &[(&str, u16)] = &[
    ("request", 500),
    ("variable", 500),
    ("peer_init", 500),
    ("peer_get", 502),
    ("peer_free", 200),
];

const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(env: &Env) -> Result<(), String> {
    let mut server = Server::start(env, &CONF.replace("WORD", "old"))?;
    server.allow("gatehouse: internal error at ");
    let (master, workers) = (server.master_pid(), server.worker_pids());
    let mut other = Connection::open(&server)?;
    let greeting = other.get()?;
    for (path, status) in PANICS {
        let lines = alerts(&server);
        let answer = server.get(&format!("/{path}"), "")?;
        if answer.status != *status {
            return Err(format!("/{path}: {} instead of {status}", answer.status));
        }
        one_more_alert(&server, lines).map_err(|e| format!("/{path}: {e}"))?;
        let again = other.get()?;
        if again != greeting {
            return Err(format!(
                "after /{path} another connection got {again} instead of {greeting}"
            ));
        }
    }
    for place in [
        "configuration",
        "reload",
        "merge",
        "postconfiguration",
        "zone",
    ] {
        refused_reload(&mut server, place)?;
        let again = other.get()?;
        if again != greeting || server.get("/", "")?.text() != greeting {
            return Err(format!(
                "after the refused reload ({place}) another connection got {again}"
            ));
        }
        if server.master_pid() != master || server.worker_pids() != workers {
            return Err(format!(
                "after the refused reload ({place}) processes are others"
            ));
        }
    }
    drop(other);
    server.write_conf(&CONF.replace("WORD", "new"))?;
    server.reload()?;
    let text = server.get("/", "")?.text();
    if !text.ends_with("new") {
        return Err(format!("after a good reload: {text}"));
    }
    if server.master_pid() != master {
        return Err("the master changed".into());
    }
    server.stop()
}

fn alerts(server: &Server) -> usize {
    server.log().matches("[alert]").count()
}

/// Waits for the line, which may come after the answer.
fn one_more_alert(server: &Server, before: usize) -> Result<(), String> {
    let come = poll::until(TIMEOUT, || {
        Some(alerts(server)).filter(|count| *count > before)
    });
    if come == Some(before.saturating_add(1)) {
        Ok(())
    } else {
        Err(format!("not one alert line\n{}", server.log()))
    }
}

/// Reloads with a configuration that panics at `place`; it must be refused with its file and line.
fn refused_reload(server: &mut Server, place: &str) -> Result<(), String> {
    server.write_conf(&CONF.replace("access_log off;", &format!("test_panic {place};")))?;
    let lines = alerts(server);
    let refusal = server
        .reload()
        .err()
        .ok_or_else(|| format!("the reload with {place} was accepted"))?;
    if !refusal.contains("internal error while") || !refusal.contains("/nginx.conf:") {
        return Err(format!("the reload with {place}: {refusal}"));
    }
    one_more_alert(server, lines).map_err(|e| format!("the reload with {place}: {e}"))?;
    server.allow("internal error while");
    Ok(())
}

/// A client that keeps its connection.
struct Connection(TcpStream);

impl Connection {
    fn open(server: &Server) -> Result<Connection, String> {
        let stream =
            TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
        stream
            .set_read_timeout(Some(TIMEOUT))
            .map_err(|e| e.to_string())?;
        Ok(Connection(stream))
    }

    /// The body of `GET /`.
    fn get(&mut self) -> Result<String, String> {
        self.0
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .map_err(|e| e.to_string())?;
        let mut received = Vec::new();
        loop {
            let mut piece = [0; 1024];
            let count = self.0.read(&mut piece).map_err(|e| e.to_string())?;
            received.extend(piece.iter().take(count));
            if let Ok((response, _)) = http::parse(&received, false, count == 0) {
                return Ok(response.text());
            }
            if count == 0 {
                return Err("the other connection was closed".into());
            }
        }
    }
}
