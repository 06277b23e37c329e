//! Many routes and many changes from Redis, with figures. By default few, so that it takes seconds:
//! `REDIS_HOSTS=1000000 REDIS_CHANGES=10000 REDIS_SECONDS=60` is the large one.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, request_to};

use crate::open_loop;
use crate::redis_server::{Client, Redis, write_command};
use crate::redis_site::{cpu_of, start, url, wait_answer};

const BACKENDS: u64 = 200_000;

/// Commands sent before their answers are read.
const PIECE: u64 = 1_000;

const CONF: &str = "
worker_processes 2;
http {
    upstream_table apps { zone 256m; redis 127.0.0.1:REDIS; }
    upstream backend { upstream_lookup apps $host; keepalive 64; }
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    access_log off;
    server {
        listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
        add_header X-Id $upstream_lookup_id;
        keepalive_requests 1000000;
        location / { proxy_pass http://backend; }
        location = /still { return 200 still; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        keepalive_requests 1000000;
        return 200 live;
    }
}";

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn host(n: u64) -> String {
    format!("frontend:h{n:07}.customers.example.com")
}

fn backend(n: u64) -> String {
    let n = n % BACKENDS;
    format!(
        "http://10.{}.{}.{}:8080",
        1 + (n >> 16),
        (n >> 8) & 255,
        n & 255
    )
}

/// Hosts that somebody asks for: the backend of each is nginx's own second server.
const ASKED: u64 = 1_000;

fn asked(n: u64) -> String {
    format!("asked{}.test", n * 7919 % ASKED)
}

fn fill(redis: &Redis, hosts: u64) -> Result<(), String> {
    let mut client = Client::new(redis.port())?;
    let mut from = 0;
    while from < hosts {
        let to = hosts.min(from + PIECE);
        let mut text = Vec::new();
        for n in from..to {
            let id = format!("app{n}");
            write_command(
                &mut text,
                &["RPUSH", &host(n), &id, &backend(2 * n), &backend(2 * n + 1)],
            );
        }
        client.send_all(&text)?;
        for _ in from..to {
            client.answer()?;
        }
        from = to;
    }
    Ok(())
}

/// The largest private memory of any worker, in KiB.
fn private_kib(server: &Server) -> u64 {
    let of = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let pids = server.worker_pids();
    pids.iter().filter_map(of).max().unwrap_or(0)
}

/// The value below which so many of a hundred lie.
fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let at = values.len() * percent / 100;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// Requests to a page that nginx has itself, one each 10 ms: how long they take.
struct Probe {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<Vec<Duration>>,
}

impl Probe {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut times = Vec::new();
            while !flag.load(Ordering::Relaxed) {
                let begun = Instant::now();
                if request_to(port, "GET /still", "Host: x").is_ok() {
                    times.push(begun.elapsed());
                }
                thread::sleep(Duration::from_millis(10));
            }
            times
        });
        Self { stop, thread }
    }

    fn report(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let mut times = self.thread.join().unwrap_or_default();
        let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 99));
        let last = times.last().copied().unwrap_or_default();
        println!("# requests {what}: median {half:?}, 99 % {most:?}, slowest {last:?}");
    }
}

/// Changes so many lists a second, the same number in each hundredth; gives how many it changed.
fn change(
    port: u16,
    hosts: u64,
    rate: u64,
    stop: &AtomicBool,
    done: &AtomicU64,
) -> Result<(), String> {
    let mut client = Client::new(port)?;
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while !stop.load(Ordering::Relaxed) {
        let due = begun.elapsed().as_millis() as u64 * rate / 1000;
        let count = due.saturating_sub(sent).min(PIECE);
        let mut text = Vec::new();
        for n in sent..sent + count {
            let key = host(n * 7919 % hosts);
            write_command(&mut text, &["LSET", &key, "1", &backend(n)]);
        }
        client.send_all(&text)?;
        for _ in 0..count {
            client.answer()?;
        }
        sent += count;
        done.store(sent, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// How long after the store's answer a change is seen.
fn seen_after(redis: &Redis, server: &Server, count: u64) -> Result<Duration, String> {
    let id = count.to_string();
    redis.ask(&["LSET", "frontend:watch.test", "0", &id])?;
    let begun = Instant::now();
    let shows = || {
        let response = server.get("/", "Host: watch.test").ok()?;
        (response.header("X-Id").as_deref() == Some(&id)).then(|| begun.elapsed())
    };
    // Without the pauses of `poll`.
    while begun.elapsed() < Duration::from_secs(10) {
        if let Some(time) = shows() {
            return Ok(time);
        }
    }
    Err(format!("a change was not seen: {id}"))
}

/// What requests take at half of the rate that is possible, with and without changes, in turns.
fn beside_changes(server: &Server, redis: &Redis, plan: Plan) -> Result<(), String> {
    let (port, time) = (server.port(0), plan.time);
    let rate = open_loop::most(port, time, asked)? / 2.0;
    let mut best = f64::INFINITY;
    for _ in 0..plan.rounds {
        let idle = open_loop::at_rate(port, time, rate, asked)?;
        let changes = Changes::start(redis, plan);
        let busy = open_loop::at_rate(port, time, rate, asked);
        let (busy, count) = (busy?, changes.end()?);
        let of = |all: &open_loop::Latencies| {
            let [half, most] = [500, 990].map(|count| all.of_thousand(count));
            format!("{} requests, median {half:?}, 99 % {most:?}", all.count())
        };
        println!(
            "# {rate:.0} requests a second: {}; beside {count} changes {}",
            of(&idle),
            of(&busy)
        );
        let [idle, busy] = [idle, busy].map(|all| all.of_thousand(990).as_secs_f64());
        best = best.min(busy / idle);
    }
    println!("# 99 % beside changes, of that without, in the best round: {best:.2}");
    Ok(())
}

/// How a measurement goes.
#[derive(Clone, Copy)]
struct Plan {
    hosts: u64,
    /// Changes a second.
    changes: u64,
    time: Duration,
    rounds: u32,
}

/// Changes that go on until they are ended.
struct Changes {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: thread::JoinHandle<Result<(), String>>,
}

impl Changes {
    fn start(redis: &Redis, plan: Plan) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stop2, done2, port) = (Arc::clone(&stop), Arc::clone(&done), redis.port());
        let thread = thread::spawn(move || change(port, plan.hosts, plan.changes, &stop2, &done2));
        Self { stop, done, thread }
    }

    /// How many there were.
    fn end(self) -> Result<u64, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the writer panicked")??;
        Ok(self.done.load(Ordering::Relaxed))
    }
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let hosts = number("REDIS_HOSTS", 20_000);
    let rate = number("REDIS_CHANGES", 2_000);
    let seconds = number("REDIS_SECONDS", 3);
    let redis = Redis::start(&[])?;
    let one = Backend::http("one")?;
    fill(&redis, hosts)?;
    redis.route("watch.test", &[&url(one.port())])?;

    let begun = Instant::now();
    let server = start(env, &CONF.replace("REDIS", &redis.port().to_string()))?;
    let probe = Probe::start(server.port(0));
    let mut most_kib = 0;
    let line = format!(": {} routes, {} changed", hosts + 1, hosts + 1);
    poll::until(Duration::from_secs(300), || {
        most_kib = most_kib.max(private_kib(&server));
        server.log().contains(&line).then_some(())
    })
    .ok_or("the store was not read")?;
    let (first, ticks) = (begun.elapsed(), cpu_of(&server)?);
    probe.report("during the first read");
    wait_answer(&server, "watch.test", "one")?;
    let idle_kib = private_kib(&server);
    println!(
        "# {hosts} hosts: first complete table after {first:.2?} and {ticks} hundredths of a second of the processor, private memory {most_kib} KiB at most, {idle_kib} KiB afterwards"
    );
    // As many hashes as a full set has, and what is on its way.
    if most_kib.saturating_sub(idle_kib) > 64 * 1024 {
        return Err(format!(
            "{most_kib} KiB of private memory, {idle_kib} KiB when idle"
        ));
    }

    let plan = Plan {
        hosts,
        changes: rate,
        time: Duration::from_secs((seconds / 6).max(1)),
        rounds: if seconds < 10 { 1 } else { 3 },
    };
    let app = url(server.port(1));
    for n in 0..ASKED {
        redis.route(&asked(n), &[&app])?;
    }
    wait_answer(&server, &asked(ASKED - 1), "200")?;
    beside_changes(&server, &redis, plan)?;

    let changing = Changes::start(&redis, plan);
    let probe = Probe::start(server.port(0));
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        times.push(seen_after(&redis, &server, times.len() as u64)?);
        thread::sleep(Duration::from_millis(20));
    }
    let took = begun.elapsed();
    let changes = changing.end()?;
    probe.report("during the changes");
    let per_second = changes as f64 / took.as_secs_f64();
    let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 99));
    println!(
        "# {changes} changes, {per_second:.0} a second: seen after {half:?}, 99 % {most:?}, of {} looks",
        times.len()
    );
    // A busy machine is no defect; a backlog that grows is one.
    if most > Duration::from_secs(2) {
        return Err(format!("changes are seen after {most:?}"));
    }
    server.stop()
}
