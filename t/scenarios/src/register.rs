//! Backends that register themselves: they come and go, are killed, hold their registration through reloads.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup, request_to};
use nix::sys::signal::Signal;

const HTTP: &str = "
http {
    upstream_table apps { zone 1m; passive fails=0; }
    upstream backend { upstream_lookup apps $host; }
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        location / { proxy_pass http://backend; }
        location = /_join { upstream_register apps hosts=*.test key_file=key; }
        location /_apps/ { upstream_api apps; }
    }
}";

const KEY: &str = "Authorization: Bearer example";
/// What must be so at once, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

fn start(env: &Env, main: &str) -> Result<Server, String> {
    Setup::new(env)?
        .file("conf/key", b"example\n")?
        .start(&format!("{main}\n{HTTP}"))
}

fn join(server: &Server, host: &str, port: u16, more: &str) -> Result<u16, String> {
    let request = format!("POST /_join?host={host}&port={port}{more}");
    Ok(server.request(&request, KEY)?.status)
}

fn leave(server: &Server, host: &str, port: u16) -> Result<u16, String> {
    let request = format!("DELETE /_join?host={host}&port={port}");
    Ok(server.request(&request, KEY)?.status)
}

fn status(server: &Server, host: &str) -> Result<u16, String> {
    Ok(server.get("/", &format!("Host: {host}"))?.status)
}

/// Some connections, so that each worker has some: all must be answered so.
fn expect(server: &Server, host: &str, wanted: u16) -> Result<(), String> {
    for _ in 0..8 {
        match status(server, host)? {
            status if status == wanted => {}
            other => return Err(format!("{host}: {other} instead of {wanted}")),
        }
    }
    Ok(())
}

fn wait(server: &Server, host: &str, wanted: u16) -> Result<(), String> {
    let is_so = || (status(server, host) == Ok(wanted)).then_some(());
    poll::until(SOON, is_so).ok_or_else(|| format!("{host} did not become {wanted}"))
}

fn is(status: u16, wanted: u16) -> Result<(), String> {
    let text = || format!("{status} instead of {wanted}");
    (status == wanted).then_some(()).ok_or_else(text)
}

/// Workers of an application come and go, with any number of nginx's workers; a worker of nginx that is killed takes nothing
/// along; who is silent goes.
pub(super) fn come_and_go(env: &Env) -> Result<(), String> {
    for workers in [1, 2, 4] {
        let (one, two) = (Backend::http("one")?, Backend::http("two")?);
        let mut server = start(env, &format!("worker_processes {workers};"))?;
        expect(&server, "a.test", 404)?;
        is(join(&server, "a.test", one.port(), "")?, 201)?;
        expect(&server, "a.test", 200)?;
        is(join(&server, "a.test", two.port(), "")?, 201)?;
        is(leave(&server, "a.test", one.port())?, 204)?;
        expect(&server, "a.test", 200)?;
        server.allow("exited on signal");
        server.kill_worker()?;
        server.reload()?;
        expect(&server, "a.test", 200)?;
        is(leave(&server, "a.test", two.port())?, 204)?;
        expect(&server, "a.test", 404)?;
        let began = Instant::now();
        is(join(&server, "b.test", one.port(), "&ttl=1s")?, 201)?;
        wait(&server, "b.test", 404)?;
        if began.elapsed() < Duration::from_secs(1) {
            return Err("a registration ended before its time".into());
        }
        server.stop()?;
    }
    Ok(())
}

/// An answer that stays open.
pub(super) struct Held {
    stream: TcpStream,
    came: Vec<u8>,
}

impl Held {
    pub(super) fn begin(port: u16, host: &str, backend: u16, ttl: u64) -> Result<Held, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .map_err(|e| e.to_string())?;
        let mut held = Held {
            stream,
            came: Vec::new(),
        };
        let request = format!(
            "POST /_join?host={host}&port={backend}&ttl={ttl}s&hold=1 HTTP/1.1\r\nHost: a\r\n{KEY}\r\nContent-Length: 0\r\n\r\n"
        );
        held.stream
            .write_all(request.as_bytes())
            .map_err(|e| e.to_string())?;
        let begun = || {
            held.read();
            held.text().contains("\"ttl_ms\":").then_some(())
        };
        poll::until(SOON, begun).ok_or("an answer that stays open did not begin")?;
        Ok(held)
    }

    /// Reads what is there; whether the connection is still open.
    pub(super) fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.came
                    .extend_from_slice(piece.get(..count).unwrap_or_default());
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.came).into_owned()
    }

    /// Waits for the answer's proper end.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let ended = || {
            let open = self.read();
            (self.text().ends_with("\r\n0\r\n\r\n") || !open).then_some(())
        };
        poll::until(SOON, ended).ok_or("an answer did not end")?;
        let is_whole = self.text().ends_with("\r\n0\r\n\r\n");
        is_whole
            .then_some(())
            .ok_or_else(|| format!("an answer was cut: {}", self.text()))
    }
}

/// A held registration lasts as long as its connection: through many times its TTL, and not a moment longer. What nginx ends
/// leaves the TTL.
pub(super) fn held(env: &Env) -> Result<(), String> {
    let one = Backend::http("one")?;
    let mut server = start(env, "worker_processes 2; worker_shutdown_timeout 30s;")?;
    let port = server.port(0);
    let mut held = Held::begin(port, "a.test", one.port(), 1)?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2_500) {
        expect(&server, "a.test", 200)?;
        if !held.read() {
            return Err("nginx has closed an answer".into());
        }
    }
    // It was renewed after each third of its second, which the client sees.
    let renewed = held.text().matches("1\r\n\n\r\n").count();
    if !(1..=8).contains(&renewed) {
        return Err(format!("{renewed} renewals in two and a half seconds"));
    }
    // The newer of two registrations counts. Who goes is gone at once, long before the time is over.
    let newer = Held::begin(port, "a.test", one.port(), 60)?;
    held.end()?;
    expect(&server, "a.test", 200)?;
    drop(newer);
    wait(&server, "a.test", 404)?;

    // A reload ends the answer, properly and soon; the registration stays, and ends when nobody comes back.
    let mut held = Held::begin(port, "a.test", one.port(), 1)?;
    let before = server.worker_pids();
    server.reload()?;
    held.end()?;
    expect(&server, "a.test", 200)?;
    let ended = || before.iter().all(|pid| process::ended(*pid)).then_some(());
    poll::until(SOON, ended).ok_or("an answer has kept a worker")?;
    wait(&server, "a.test", 404)?;

    // What somebody else has removed is not renewed.
    let mut held = Held::begin(port, "a.test", one.port(), 1)?;
    is(leave(&server, "a.test", one.port())?, 204)?;
    held.end()?;
    expect(&server, "a.test", 404)?;

    // A worker that is killed leaves the TTL.
    let held = Held::begin(port, "b.test", one.port(), 1)?;
    server.allow("exited on signal");
    for pid in server.worker_pids() {
        process::send(pid, Signal::SIGKILL)?;
    }
    drop(held);
    let answers = || status(&server, "b.test").ok();
    poll::until(SOON, answers).ok_or("nginx has no worker any more")?;
    wait(&server, "b.test", 404)?;
    server.stop()
}

/// Reloads while requests run and a caller comes back each time: no request fails.
pub(super) fn reloads(env: &Env) -> Result<(), String> {
    let one = Backend::http("one")?;
    let server = start(env, "worker_processes 2;")?;
    let (port, backend) = (server.port(0), one.port());
    let (over, first) = (
        AtomicBool::new(false),
        Held::begin(port, "a.test", backend, 1)?,
    );
    let result = thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut held = first;
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) {
                if !held.read() || held.text().ends_with("\r\n0\r\n\r\n") {
                    held = Held::begin(port, "a.test", backend, 1)?;
                    rounds += 1;
                }
            }
            Ok::<usize, String>(rounds)
        });
        let asking = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                is(request_to(port, "GET /", "Host: a.test")?.status, 200)?;
            }
            Ok::<(), String>(())
        });
        let reloaded = (0..4).try_for_each(|_| {
            let before = server.worker_pids();
            server.reload()?;
            let ended = || before.iter().all(|pid| process::ended(*pid)).then_some(());
            poll::until(SOON, ended).ok_or_else(|| "an answer has kept a worker".to_owned())
        });
        over.store(true, Ordering::Relaxed);
        let rounds = caller.join().map_err(|_| "the caller panicked")??;
        asking.join().map_err(|_| "the client panicked")??;
        (rounds > 0)
            .then_some(())
            .ok_or("no answer was ended by a reload")?;
        reloaded
    });
    result.and_then(|()| server.stop())
}

/// More registrations than the zone has room for: those that are there stay, requests flow.
pub(super) fn many(env: &Env) -> Result<(), String> {
    let one = Backend::http("one")?;
    let server = start(env, "worker_processes 2;")?;
    is(join(&server, "a.test", one.port(), "")?, 201)?;
    let mut count = 0;
    let refused = loop {
        match join(&server, &format!("host-{count}.test"), 3000, "")? {
            201 => count += 1,
            other => break other,
        }
    };
    is(refused, 507)?;
    is(join(&server, "a.test", one.port(), "")?, 200)?;
    expect(&server, "a.test", 200)?;
    is(leave(&server, "host-0.test", 3000)?, 204)?;
    // What was given back is there a moment later.
    let fits = || (join(&server, "host-new.test", 3000, "").ok()? == 201).then_some(());
    poll::until(SOON, fits).ok_or("no room after one has left")?;
    server.stop()
}
