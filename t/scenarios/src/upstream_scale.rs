//! What following a large file costs: processor time, memory, and what of it requests notice.
//!
//! A bounded number of hosts unless `GATEHOUSE_SCALE` says how many: docs/performance.md has the figures of a million.
//! Printed figures are to be looked at; what is checked holds on a busy machine, too.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup, request_to};

use crate::upstream_site::{conf, lines, value};

const HOSTS: usize = 20_000;
const LONG: Duration = Duration::from_secs(180);

/// A file of routes with two backends each out of a fifth as many; `h0.test` has the variable `v`.
fn file(hosts: usize, v: u32) -> Vec<u8> {
    let mut text = String::from("{");
    let peers = hosts / 5 + 1;
    let address = |n: usize| format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    for n in 0..hosts {
        let (comma, v) = if n > 0 { (",\n", 0) } else { ("", v) };
        let [a, b] = [n % peers, (n / 3 + 7) % peers].map(address);
        let _ = write!(
            text,
            r#"{comma}"h{n}.test": {{"id": "application-{:04}", "backends": ["http://{a}:8080", "http://{b}:8080"], "vars": {{"v": "{v}"}}}}"#,
            n % 10_000
        );
    }
    text.push('}');
    text.into_bytes()
}

/// Puts a new file in the place of the old one.
fn replace(server: &Server, bytes: &[u8]) -> Result<(), String> {
    let new = server.root().join("conf/new.json");
    fs::write(&new, bytes).map_err(|e| e.to_string())?;
    fs::rename(&new, server.root().join("conf/apps.json")).map_err(|e| e.to_string())
}

fn number_behind(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Time on a processor.
fn processor(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let first = text.split_whitespace().next().unwrap_or_default();
    Duration::from_nanos(first.parse().unwrap_or(0))
}

/// Bytes that it has read from files: nginx asks sockets with `recv`, which is not counted here.
fn bytes_read(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    number_behind(&text, "rchar:").unwrap_or(0)
}

fn private_kib(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    number_behind(&text, "RssAnon:").unwrap_or(0)
}

/// Clients that never let a worker rest.
struct Crowd {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Requests sent at once on one connection, and connections.
const PIPELINED: usize = 100;
const CONNECTIONS: usize = 8;
/// nginx closes a connection after a thousand requests.
const BATCHES: usize = 10;

impl Crowd {
    fn start(port: u16) -> Self {
        let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let client = |_| {
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = converse(port, &stop, &answers);
                }
            })
        };
        let threads = (0..CONNECTIONS).map(client).collect();
        Self {
            stop,
            answers,
            threads,
        }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

const REQUEST: &str = "GET /v HTTP/1.1\r\nHost: none.test\r\n\r\n";
/// How the body of its answer is; nothing else in an answer has it.
const BODY: &[u8] = b"none";

fn converse(port: u16, stop: &AtomicBool, answers: &AtomicU64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LONG))?;
    let requests = REQUEST.repeat(PIPELINED);
    let mut buf = vec![0; 64 * 1024];
    for _ in 0..BATCHES {
        stream.write_all(requests.as_bytes())?;
        // A body may come in two pieces: its first bytes are kept for the next look.
        let (mut seen, mut kept) = (0, 0);
        while seen < PIPELINED && !stop.load(Ordering::Relaxed) {
            let count = stream.read(buf.get_mut(kept..).unwrap_or_default())?;
            if count == 0 {
                return Ok(());
            }
            let text = buf.get(..kept + count).unwrap_or_default();
            let ends = text.windows(BODY.len()).filter(|w| *w == BODY).count();
            answers.fetch_add(ends as u64, Ordering::Relaxed);
            seen += ends;
            let end = text.len();
            kept = end.min(BODY.len() - 1);
            buf.copy_within(end - kept..end, 0);
        }
    }
    Ok(())
}

/// Answers for each second of the worker's processor.
fn rate(answers: u64, processor: Duration) -> f64 {
    answers as f64 / processor.as_secs_f64()
}

/// What a worker does until something is true.
struct Seen {
    processor: Duration,
    waited: Duration,
    peak_kib: u64,
    /// Slowest of a request each few milliseconds.
    slowest: Duration,
}

fn observe(server: &Server, pid: u32, mut is_done: impl FnMut() -> bool) -> Result<Seen, String> {
    let (begin, used, before) = (Instant::now(), processor(pid), private_kib(pid));
    let (mut peak, mut slowest) = (before, Duration::ZERO);
    let mut rounds = 0;
    loop {
        let asked = Instant::now();
        request_to(server.port(0), "GET /v", "Host: none.test")?;
        slowest = slowest.max(asked.elapsed());
        peak = peak.max(private_kib(pid));
        rounds += 1;
        if rounds % 32 == 0 && is_done() {
            break;
        }
        if begin.elapsed() > LONG {
            return Err("it takes too long".into());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(Seen {
        processor: processor(pid).saturating_sub(used),
        waited: begin.elapsed(),
        peak_kib: peak.saturating_sub(before),
        slowest,
    })
}

impl Seen {
    fn print(&self, what: &str) {
        println!(
            "# {what}: {:?} of the worker's processor, done after {:?}, {} KiB more at the peak, slowest request {:?}",
            self.processor, self.waited, self.peak_kib, self.slowest
        );
    }
}

fn check(holds: bool, what: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| what.to_owned())
}

/// One worker follows a large file.
pub(super) fn run(env: &Env) -> Result<(), String> {
    let hosts = std::env::var("GATEHOUSE_SCALE").ok();
    let hosts = hosts.and_then(|n| n.parse().ok()).unwrap_or(HOSTS);
    let zone = format!("zone {}k;", 4096 + hosts * 2 / 5);
    let routes = file(hosts, 0);
    let size = routes.len() as u64;
    let setup = Setup::new(env)?.file("conf/apps.json", &routes)?;
    // A file that was written just now is read once more: it may be another one soon without showing it.
    thread::sleep(Duration::from_millis(100));
    let server = setup.start(&conf("worker_processes 1;").replace("zone 16m;", &zone))?;
    drop(routes);
    let worker = || server.worker_pids().first().copied().unwrap_or(0);

    let (pid, begin) = (worker(), Instant::now());
    let seen = observe(&server, pid, || begin.elapsed() > Duration::from_secs(3))?;
    seen.print("after the start");
    check(bytes_read(pid) < size, "an unchanged file is read again")?;

    replace(&server, &file(hosts, 1))?;
    let alone = alone(pid, size)?;
    println!("# one host changed, without any request: {alone:?} of the worker's processor");
    for (v, what) in [(2, "one host changed"), (2, "the same content again")] {
        replace(&server, &file(hosts, v))?;
        let before = bytes_read(pid);
        let mut is_read = || bytes_read(pid).saturating_sub(before) >= size;
        let seen = observe(&server, pid, &mut is_read)?;
        seen.print(what);
        check(
            seen.peak_kib <= 64 * 1024,
            "a reading takes more than 64 MiB",
        )?;
    }
    let was_seen = || (value(&server, "h0.test").ok()? == "2").then_some(());
    poll::until(LONG, was_seen).ok_or("the change is not seen")?;
    check(
        lines(&server, " 1 changed") == 2,
        "a touched file changes something",
    )?;

    let share = share_kept(&server, pid, &file(hosts, 3), size)?;
    println!("# a worker that is always busy keeps {share:.2} of its requests while it reads");
    // Eight ninths; with other work on the machine the figure varies. Without pauses it is a quarter.
    check(share > 0.45, "a busy worker neglects its requests")?;
    let was_seen = || (value(&server, "h0.test").ok()? == "3").then_some(());
    poll::until(LONG, was_seen).ok_or("the change is not seen")?;

    let master = server.master_pid();
    let before = private_kib(master);
    for v in 4..7 {
        replace(&server, &file(hosts, v))?;
        server.reload()?;
        let was_seen = || (value(&server, "h0.test").ok()? == v.to_string()).then_some(());
        poll::until(LONG, was_seen).ok_or("a reload's change is not seen")?;
    }
    let kept = private_kib(master).saturating_sub(before);
    println!(
        "# the master keeps {kept} KiB after three reloads; its file has {} KiB",
        size / 1024
    );
    check(
        kept < 4096 + size / 1024 / 20,
        "the master keeps what it read",
    )?;
    server.stop()
}

/// What a worker takes for a file that has just been put there, while nobody asks it for anything.
fn alone(pid: u32, size: u64) -> Result<Duration, String> {
    let (used, before) = (processor(pid), bytes_read(pid));
    let is_read = || (bytes_read(pid).saturating_sub(before) >= size).then_some(());
    poll::until(LONG, is_read).ok_or("the file is not read")?;
    // Routes that are gone are looked for then, and what has changed is applied.
    settled(pid, size)?;
    Ok(processor(pid).saturating_sub(used))
}

/// Waits until the worker reads no part of the file any more: what was written just now is read a second time.
fn settled(pid: u32, size: u64) -> Result<(), String> {
    let mut last = (bytes_read(pid), Instant::now());
    let is_still = || {
        let now = bytes_read(pid);
        if now.saturating_sub(last.0) > size / 20 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > Duration::from_secs(3)).then_some(())
    };
    poll::until(LONG, is_still).ok_or_else(|| "the worker reads and reads".into())
}

/// What share of its answers a busy worker still gives while it reads a file.
fn share_kept(server: &Server, pid: u32, file: &[u8], size: u64) -> Result<f64, String> {
    settled(pid, size)?;
    let crowd = Crowd::start(server.port(0));
    let sample = || {
        (
            crowd.answers.load(Ordering::Relaxed),
            processor(pid),
            bytes_read(pid),
        )
    };
    poll::until(LONG, || {
        (crowd.answers.load(Ordering::Relaxed) > 2_000).then_some(())
    })
    .ok_or("no answers")?;
    let first = sample();
    thread::sleep(Duration::from_secs(1));
    let usual = sample();
    let usual_rate = rate(usual.0 - first.0, usual.1.saturating_sub(first.1));
    replace(server, file)?;
    let begin = poll::until(LONG, || {
        let now = sample();
        (now.2.saturating_sub(usual.2) > size / 20).then_some(now)
    });
    let begin = begin.ok_or("the file is not read")?;
    let applied = || (lines(server, " 1 changed") > 2).then(sample);
    let end = poll::until(LONG, applied).ok_or("the file is not read to its end")?;
    crowd.stop();
    Ok(rate(end.0 - begin.0, end.1.saturating_sub(begin.1)) / usual_rate)
}
