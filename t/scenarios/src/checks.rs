//! Active checks: who is asked, how often, and what of it requests notice.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup};
use nix::sys::signal::Signal;

use crate::upstream_site::lines;

const LONG: Duration = Duration::from_secs(15);

/// A backend that says its name, and counts who asks how it is.
struct Watched {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    is_bad: AtomicBool,
    checks: AtomicU64,
    requests: AtomicU64,
}

impl Watched {
    fn start(name: &'static str) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let port = listener.local_addr().map_err(|e| e.to_string())?.port();
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                thread::spawn(move || answer(stream, name, &seen));
            }
        });
        Ok(Self { port, seen })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn checks(&self) -> u64 {
        self.seen.checks.load(Ordering::SeqCst)
    }

    fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    fn turn(&self, is_bad: bool) {
        self.seen.is_bad.store(is_bad, Ordering::SeqCst);
    }

    /// Waits for so many more checks; how many came meanwhile.
    fn wait_checks(&self, count: u64) -> Result<u64, String> {
        let before = self.checks();
        let came = || Some(self.checks() - before).filter(|came| *came >= count);
        poll::until(LONG, came).ok_or_else(|| format!("{} is not checked any more", self.url()))
    }
}

/// One answer to a request; the status of a check is the backend's.
fn answer(mut stream: TcpStream, name: &str, seen: &Seen) {
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => text.extend_from_slice(piece.get(..count).unwrap_or(&[])),
            _ => return,
        }
    }
    let is_check = text.starts_with(b"GET /health HTTP/1.1\r\n");
    let counted = if is_check {
        &seen.checks
    } else {
        &seen.requests
    };
    counted.fetch_add(1, Ordering::SeqCst);
    let is_bad = is_check && seen.is_bad.load(Ordering::SeqCst);
    let status = if is_bad { "503 No" } else { "200 OK" };
    let length = name.len();
    let _ = stream.write_all(
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}")
            .as_bytes(),
    );
}

fn conf(workers: usize, check: &str) -> String {
    format!(
        "worker_processes {workers};
        http {{
            upstream_table apps {{ zone 1m; file apps.json reload=100ms; {check}; }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; proxy_set_header Host $host; }}
                location /_apps/ {{ upstream_api apps; }}
            }}
        }}"
    )
}

fn routes(backends: &[&Watched]) -> Vec<u8> {
    let urls: Vec<String> = backends
        .iter()
        .map(|b| format!("\"{}\"", b.url()))
        .collect();
    format!("{{\"a.test\": {{\"backends\": [{}]}}}}", urls.join(", ")).into_bytes()
}

/// Who answers so many requests.
fn answers(server: &Server, count: usize) -> Result<Vec<String>, String> {
    (0..count)
        .map(|_| {
            let answer = server.get("/", "Host: a.test")?;
            if answer.status == 200 {
                Ok(answer.text())
            } else {
                Err(format!("status {}", answer.status))
            }
        })
        .collect()
}

const CHECK: &str = "check http uri=/health interval=250ms timeout=250ms rise=2 fall=3 idle=0";

/// Whatever the number of workers, each backend is asked once in an interval, also across reloads; one that fails its
/// checks gets no request, and one that has left the table is asked no more.
pub(super) fn http(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4, 16] {
        http_with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn http_with(env: &Env, workers: usize) -> Result<(), String> {
    let (a, b, c) = (
        Watched::start("a")?,
        Watched::start("b")?,
        Watched::start("c")?,
    );
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(&[&a, &b, &c]))?
        .start(&conf(workers, CHECK))?;
    // Before it is known how they are, all are used.
    let first = answers(&server, 6)?;
    for name in ["a", "b", "c"] {
        if !first.iter().any(|one| one == name) {
            return Err(format!("{name} is not used at first"));
        }
    }
    a.wait_checks(3)?;
    a.turn(true);
    let down = format!("backend {} is down: status 503", a.url());
    server.wait_log(&down, LONG)?;
    let before = a.requests();
    if answers(&server, 40)?.iter().any(|one| one == "a") || a.requests() != before {
        return Err("a backend that is down gets requests".into());
    }
    let health = server.get("/_apps/-/health", "")?.text();
    let shown = format!(
        r#"{{"url":"{}","state":"down","fails":0,"check":{{"up":false,"#,
        a.url()
    );
    if !health.contains(&shown) {
        return Err(format!("it is not shown as down: {health}"));
    }
    // Checks come as often as they should: by the clock of another backend, which is asked as often.
    for reload in [false, true] {
        if reload {
            server.reload()?;
        }
        let before = b.checks();
        let by_clock = c.wait_checks(10)?;
        let came = b.checks() - before;
        if came.abs_diff(by_clock) > 4 {
            return Err(format!("{came} checks of one, {by_clock} of another"));
        }
    }
    // Nobody counts twice: ten intervals take about two and a half seconds.
    let begun = std::time::Instant::now();
    let came = b.wait_checks(10)?;
    let least = Duration::from_millis(225 * (came - 2));
    if begun.elapsed() < least {
        return Err(format!("{came} checks within {:?}", begun.elapsed()));
    }
    if answers(&server, 20)?.iter().any(|one| one == "a") {
        return Err("a reload brings a backend in that is down".into());
    }
    if lines(&server, &down) != 1 {
        return Err("that it is down is not said once".into());
    }
    a.turn(false);
    server.wait_log(&format!("backend {} is back", a.url()), LONG)?;
    let used = || {
        answers(&server, 6)
            .ok()?
            .iter()
            .any(|one| one == "a")
            .then_some(())
    };
    poll::until(LONG, used).ok_or("a backend that is back is not used")?;
    server.write_file("conf/apps.json", &routes(&[&a, &c]))?;
    server.wait_log(r#"1 route, 1 changed"#, LONG)?;
    c.wait_checks(4)?;
    let before = b.checks();
    c.wait_checks(8)?;
    if b.checks() != before {
        return Err("a backend that has left the table is checked".into());
    }
    server.stop()
}

/// By a connection, and by a WebSocket's handshake; who is new waits where that is said.
pub(super) fn kinds(env: &Env) -> Result<(), String> {
    let (socket, plain) = (Backend::echo()?, Watched::start("plain")?);
    let check = "check websocket interval=200ms rise=1 fall=1 check_first";
    let ports = [socket.port(), plain.port];
    let urls = ports.map(|port| format!("\"http://127.0.0.1:{port}\""));
    let route = format!("{{\"a.test\": {{\"backends\": [{}]}}}}", urls.join(", "));
    let server = Setup::new(env)?
        .file("conf/apps.json", route.as_bytes())?
        .start(&conf(1, check))?;
    let down = format!("backend {} is down: status 200, not 101", plain.url());
    server.wait_log(&down, LONG)?;
    // The other one is used as soon as it has answered; the plain one never was.
    let used = || (server.get("/", "Host: a.test").ok()?.status != 502).then_some(());
    poll::until(LONG, used).ok_or("the good one is not used")?;
    for _ in 0..20 {
        server.get("/", "Host: a.test")?;
    }
    let requests = plain.requests();
    server.write_conf(&conf(1, "check tcp interval=200ms rise=1 fall=1 idle=0"))?;
    server.reload()?;
    server.wait_log(&format!("backend {} is back", plain.url()), LONG)?;
    drop(socket);
    // Each of its checks with a WebSocket's handshake came as a request to it.
    let is_used = || {
        let answer = server.get("/", "Host: a.test").ok()?;
        (answer.text() == "plain").then_some(())
    };
    poll::until(LONG, is_used).ok_or("a connection is not good enough")?;
    if plain.requests() <= requests {
        return Err("nothing came to it".into());
    }
    server.stop()
}

/// An `https` backend is checked over TLS, an `http` one in plain words: nginx answers those with 400 where it listens for
/// TLS.
pub(super) fn tls(env: &Env) -> Result<(), String> {
    let setup = Setup::new(env)?;
    let port = setup.port(1);
    let table = format!(
        r#"{{"a.test": {{"backends": ["https://127.0.0.1:{port}"]}}, "b.test": {{"backends": ["http://127.0.0.1:{port}"]}}}}"#
    );
    let backend = "listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
        ssl_certificate $TEST_NGINX_DATA/tls/one.pem;
        ssl_certificate_key $TEST_NGINX_DATA/tls/one.key;
        location = /health { return 200 $https; }";
    let check = "check http uri=/health interval=100ms rise=1 fall=1 idle=0";
    let site = conf(1, check).replacen(
        "server {",
        &format!("server {{ {backend} }}\n            server {{"),
        1,
    );
    let server = setup
        .file("conf/apps.json", table.as_bytes())?
        .start(&site)?;
    let down = format!("backend http://127.0.0.1:{port} is down: status 400");
    server.wait_log(&down, LONG)?;
    let is_up = || {
        let health = server.get("/_apps/-/health", "").ok()?.text();
        let shown = format!(
            r#"{{"url":"https://127.0.0.1:{port}","state":"up","fails":0,"check":{{"up":true,"#
        );
        health.contains(&shown).then_some(())
    };
    poll::until(LONG, is_up).ok_or("a backend that speaks TLS is not up")?;
    server.stop()
}

/// Workers that stood still for seconds blame no backend for it.
pub(super) fn stopped(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        stopped_with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn stopped_with(env: &Env, workers: usize) -> Result<(), String> {
    let (a, b) = (Watched::start("a")?, Watched::start("b")?);
    let check =
        "check http uri=/health interval=100ms timeout=100ms rise=1 fall=1 idle=0 panic=100%";
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(&[&a, &b]))?
        .start(&conf(workers, check))?;
    a.wait_checks(5)?;
    let all = server.worker_pids();
    let send_all = |signal| all.iter().try_for_each(|pid| process::send(*pid, signal));
    for _ in 0..3 {
        send_all(Signal::SIGSTOP)?;
        thread::sleep(Duration::from_millis(1_500));
        send_all(Signal::SIGCONT)?;
        a.wait_checks(5)?;
    }
    if lines(&server, "is down") > 0 {
        return Err("a backend was blamed".into());
    }
    server.stop()
}

/// When more than half of the backends fail their checks together, checks leave none out until it is half of them again.
pub(super) fn together(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        together_with(env, workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

fn together_with(env: &Env, workers: usize) -> Result<(), String> {
    let all = ["a", "b", "c", "d"];
    let [a, b, c, d] = all.map(Watched::start);
    let [a, b, c, d] = [a?, b?, c?, d?];
    let check = "check http uri=/health interval=250ms timeout=250ms rise=1 fall=2 idle=0";
    let server = Setup::new(env)?
        .file("conf/apps.json", &routes(&[&a, &b, &c, &d]))?
        .start(&conf(workers, check))?;
    let serve = |wanted: &[&str]| {
        let served = || {
            let seen = answers(&server, 24).ok()?;
            let is_right =
                |name: &&str| seen.iter().any(|one| one == name) == wanted.contains(name);
            all.iter().all(is_right).then_some(())
        };
        poll::until(LONG, served).ok_or_else(|| format!("not {wanted:?} serve"))
    };
    serve(&all)?;
    a.turn(true);
    b.turn(true);
    // Half of them are not more than half.
    serve(&["c", "d"])?;
    c.turn(true);
    server.wait_log(&format!("backend {} is down", c.url()), LONG)?;
    server.wait_log("3 of 4 checked backends are down, more than 50 %", LONG)?;
    serve(&all)?;
    if lines(&server, "checks leave none of them out") != 1 {
        return Err("that they fail together is not said once".into());
    }
    c.turn(false);
    server.wait_log(&format!("backend {} is back", c.url()), LONG)?;
    serve(&["c", "d"])?;
    server.stop()
}

/// Backends that say nothing, far more of them than the worker has connections, leave enough of those to requests.
pub(super) fn crowd(env: &Env) -> Result<(), String> {
    let a = Watched::start("a")?;
    // Whoever connects here is kept waiting.
    let silent = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = silent.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || silent.incoming().flatten().collect::<Vec<_>>());
    let mut table = vec![format!("\"a.test\": {{\"backends\": [\"{}\"]}}", a.url())];
    for number in 0..80_u32 {
        // A name of its own for TLS makes each a backend of its own.
        table.push(format!(
            "\"s{number}.test\": {{\"backends\": [{{\"url\": \"https://127.0.0.1:{port}\", \"sni\": \"s{number}.test\"}}]}}"
        ));
    }
    let check = "check http uri=/health interval=1s timeout=1s rise=1 fall=1 idle=0 panic=100%";
    let site = conf(1, check).replacen("http {", "events { worker_connections 64; }\nhttp {", 1);
    let server = Setup::new(env)?
        .file(
            "conf/apps.json",
            format!("{{{}}}", table.join(", ")).as_bytes(),
        )?
        .start(&site)?;
    server.wait_log("is down", LONG)?;
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        answers(&server, 4)?;
    }
    // All have their turn, if not in each interval.
    a.wait_checks(1)?;
    for text in ["worker_connections", "[alert]"] {
        if lines(&server, text) > 0 {
            return Err(format!("the log has {text}"));
        }
    }
    server.stop()
}
