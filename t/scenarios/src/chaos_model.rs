//! What [`chaos`](crate::chaos) knows of hosts and backends: which answers can be.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use nginx_prove::server::{Server, request_to};

use crate::redis_server::Redis;

/// Hosts that come and go.
pub(super) const HOSTS: usize = 64;
/// These change all the time; of the others one in this many changes, so that few answers are right for them.
const BUSY: usize = 8;
const SELDOM: u32 = 150;
/// Backends; a host has some of four of them.
pub(super) const POOL: usize = 8;

/// How late a change may be seen, and how long a dead backend may be missed: another worker takes over first, if it was the
/// leader that was killed, on a busy machine.
const LATE: Duration = Duration::from_secs(20);
/// How long a backend is dead.
const DEAD: Duration = Duration::from_millis(700);

/// The name of a host.
pub(super) fn host(number: usize) -> String {
    format!("h{number}.test")
}

/// A backend that says its number, and that can die for some time.
pub(super) struct Mortal {
    port: u16,
    is_dead: Arc<AtomicBool>,
    /// When it died.
    deaths: Mutex<Vec<Instant>>,
}

pub(super) fn mortal(number: usize) -> Result<Mortal, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let is_dead = Arc::<AtomicBool>::default();
    let shared = Arc::clone(&is_dead);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let is_dead = Arc::clone(&shared);
            thread::spawn(move || serve(stream, number, &is_dead));
        }
    });
    Ok(Mortal {
        port,
        is_dead,
        deaths: Mutex::default(),
    })
}

/// Answers requests one after another, as long as it lives.
fn serve(mut stream: TcpStream, number: usize, is_dead: &AtomicBool) {
    let answer = format!("HTTP/1.1 200 OK\r\nX-Backend: {number}\r\nContent-Length: 0\r\n\r\n");
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => text.extend_from_slice(piece.get(..count).unwrap_or(&[])),
            _ => return,
        }
        if is_dead.load(Ordering::SeqCst) {
            return;
        }
        if text.ends_with(b"\r\n\r\n") {
            text.clear();
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The backends of a host; none: it has no route.
type Set = BTreeSet<usize>;

/// What a host had, from when at the earliest, and until when at the latest.
struct Period {
    set: Set,
    begin: Instant,
    end: Option<Instant>,
}

/// Which routes there are and were.
pub(super) struct Model {
    pool: Vec<Mortal>,
    hosts: Mutex<Vec<Vec<Period>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    pub(super) fn new(pool: Vec<Mortal>) -> Self {
        let nothing = |_| {
            vec![Period {
                set: Set::new(),
                begin: Instant::now(),
                end: None,
            }]
        };
        Self {
            pool,
            hosts: Mutex::new((0..HOSTS).map(nothing).collect()),
        }
    }

    fn url(&self, backend: usize) -> String {
        let port = self.pool.get(backend).map_or(0, |one| one.port);
        format!("http://127.0.0.1:{port}")
    }

    /// Why an answer cannot be; None: it can.
    pub(super) fn judge(
        &self,
        number: usize,
        status: u16,
        backend: Option<&str>,
        begun: Instant,
    ) -> Option<String> {
        let hosts = lock(&self.hosts);
        let could_be = |period: &&Period| period.end.is_none_or(|end| end + LATE >= begun);
        let sets: Vec<&Set> = hosts
            .get(number)?
            .iter()
            .filter(could_be)
            .map(|period| &period.set)
            .collect();
        let backend = backend.and_then(|text| text.parse::<usize>().ok());
        let is_right = match (status, backend) {
            (200, Some(backend)) => sets.iter().any(|set| set.contains(&backend)),
            (404, None) => sets.iter().any(|set| set.is_empty()),
            (502, None) => sets.iter().any(|set| self.may_be_dead(set, begun)),
            _ => false,
        };
        (!is_right).then(|| format!("{status} of {backend:?}, it could have {sets:?}"))
    }

    /// Whether all of them may count as dead.
    fn may_be_dead(&self, set: &Set, at: Instant) -> bool {
        let may_be = |backend: &usize| {
            let deaths = self.pool.get(*backend).map(|one| lock(&one.deaths));
            deaths.is_some_and(|deaths| deaths.iter().any(|death| *death + DEAD + LATE >= at))
        };
        !set.is_empty() && set.iter().all(may_be)
    }

    /// Lets a random backend die for some time.
    pub(super) fn kill_one(&self, rng: &mut Rng) {
        let Some(victim) = self.pool.get(rng.usize(..POOL)) else {
            return;
        };
        if victim.is_dead.swap(true, Ordering::SeqCst) {
            return;
        }
        lock(&victim.deaths).push(Instant::now());
        let is_dead = Arc::clone(&victim.is_dead);
        thread::spawn(move || {
            thread::sleep(DEAD);
            is_dead.store(false, Ordering::SeqCst);
        });
    }

    /// Gives a random host other backends, over the API or in Redis.
    pub(super) fn change(
        &self,
        server: &Server,
        redis: &Redis,
        rng: &mut Rng,
    ) -> Result<(), String> {
        let number = if rng.u32(..SELDOM) == 0 {
            rng.usize(BUSY..HOSTS)
        } else {
            rng.usize(..BUSY)
        };
        let set: Set = (0..4)
            .filter(|_| rng.bool())
            .map(|n| (number + n) % POOL)
            .collect();
        self.begin(number, &set);
        let urls: Vec<String> = set.iter().map(|backend| self.url(*backend)).collect();
        if rng.bool() {
            // A worker that is killed may have done it or not; what is written then is the same again.
            let answer = request_to(
                server.port(0),
                &request(number, &urls),
                "Content-Type: application/json",
            );
            match answer.map(|answer| answer.status) {
                Ok(200 | 201 | 202 | 204 | 404) => {}
                Ok(503 | 409 | 412) | Err(_) => write(redis, number, &urls)?,
                Ok(status) => return Err(format!("a change is answered {status}")),
            }
        } else {
            write(redis, number, &urls)?;
        }
        self.settle(number);
        Ok(())
    }

    /// From here on a host may have this set.
    fn begin(&self, number: usize, set: &Set) {
        let mut hosts = lock(&self.hosts);
        let Some(periods) = hosts.get_mut(number) else {
            return;
        };
        let now = Instant::now();
        // What nobody can see any more.
        periods.retain(|period| period.end.is_none_or(|end| end + LATE * 3 > now));
        periods.push(Period {
            set: set.clone(),
            begin: now,
            end: None,
        });
    }

    /// A host has its last set for sure.
    fn settle(&self, number: usize) {
        let mut hosts = lock(&self.hosts);
        let Some((last, others)) = hosts.get_mut(number).and_then(|all| all.split_last_mut())
        else {
            return;
        };
        let now = Instant::now().max(last.begin);
        for period in others {
            period.end.get_or_insert(now);
        }
    }

    /// The routes that are there, as the API lists them.
    pub(super) fn now(&self) -> BTreeMap<String, BTreeSet<String>> {
        let hosts = lock(&self.hosts);
        let last = hosts.iter().enumerate().filter_map(|(number, periods)| {
            let set = &periods.last()?.set;
            let urls = set.iter().map(|backend| self.url(*backend)).collect();
            (!set.is_empty()).then(|| (host(number), urls))
        });
        last.collect()
    }
}

fn request(number: usize, urls: &[String]) -> String {
    let host = host(number);
    if urls.is_empty() {
        return format!("DELETE /_apps/{host}");
    }
    let list: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
    format!("PUT /_apps/{host}\n{{\"backends\": [{}]}}", list.join(", "))
}

/// As hipache's users write: the list of the host, at once.
fn write(redis: &Redis, number: usize, urls: &[String]) -> Result<(), String> {
    let script = "redis.call('DEL', KEYS[1]) if #ARGV > 1 then redis.call('RPUSH', KEYS[1], unpack(ARGV)) end return 1";
    let (host, key) = (host(number), format!("frontend:{}", host(number)));
    let mut words = vec!["EVAL", script, "1", &key, &host];
    words.extend(urls.iter().map(String::as_str));
    redis.ask(&words).map(drop)
}

/// The backends of each route of a listing.
pub(super) fn routes(text: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let list: serde_json::Value = serde_json::from_str(text).ok()?;
    let routes = list.get("routes")?.as_object()?;
    let urls = |route: &serde_json::Value| {
        let backends = route.get("backends")?.as_array()?;
        let url = |one: &serde_json::Value| {
            let text = one.as_str().or_else(|| one.get("url")?.as_str())?;
            Some(text.to_owned())
        };
        backends.iter().map(url).collect::<Option<BTreeSet<_>>>()
    };
    routes
        .iter()
        .map(|(host, route)| Some((host.clone(), urls(route)?)))
        .collect()
}
