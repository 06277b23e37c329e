//! Metrics through what happens to an nginx: several workers, reloads, kills, feeders that fail.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::exposition::Exposition;
use super::redis_server::Redis;
use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// A change is to be seen within a second or two; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// `/t` refuses for want of a token, `/` asks the backend of `a.test`, `/closed` closes the connection.
fn conf(main: &str, more: &str) -> String {
    format!(
        "{main}
        http {{
            geoip_db {{GEO}} name=geo;
            token_profile video {{ format scalesimple; key file=key; }}
            upstream_table apps {{ zone 1m; file apps.json reload=50ms; }}
            upstream backend {{ upstream_lookup apps $host; }}
            {more}
            access_log off;
            error_log logs/error.log crit;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; }}
                location = /t {{ token_auth video; return 204; }}
                location = /v {{ token_auth video; empty_gif; }}
                location = /closed {{ geoip_deny all; geoip_status 444; empty_gif; }}
                location /_gatehouse/ {{ gatehouse_status; }}
            }}
        }}"
    )
}

fn start(env: &Env, port: u16, main: &str, more: &str) -> Result<Server, String> {
    let routes = format!(r#"{{"a.test": {{"backends": ["http://127.0.0.1:{port}"]}}}}"#);
    Setup::new(env)?
        .file("conf/key", b"secret")?
        .file("conf/apps.json", routes.as_bytes())?
        .start(&with_database(env, &conf(main, more)))
}

fn with_database(env: &Env, conf: &str) -> String {
    let file = env.base.join("t/data/geo.mmdb");
    conf.replace("{GEO}", &file.display().to_string())
}

fn metrics(server: &Server) -> Result<Exposition, String> {
    let answer = server.get("/_gatehouse/-/metrics", "")?;
    Exposition::parse(&answer.text())
}

fn expect(server: &Server, sample: &str, wanted: f64, when: &str) -> Result<(), String> {
    match metrics(server)?.get(sample) {
        Some(came) if came == wanted => Ok(()),
        came => Err(format!("{when}: {sample} is {came:?}, not {wanted}")),
    }
}

fn wait(server: &Server, sample: &str, wanted: f64) -> Result<(), String> {
    let mut last = None;
    poll::until(SOON, || {
        last = metrics(server).ok()?.get(sample);
        (last == Some(wanted)).then_some(())
    })
    .ok_or_else(|| format!("{sample} is {last:?}, not {wanted}"))
}

const MISSING: &str = r#"gatehouse_token_checks_total{profile="video",status="missing"}"#;
const FOUND: &str = r#"gatehouse_requests_total{table="apps",result="exact",code="200"}"#;
const DENIED: &str = r#"gatehouse_geoip_checks_total{verdict="denied"}"#;

/// Every request is counted, whichever worker serves it, also by those that a reload lets end; the next configuration
/// goes on with the counters of those before, and so does a worker in place of a killed one.
pub(super) fn workers(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let mut server = start(env, backend.port(), "worker_processes 4;", "")?;
    let (refused, served) = (
        Load::start(server.port(0), "/v", "", 2, 403),
        Load::start(server.port(0), "/", "Host: a.test", 2, 200),
    );
    let other = "token_profile other { format scalesimple; key file=key; }
        upstream_table more { zone 1m; file apps.json; }";
    for more in [other, "", other] {
        refused.wait_good(50)?;
        served.wait_good(50)?;
        let text = with_database(env, &conf("worker_processes 4;", more));
        server.write_conf(&text)?;
        server.reload()?;
    }
    let (refused, served) = (refused.stop(), served.stop());
    if refused.bad > 0 || served.bad > 0 {
        return Err("requests failed".into());
    }
    wait(&server, MISSING, count(refused.good))?;
    wait(&server, FOUND, count(served.good))?;
    let checks = metrics(&server)?.sum("gatehouse_token_checks_total");
    if checks != count(refused.good) {
        return Err(format!("{checks} checks, not {}", refused.good));
    }
    for _ in 0..3 {
        // It is closed without an answer.
        let _ = server.get("/closed", "");
    }
    wait(&server, DENIED, 3.0)?;
    server.kill_worker()?;
    expect(&server, MISSING, count(refused.good), "after a kill")?;
    let answer = server.get("/v", "")?;
    if answer.status != 403 {
        return Err(format!("status {}", answer.status));
    }
    wait(&server, MISSING, count(refused.good) + 1.0)?;
    server.stop()
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn count(number: u64) -> f64 {
    number as f64
}

/// The one process of `master_process off` counts like any other. (What stock nginx answers after a reload in this mode
/// says nothing.)
pub(super) fn alone(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let server = start(env, backend.port(), "master_process off;", "")?;
    for path in ["/", "/v", "/"] {
        server.get(path, "Host: a.test")?;
    }
    expect(&server, FOUND, 2.0, "alone")?;
    expect(&server, MISSING, 1.0, "alone")?;
    server.stop()
}

/// A thousand profiles and tables are written in pieces, in between which the worker serves others.
pub(super) fn many(env: &Env) -> Result<(), String> {
    const COUNT: usize = 1_000;
    const LONGEST: usize = 64 * 1024;
    let mut more = String::new();
    for number in 0..COUNT {
        let _ = writeln!(
            more,
            "token_profile p{number} {{ format scalesimple; key file=key; }}
            upstream_table t{number} {{ zone 80k; file apps.json reload=0; }}
            upstream u{number} {{ upstream_lookup t{number} $host; }}"
        );
    }
    let server = start(env, 1, "", &more)?;
    let text = metrics(&server)?;
    // Eleven verdicts, and of a table its routes, changes, four kinds of memory and its feeder's two.
    let wanted = COUNT.saturating_mul(11 + 8);
    if text.len() < wanted {
        return Err(format!("{} samples, not {wanted}", text.len()));
    }
    let request = "GET /_gatehouse/-/metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let raw = server.raw(request.as_bytes())?;
    let pieces = chunks(&raw)?;
    let longest = pieces.iter().max().copied().unwrap_or(0);
    if pieces.len() < 20 || longest > LONGEST {
        return Err(format!(
            "{} pieces, the longest {longest} bytes",
            pieces.len()
        ));
    }
    server.stop()
}

/// Where there is no memory for more counters a reload goes on without them, and says so. Those that there are go on.
pub(super) fn full(env: &Env) -> Result<(), String> {
    let backend = Backend::http("a")?;
    let mut server = start(env, backend.port(), "", "")?;
    server.get("/", "Host: a.test")?;
    // A test's build has room for some fifty of them.
    let mut more = String::new();
    for number in 0..80 {
        let _ = writeln!(
            more,
            "upstream_table t{number} {{ zone 80k; file apps.json reload=0; }}
            upstream u{number} {{ upstream_lookup t{number} $host; }}"
        );
    }
    let conf = conf("", &more).replace("http://backend", "http://$arg_to");
    let text = with_database(env, &conf);
    server.write_conf(&text)?;
    server.reload()?;
    server.wait_log(
        r#"\[error\] .*no memory for the counters of \d+ metrics, first of "gatehouse_requests_total t\d+", which are missing until nginx is started anew"#,
        SOON,
    )?;
    server.allow("no memory for the counters");
    for path in ["/?to=backend", "/?to=u0", "/?to=u79"] {
        let status = server.get(path, "Host: a.test")?.status;
        if status != 200 {
            return Err(format!("{path}: {status}"));
        }
    }
    expect(&server, FOUND, 2.0, "a table of before")?;
    let of = |number: u32| FOUND.replace("apps", &format!("t{number}"));
    expect(&server, &of(0), 1.0, "a new table")?;
    if let Some(count) = metrics(&server)?.get(&of(79)) {
        return Err(format!("{count} requests of a table without counters"));
    }
    // Nothing has noted that their files were read, but they have routes.
    let status = server.get("/_gatehouse/-/ready", "")?.status;
    if status != 200 {
        return Err(format!("-/ready: {status}"));
    }
    server.stop()
}

/// The sizes of a chunked body's pieces.
fn chunks(raw: &[u8]) -> Result<Vec<usize>, String> {
    let body = raw.windows(4).position(|w| w == b"\r\n\r\n");
    let mut rest = raw
        .get(body.ok_or("no body")?.saturating_add(4)..)
        .unwrap_or_default();
    let mut sizes = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|w| w == b"\r\n")
            .ok_or("no chunk")?;
        let digits = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
        let size = usize::from_str_radix(&digits, 16).map_err(|e| e.to_string())?;
        if size == 0 {
            return Ok(sizes);
        }
        sizes.push(size);
        rest = rest
            .get(end.saturating_add(size).saturating_add(4)..)
            .ok_or("cut")?;
    }
}

const FILE_UP: &str = r#"gatehouse_feeder_up{table="apps",feeder="file"}"#;
const FILE_LAST: &str =
    r#"gatehouse_feeder_last_success_timestamp_seconds{table="apps",feeder="file"}"#;

/// A file that breaks is seen by every worker, also over a reload; its last success stays what it was.
pub(super) fn file(env: &Env) -> Result<(), String> {
    let mut server = start(env, 1, "worker_processes 2;", "")?;
    expect(&server, FILE_UP, 1.0, "at the start")?;
    let good = std::fs::read(server.root().join("conf/apps.json")).map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", b"{")?;
    wait(&server, FILE_UP, 0.0)?;
    let last = metrics(&server)?.get(FILE_LAST);
    server.reload()?;
    expect(&server, FILE_UP, 0.0, "after a reload with a broken file")?;
    if metrics(&server)?.get(FILE_LAST) != last || last < Some(1e9) {
        return Err(format!("the last success was {last:?}"));
    }
    let ready = server.get("/_gatehouse/-/ready", "")?.status;
    if ready != 200 {
        return Err(format!(
            "a table with its last good routes is ready, not {ready}"
        ));
    }
    server.write_file("conf/apps.json", &good)?;
    wait(&server, FILE_UP, 1.0)?;
    server.allow("apps.json");
    server.stop()
}

const STORE_UP: &str = r#"gatehouse_feeder_up{table="apps",feeder="redis"}"#;

/// nginx is ready once its store has been read, also if that has no route, and stays so when the store goes.
pub(super) fn store(env: &Env) -> Result<(), String> {
    let mut redis = Redis::start(&[])?;
    redis.kill();
    let text = format!(
        "worker_processes 2;
        http {{
            upstream_table apps {{ zone 1m; redis 127.0.0.1:{}; }}
            upstream backend {{ upstream_lookup apps $host; }}
            error_log logs/error.log crit;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location /_gatehouse/ {{ gatehouse_status; }}
            }}
        }}",
        redis.port()
    );
    let server = Server::start(env, &text)?;
    let status = || {
        server
            .get("/_gatehouse/-/ready", "")
            .map(|answer| answer.status)
    };
    if status()? != 503 {
        return Err("ready before the store was read".into());
    }
    redis.run()?;
    let ready = || (status() == Ok(200)).then_some(());
    poll::until(SOON, ready).ok_or("not ready after the store was read")?;
    wait(&server, STORE_UP, 1.0)?;
    redis.kill();
    wait(&server, STORE_UP, 0.0)?;
    if status()? != 200 {
        return Err("not ready though the last routes serve".into());
    }
    server.stop()
}

/// A worker that has been told to go is not ready: whoever still has a connection to it is to look elsewhere.
pub(super) fn leaving(env: &Env) -> Result<(), String> {
    let server = start(env, 1, "", "")?;
    let mut late = TcpStream::connect(("127.0.0.1", server.port(0))).map_err(|e| e.to_string())?;
    let mut send = |text: &str| late.write_all(text.as_bytes()).map_err(|e| e.to_string());
    send("GET /_gatehouse/-/ready HTTP/1.1\r\nHost: x\r\n")?;
    // The worker has begun to read when it serves one that came later.
    server.get("/_gatehouse/-/ready", "")?;
    server.reload()?;
    send("Connection: close\r\n\r\n")?;
    let mut answer = String::new();
    late.read_to_string(&mut answer)
        .map_err(|e| e.to_string())?;
    if !answer.starts_with("HTTP/1.1 503 ") || !answer.contains("shutting down") {
        return Err(format!("the old worker says {answer}"));
    }
    let status = server.get("/_gatehouse/-/ready", "")?.status;
    if status != 200 {
        return Err(format!("the new worker says {status}"));
    }
    server.stop()
}
