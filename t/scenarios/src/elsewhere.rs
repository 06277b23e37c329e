//! What went wrong in other routers with single backends, retries and old workers, with any number of workers.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

/// An old worker without requests is gone in less than a second; the rest is for a busy machine.
const GONE: Duration = Duration::from_secs(5);

fn conf(workers: usize) -> String {
    format!(
        "worker_processes {workers};
        worker_shutdown_timeout 60s;
        http {{
            upstream_table apps {{
                zone 1m; file apps.json reload=100ms; passive fails=1 window=1h;
                check tcp interval=1s fall=100;
            }}
            upstream backend {{ upstream_lookup apps $host; keepalive 8; }}
            access_log off;
            proxy_next_upstream error timeout http_502;
            add_header X-Tried $upstream_addr always;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; proxy_set_header Host $host; }}
                location /_apps/ {{ upstream_api apps write=on; }}
            }}
        }}"
    )
}

pub(super) fn on_every_count(run: impl Fn(usize) -> Result<(), String>) -> Result<(), String> {
    for workers in [1, 2, 4] {
        run(workers).map_err(|why| format!("{workers} workers: {why}"))?;
    }
    Ok(())
}

/// A backend alone is asked whatever it has answered, and one beside a drained one is alone.
pub(super) fn single(env: &Env) -> Result<(), String> {
    on_every_count(|workers| {
        let backend = Backend::http("a")?;
        let url = format!("\"http://127.0.0.1:{}\"", backend.port());
        let drained = r#"{"url": "http://127.0.0.9:1", "drain": true}"#;
        let routes = format!(
            r#"{{"one.test": {{"backends": [{url}]}}, "two.test": {{"backends": [{drained}, {url}]}}}}"#
        );
        let server = Setup::new(env)?
            .file("conf/apps.json", routes.as_bytes())?
            .start(&conf(workers))?;
        for host in ["one.test", "two.test"] {
            for turn in 0..20 {
                let bad = server.get("/status/502", &format!("Host: {host}"))?;
                // No answer at all: that is a failure also where there is nobody else to ask.
                let none = server.get("/close", &format!("Host: {host}"))?;
                let good = server.get("/", &format!("Host: {host}"))?;
                let seen = (bad.status, none.status, good.status);
                if seen != (502, 502, 200) || bad.header("X-Backend").is_none() {
                    return Err(format!(
                        "{host}, turn {turn}: {seen:?}, {:?}",
                        good.header("X-Tried")
                    ));
                }
            }
        }
        server.stop()
    })
}

/// A backend that reads a part of each request and resets the connection; how many came.
fn resetting() -> Result<(u16, Arc<AtomicUsize>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let count = Arc::<AtomicUsize>::default();
    let shared = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            reset(stream, &shared);
        }
    });
    Ok((port, count))
}

/// What a socket has not read when it is closed makes it send a reset.
fn reset(mut stream: TcpStream, count: &AtomicUsize) {
    let mut piece = [0; 16];
    if matches!(stream.read(&mut piece), Ok(read) if read > 0) {
        count.fetch_add(1, Ordering::SeqCst);
    }
    let _ = stream.flush();
}

/// A POST that a backend may have taken comes to one backend only; a GET goes on to the next.
pub(super) fn retried(env: &Env) -> Result<(), String> {
    on_every_count(|workers| {
        let good = Backend::http("a")?;
        let (port, came) = resetting()?;
        let routes: Vec<String> = (0..8)
            .map(|number| {
                format!(
                    r#""h{number}.test": {{"backends": ["http://127.0.0.1:{port}", "http://127.0.0.1:{}"]}}"#,
                    good.port()
                )
            })
            .collect();
        let server = Setup::new(env)?
            .file(
                "conf/apps.json",
                format!("{{{}}}", routes.join(", ")).as_bytes(),
            )?
            .start(&conf(workers))?;
        let before = came.load(Ordering::SeqCst);
        let body = "x".repeat(10_000);
        let post = server.request(&format!("POST /\n{body}"), "Host: h0.test")?;
        let tried = post.header("X-Tried").unwrap_or_default();
        if post.status != 502 || tried.contains(',') || came.load(Ordering::SeqCst) != before + 1 {
            return Err(format!("a POST: {}, tried {tried}", post.status));
        }
        // It is out now: reset brings it back, and a GET is sent on.
        let url = format!("http://127.0.0.1:{port}");
        let json = "Content-Type: application/json";
        let reset = format!("POST /_apps/h1.test/backends/reset?url={url}\n{{}}");
        let mended = server.request(&reset, json)?;
        if mended.status != 204 {
            return Err(format!("a reset: {}", mended.status));
        }
        for _ in 0..2 {
            let get = server.get("/", "Host: h1.test")?;
            if get.status != 200 {
                return Err(format!("a GET: {}", get.status));
            }
        }
        if came.load(Ordering::SeqCst) != before + 2 {
            return Err("a GET did not go on from it, or came again".into());
        }
        server.stop()
    })
}

/// A backend that takes connections and all that comes, and never answers; how many connections came.
pub(crate) fn silent() -> Result<(u16, Arc<AtomicUsize>), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let count = Arc::<AtomicUsize>::default();
    let shared = Arc::clone(&count);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            shared.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        }
    });
    Ok((port, count))
}

/// After a reload without traffic the workers before leave at once: no timer, feeder or check of ours holds them, not even
/// one that waits for its answer for a minute.
pub(super) fn old_workers(env: &Env) -> Result<(), String> {
    on_every_count(|workers| {
        let backend = Backend::http("a")?;
        let (port, came) = silent()?;
        let routes = format!(
            r#"{{"a.test": {{"backends": ["http://127.0.0.1:{port}"]}}, "b.test": {{"backends": ["http://127.0.0.1:{}"]}}}}"#,
            backend.port()
        );
        let check = "check http interval=60s timeout=60s fall=100 idle=0";
        let conf = conf(workers).replace("check tcp interval=1s fall=100", check);
        let server = Setup::new(env)?
            .file("conf/apps.json", routes.as_bytes())?
            .start(&conf)?;
        let is_checked = || (came.load(Ordering::SeqCst) > 0).then_some(());
        poll::until(GONE, is_checked).ok_or("no check begins")?;
        let mut longest = Duration::ZERO;
        for _ in 0..5 {
            server.get("/", "Host: b.test")?;
            longest = longest.max(replaced(&server)?);
        }
        println!(
            "# {workers} workers: gone {} ms after a reload",
            longest.as_millis()
        );
        server.stop()
    })
}

/// Reloads; how long the workers before stay.
fn replaced(server: &Server) -> Result<Duration, String> {
    let old = server.worker_pids();
    server.reload()?;
    let begun = Instant::now();
    // One that is shutting down is still there.
    let is_there = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
    let are_gone = || (!old.iter().any(is_there)).then_some(());
    poll::until(GONE, are_gone).ok_or_else(|| format!("workers {old:?} stay"))?;
    Ok(begun.elapsed())
}
