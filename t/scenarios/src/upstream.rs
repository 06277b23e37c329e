//! The upstream table while it serves: its file changes, breaks and vanishes, its workers are killed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::load::Load;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, request_to};
use nginx_prove::ws;

use crate::upstream_site::{SOON, TAKEN_OVER, many_routes, routes, start, wait_value};

/// Which backend answers `a.test`.
fn backend_of(server: &Server) -> Result<String, String> {
    let response = server.get("/", "Host: a.test")?;
    Ok(response.header("X-Backend").unwrap_or_default())
}

fn expect_backend(server: &Server, name: &str) -> Result<(), String> {
    let came = backend_of(server)?;
    if came == name {
        Ok(())
    } else {
        Err(format!("expected backend {name}, came `{came}`"))
    }
}

/// Waits until `a.test` goes to this backend; gives the time it took.
fn wait_backend(server: &Server, name: &str, deadline: Duration) -> Result<Duration, String> {
    let start = Instant::now();
    poll::until(deadline, || {
        backend_of(server)
            .is_ok_and(|came| came == name)
            .then_some(())
    })
    .map(|()| start.elapsed())
    .ok_or_else(|| format!("backend {name} was not followed within {deadline:?}"))
}

/// The file changes under load: the next requests go elsewhere, none fails.
pub(super) fn follow(env: &Env) -> Result<(), String> {
    let (a, b) = (Backend::http("a")?, Backend::http("b")?);
    let server = start(env, "worker_processes 2;", &routes(a.port(), "0"))?;
    let load = Load::start(server.port(0), "/", "Host: a.test", 2, 200);
    let mut slowest = Duration::ZERO;
    for (name, port) in [("b", b.port()), ("a", a.port()), ("b", b.port())] {
        server.write_file("conf/apps.json", &routes(port, name))?;
        slowest = slowest.max(wait_backend(&server, name, SOON)?);
        load.wait_good(10)?;
    }
    // A hundred in a row: the last one stays.
    for number in 1..=100 {
        server.write_file("conf/apps.json", &routes(a.port(), &number.to_string()))?;
        load.wait_good(1)?;
    }
    wait_value(&server, "a.test", "100", SOON)?;
    expect_backend(&server, "a")?;
    let tally = load.stop();
    if tally.bad > 0 {
        return Err(format!("{} of {} requests failed", tally.bad, tally.good));
    }
    println!("# a changed file was followed within {slowest:?}");
    server.stop()
}

/// A file that is broken, gone or replaced by something else: said once, the last good routes serve.
pub(super) fn broken(env: &Env) -> Result<(), String> {
    let (a, b) = (Backend::http("a")?, Backend::http("b")?);
    let server = start(env, "worker_processes 2;", &routes(a.port(), "0"))?;
    let path = server.root().join("conf/apps.json");
    let load = Load::start(server.port(0), "/", "Host: a.test", 1, 200);

    let wrong = format!(
        "{{\"a.test\": {{\"backends\": [\"http://127.0.0.1:{}\"]}},\n \"b.test\": {{\"backend\": []}}}}",
        b.port()
    );
    server.write_file("conf/apps.json", wrong.as_bytes())?;
    server.wait_log(
        r#"\[error\] .*upstream table "apps": file ".*apps\.json": unknown member "backend".*/b\.test/backend.*the last good routes stay in use"#,
        SOON,
    )?;
    expect_backend(&server, "a")?;

    server.write_file("conf/apps.json", b"{\"a.test\": {\n  oops")?;
    server.wait_log(r#"\[error\] .*apps\.json": .*line 2"#, SOON)?;
    expect_backend(&server, "a")?;

    server.write_file("conf/apps.json", &routes(b.port(), "1"))?;
    wait_backend(&server, "b", SOON)?;

    fs::remove_file(&path).map_err(|e| e.to_string())?;
    server.wait_log(
        r#"\[error\] .*apps\.json": cannot be read \(2: No such file"#,
        SOON,
    )?;
    expect_backend(&server, "b")?;
    fs::create_dir(&path).map_err(|e| e.to_string())?;
    load.wait_good(20)?;
    expect_backend(&server, "b")?;
    fs::remove_dir(&path).map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", &routes(a.port(), "2"))?;
    wait_backend(&server, "a", SOON)?;

    // A device would block whoever reads it, or never end.
    fs::remove_file(&path).map_err(|e| e.to_string())?;
    std::os::unix::fs::symlink("/dev/zero", &path).map_err(|e| e.to_string())?;
    server.wait_log(r#"apps\.json": cannot be read \(not a regular file"#, SOON)?;
    load.wait_good(20)?;
    fs::remove_file(&path).map_err(|e| e.to_string())?;
    server.write_file("conf/apps.json", b"{}")?;
    let gone = || {
        let response = server.get("/", "Host: a.test");
        response.is_ok_and(|r| r.status == 404).then_some(())
    };
    let tally = load.stop();
    poll::until(SOON, gone).ok_or("an empty file did not empty the table")?;
    if tally.bad > 1 {
        return Err(format!("{} requests failed", tally.bad));
    }
    let said = server.log().matches("unknown member").count();
    if said != 1 {
        return Err(format!("a broken file was reported {said} times"));
    }
    server.stop()
}

/// Every worker is killed in turn, the feeding one among them: changes are still followed.
pub(super) fn feeder_killed(env: &Env) -> Result<(), String> {
    let (a, b) = (Backend::http("a")?, Backend::http("b")?);
    let mut server = start(env, "worker_processes 2;", &routes(a.port(), "0"))?;
    server.allow("exited on signal 9");
    server.write_file("conf/apps.json", &routes(b.port(), "1"))?;
    wait_backend(&server, "b", SOON)?;
    let mut slowest = Duration::ZERO;
    let mut names = [("a", a.port()), ("b", b.port())].into_iter().cycle();
    for victim in server.worker_pids() {
        process::send(victim, Signal::SIGKILL)?;
        let (name, port) = names.next().ok_or("no backend")?;
        server.write_file("conf/apps.json", &routes(port, name))?;
        slowest = slowest.max(wait_backend(&server, name, TAKEN_OVER)?);
    }
    println!("# after the feeder was killed a change was followed within {slowest:?}");
    server.stop()
}

/// Workers are killed under load: the next request is served, by the same table.
pub(super) fn worker_killed(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let mut server = start(env, "", &routes(a.port(), "0"))?;
    let load = Load::start(server.port(0), "/", "Host: a.test", 2, 200);
    load.wait_good(20)?;
    for _ in 0..3 {
        server.kill_worker()?;
        expect_backend(&server, "a")?;
        load.wait_good(20)?;
    }
    let tally = load.stop();
    // As in `worker_kill`: what was in flight and in the accept queue.
    if tally.bad > 12 {
        return Err(format!("{} of {} requests failed", tally.bad, tally.good));
    }
    server.stop()
}

/// An open WebSocket survives changes of the table, its own backend's removal and a reload.
pub(super) fn websocket(env: &Env) -> Result<(), String> {
    let (echo, a) = (Backend::echo()?, Backend::http("a")?);
    let main = "worker_shutdown_timeout 30s;";
    let server = start(env, main, &routes(echo.port(), "0"))?;
    let mut client = server.websocket("/", "Host: a.test")?;
    let talk = |client: &mut ws::Client, text: &str| -> Result<(), String> {
        client.send_text(text)?;
        match client.recv_text()? {
            came if came == text => Ok(()),
            came => Err(format!("the WebSocket answered `{came}`")),
        }
    };
    talk(&mut client, "open")?;
    for number in 0..3 {
        let v = number.to_string();
        server.write_file("conf/apps.json", &routes(echo.port(), &v))?;
        wait_value(&server, "a.test", &v, SOON)?;
        talk(&mut client, &v)?;
    }
    server.write_file("conf/apps.json", &routes(a.port(), "moved"))?;
    wait_backend(&server, "a", SOON)?;
    talk(&mut client, "moved")?;
    server.write_file("conf/apps.json", b"{}")?;
    wait_value(&server, "a.test", "none", SOON)?;
    talk(&mut client, "removed")?;
    server.reload()?;
    talk(&mut client, "reloaded")?;
    drop(client);
    server.stop()
}

/// Three thousand misses on few connections: all kept, all answered, no memory lost.
pub(super) fn misses(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let main = "worker_rlimit_nofile 4096;";
    let server = start(env, main, &routes(a.port(), "0"))?;
    let worker = server.worker_pids().first().copied().unwrap_or(0);
    let batch = |count: usize| -> Result<(), String> {
        let one = "GET /x HTTP/1.1\r\nHost: none.test\r\n\r\n";
        let last = "GET /x HTTP/1.1\r\nHost: none.test\r\nConnection: close\r\n\r\n";
        let bytes =
            server.raw(format!("{}{last}", one.repeat(count.saturating_sub(1))).as_bytes())?;
        let answers = String::from_utf8_lossy(&bytes)
            .matches("HTTP/1.1 404 ")
            .count();
        if answers == count {
            Ok(())
        } else {
            Err(format!("{answers} of {count} misses were answered"))
        }
    };
    // nginx closes a connection after keepalive_requests, 1000.
    batch(1000)?;
    let descriptors = Server::fds(worker);
    // What leaks grows every time; a page that is touched for the first time, or a buffer of a connection, once.
    let mut least = u64::MAX;
    for _ in 0..4 {
        let memory = Server::rss_kib(worker);
        batch(1000)?;
        least = least.min(Server::rss_kib(worker).saturating_sub(memory));
    }
    if least > 80 {
        return Err(format!("each 1000 misses cost {least} KiB"));
    }
    // The last connection may still be closing.
    poll::until(SOON, || (Server::fds(worker) <= descriptors).then_some(()))
        .ok_or("misses left descriptors open")?;
    server.stop()
}

/// Ten thousand routes: counted, and no request waits for them.
pub(super) fn many(env: &Env) -> Result<(), String> {
    let a = Backend::http("a")?;
    let server = start(env, "", &routes(a.port(), "0"))?;
    let mut waits = Vec::new();
    for round in 0..4 {
        let watch = Watch::start(server.port(0));
        server.write_file("conf/apps.json", &many_routes(10_000, a.port(), round))?;
        let value = round.to_string();
        wait_value(&server, "h9999.test", &value, Duration::from_secs(15))?;
        wait_value(&server, "h0.test", &value, Duration::from_secs(15))?;
        waits.push(watch.stop());
    }
    let log = server.wait_log(r#"apps\.json": 10000 routes, 1000[01] changed"#, SOON)?;
    if !log.contains("[notice]") {
        return Err(log);
    }
    // A figure to look at, not a verdict: other work on the machine delays requests, too.
    println!("# slowest request while 10000 routes were applied, by round: {waits:?}");
    server.stop()
}

/// Asks again and again, and remembers the slowest answer.
struct Watch {
    stop: Arc<AtomicBool>,
    slowest: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

impl Watch {
    fn start(port: u16) -> Watch {
        let (stop, slowest) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, worst) = (Arc::clone(&stop), Arc::clone(&slowest));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                if request_to(port, "GET /v", "Host: none.test").is_ok() {
                    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                    worst.fetch_max(micros, Ordering::Relaxed);
                }
            }
        });
        Watch {
            stop,
            slowest,
            thread,
        }
    }

    fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        Duration::from_micros(self.slowest.load(Ordering::Relaxed))
    }
}
