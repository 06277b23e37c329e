//! Everything at once, against a model: random writes over the API and into Redis, reloads, killed workers, dead backends.
//!
//! A minute; `GATEHOUSE_CHAOS` says other seconds, `GATEHOUSE_SEED` repeats a run's choices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nginx_prove::backend::Backend;
use nginx_prove::env::Env;
use nginx_prove::http::more_headers;
use nginx_prove::poll;
use nginx_prove::process;
use nginx_prove::server::{Server, Setup, request_to};
use nginx_prove::ws;
use nix::sys::signal::Signal;

use crate::chaos_model::{HOSTS, Model, POOL, host, mortal};
use crate::redis_server::Redis;

const USUAL_SECONDS: u64 = 60;
const LONG: Duration = Duration::from_secs(30);
const SOCKETS: usize = 20;
const CLIENTS: usize = 3;

fn conf(redis: &Redis) -> String {
    format!(
        "worker_processes 4;
        http {{
            upstream_table apps {{
                zone 4m; redis 127.0.0.1:{}; state apps.state;
                check http uri=/health interval=500ms idle=0 panic=100%;
            }}
            upstream backend {{ upstream_lookup apps $host; keepalive 16; }}
            access_log off;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                add_header X-Pid $pid always;
                location / {{
                    proxy_http_version 1.1;
                    proxy_set_header Host $host;
                    proxy_set_header Upgrade $http_upgrade;
                    proxy_set_header Connection $http_connection;
                    proxy_pass http://backend;
                }}
                location /_apps/ {{ upstream_api apps write=on; }}
            }}
        }}",
        redis.port()
    )
}

/// What the clients have seen that cannot be.
#[derive(Default)]
struct Seen {
    wrong: Mutex<Vec<String>>,
    /// Requests without an answer: a killed worker had them.
    lost: AtomicU64,
    good: AtomicU64,
    stop: AtomicBool,
}

/// Asks random hosts until it is told to stop.
fn ask(port: u16, model: &Model, seen: &Seen, mut rng: Rng) {
    while !seen.stop.load(Ordering::Relaxed) {
        let number = rng.usize(..HOSTS);
        let begun = Instant::now();
        let answer = request_to(port, "GET /", &format!("Host: {}", host(number)));
        let Ok(answer) = answer else {
            seen.lost.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let backend = answer.header("X-Backend");
        match model.judge(number, answer.status, backend.as_deref(), begun) {
            None => drop(seen.good.fetch_add(1, Ordering::Relaxed)),
            Some(why) => {
                let mut wrong = seen.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                wrong.push(format!("{}: {why}", host(number)));
            }
        }
    }
}

/// A WebSocket, and the worker that it is at.
struct Socket {
    client: ws::Client,
    worker: u32,
}

impl Socket {
    fn open(server: &Server) -> Result<Self, String> {
        let (headers, _) = more_headers(b"Host: socket.test");
        let (answer, client) = ws::Client::connect(server.port(0), "/", None, &headers, LONG)?;
        let worker = answer.header("X-Pid").and_then(|pid| pid.parse().ok());
        match (client, worker) {
            (Some(client), Some(worker)) => Ok(Self { client, worker }),
            _ => Err(format!("a WebSocket is refused with {}", answer.status)),
        }
    }

    /// Opens one; the worker that it comes to may just be killed.
    fn reopen(server: &Server) -> Result<Self, String> {
        poll::until(LONG, || Self::open(server).ok()).ok_or_else(|| "no WebSocket opens".into())
    }

    fn talk(&mut self, text: &str) -> Result<(), String> {
        self.client.send_text(text)?;
        let came = self.client.recv_text()?;
        (came == text)
            .then_some(())
            .ok_or_else(|| format!("{came} instead of {text}"))
    }
}

pub(super) fn run(env: &Env) -> Result<(), String> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seconds = number("GATEHOUSE_CHAOS").unwrap_or(USUAL_SECONDS);
    let seed = number("GATEHOUSE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("# GATEHOUSE_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let redis = Redis::start(&[])?;
    let echo = Backend::echo()?;
    redis.route(
        "socket.test",
        &[&format!("http://127.0.0.1:{}", echo.port())],
    )?;
    let pool: Vec<_> = (0..POOL).map(mortal).collect::<Result<_, _>>()?;
    let mut server = Setup::new(env)?.start(&conf(&redis))?;
    server.allow("exited on signal 9");
    let is_served = || Socket::open(&server).ok();
    drop(poll::until(LONG, is_served).ok_or("the table is not there")?);

    let (model, seen) = (Arc::new(Model::new(pool)), Arc::<Seen>::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (model, seen, rng) = (Arc::clone(&model), Arc::clone(&seen), rng.fork());
            let port = server.port(0);
            thread::spawn(move || ask(port, &model, &seen, rng))
        })
        .collect();
    let sockets = (0..SOCKETS).map(|_| Socket::open(&server));
    let mut sockets: Vec<Socket> = sockets.collect::<Result<_, _>>()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut kills, mut reloads, mut changes) = (0_u64, 0_u64, 0_u64);
    let mut last_kill = Instant::now();
    while Instant::now() < end {
        match rng.u32(..400) {
            // Two kills in a row would take the lost WebSockets' new places, too.
            0..4 if last_kill.elapsed() > Duration::from_secs(1) => {
                kill(&server, &mut sockets, &mut rng)?;
                (kills, last_kill) = (kills + 1, Instant::now());
            }
            4..6 => {
                server.reload()?;
                reloads += 1;
            }
            6..8 => model.kill_one(&mut rng),
            8..120 => {
                let place = rng.usize(..sockets.len());
                let socket = sockets.get_mut(place).ok_or("no WebSocket")?;
                let said = socket.talk(&changes.to_string());
                said.map_err(|why| format!("a WebSocket at {}: {why}", socket.worker))?;
            }
            _ => {
                model.change(&server, &redis, &mut rng)?;
                changes += 1;
            }
        }
    }
    seen.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().map_err(|_| "a client panicked")?;
    }
    let (good, lost) = (
        seen.good.load(Ordering::Relaxed),
        seen.lost.load(Ordering::Relaxed),
    );
    println!(
        "# {changes} changes, {reloads} reloads, {kills} workers killed: {good} answers, {lost} requests lost"
    );
    let wrong = seen.wrong.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = wrong.first() {
        return Err(format!("{} answers are wrong: {first}", wrong.len()));
    }
    // A killed worker had one request of each client, and some that waited to be accepted.
    if lost > kills * CLIENTS as u64 * 2 {
        return Err(format!("{lost} requests are lost"));
    }
    if kills == 0 || reloads == 0 || changes < 100 {
        return Err("too little has happened".into());
    }
    for socket in &mut sockets {
        socket.talk("bye")?;
    }
    agree(&server, &model)?;
    drop(sockets);
    server.stop()
}

/// `kill -9` of a worker; its WebSockets are opened anew.
fn kill(server: &Server, sockets: &mut [Socket], rng: &mut Rng) -> Result<(), String> {
    let workers = server.worker_pids();
    let victim = workers.get(rng.usize(..workers.len().max(1)));
    let victim = *victim.ok_or("no worker")?;
    process::send(victim, Signal::SIGKILL)?;
    for socket in sockets.iter_mut().filter(|one| one.worker == victim) {
        *socket = Socket::reopen(server)?;
    }
    Ok(())
}

/// In the end every worker has what the model has.
fn agree(server: &Server, model: &Model) -> Result<(), String> {
    let wanted = model.now();
    let mut last = BTreeMap::new();
    let mut agreeing = BTreeSet::new();
    let all_agree = || {
        let workers = server.worker_pids();
        let answer = server.get("/_apps/?limit=1000", "").ok()?;
        let worker: u32 = answer.header("X-Pid")?.parse().ok()?;
        last = crate::chaos_model::routes(&answer.text())?;
        last.remove("socket.test");
        if last == wanted {
            agreeing.insert(worker);
        } else {
            agreeing.clear();
        }
        workers
            .iter()
            .all(|worker| agreeing.contains(worker))
            .then_some(())
    };
    poll::until(LONG, all_agree)
        .ok_or_else(|| format!("the table has {last:?}, the model {wanted:?}"))
}
