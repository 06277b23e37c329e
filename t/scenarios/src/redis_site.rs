//! What the scenarios of a Redis store share: nginx beside it, and what goes wrong in between.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nginx_prove::env::Env;
use nginx_prove::poll;
use nginx_prove::server::{Server, Setup};

use crate::redis_server::Redis;

/// A change is to be seen in some milliseconds; the rest is for a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(5);
/// An outage is noticed, and its end, in a few seconds.
pub(super) const NOTICED: Duration = Duration::from_secs(15);

/// A configuration with this store.
pub(super) fn conf(redis: &str, more: &str) -> String {
    conf_with(redis, more, "")
}

/// The same with more locations.
pub(super) fn conf_with(redis: &str, more: &str, locations: &str) -> String {
    format!(
        "worker_processes 2;
        http {{
            upstream_table apps {{ zone 16m; redis {redis}; {more} }}
            upstream backend {{ upstream_lookup apps $host; }}
            access_log off;
            proxy_set_header Host $host;
            server {{
                listen 127.0.0.1:$TEST_NGINX_SERVER_PORT;
                location / {{ proxy_pass http://backend; }}
                location = /pid {{ return 200 $pid; }}
                {locations}
            }}
        }}"
    )
}

pub(super) fn start(env: &Env, conf: &str) -> Result<Server, String> {
    Setup::new(env)?.start(conf)
}

/// nginx that writes to its store: what comes to these locations.
pub(super) fn start_writer(env: &Env, redis: &str, locations: &str) -> Result<Server, String> {
    Setup::new(env)?
        .file("conf/key", b"example\n")?
        .file("conf/pass", b"secret\n")?
        .start(&conf_with(redis, "passive fails=0;", locations))
}

/// Where a store is.
pub(super) fn at(redis: &Redis) -> String {
    format!("127.0.0.1:{}", redis.port())
}

pub(super) fn is<T: PartialEq<W> + Debug, W: Debug>(
    what: &str,
    came: T,
    wanted: W,
) -> Result<(), String> {
    let text = || format!("{what}: {came:?} instead of {wanted:?}");
    (came == wanted).then_some(()).ok_or_else(text)
}

/// The backend that answers for a host, or the status.
pub(super) fn answer(server: &Server, host: &str) -> Result<String, String> {
    let response = server.get("/", &format!("Host: {host}"))?;
    let backend = response.header("X-Backend");
    Ok(backend.unwrap_or_else(|| response.status.to_string()))
}

/// Waits until this backend answers, or this status.
pub(super) fn wait_answer(server: &Server, host: &str, wanted: &str) -> Result<(), String> {
    let mut last = Err("nothing was asked".to_owned());
    poll::until(SOON, || {
        last = answer(server, host);
        last.as_ref().is_ok_and(|came| came == wanted).then_some(())
    })
    .ok_or_else(|| format!("{host}: expected {wanted}, came {last:?}"))
}

pub(super) fn expect_answer(server: &Server, host: &str, wanted: &str) -> Result<(), String> {
    match answer(server, host)? {
        came if came == wanted => Ok(()),
        came => Err(format!("{host}: expected {wanted}, came {came}")),
    }
}

pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

const OPEN: u64 = 0;
const CLOSED: u64 = u64::MAX;

/// A relay before a server: it may hold all bytes back, or each piece for some time.
pub(super) struct Relay {
    port: u16,
    delay_ms: Arc<AtomicU64>,
}

impl Relay {
    pub(super) fn to(port: u16) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        let own = listener.local_addr().map_err(|e| e.to_string())?.port();
        let delay_ms = Arc::new(AtomicU64::new(OPEN));
        let delay = Arc::clone(&delay_ms);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let pairs = [(&client, &server), (&server, &client)];
                for (from, to) in pairs {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
                        continue;
                    };
                    let delay = Arc::clone(&delay);
                    thread::spawn(move || relay(from, to, &delay));
                }
            }
        });
        Ok(Self {
            port: own,
            delay_ms,
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Nothing passes any more; connections stay open.
    pub(super) fn close(&self) {
        self.delay_ms.store(CLOSED, Ordering::Relaxed);
    }

    /// Each piece takes so long.
    pub(super) fn slow_down(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::Relaxed);
    }

    pub(super) fn open(&self) {
        self.delay_ms.store(OPEN, Ordering::Relaxed);
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, delay_ms: &AtomicU64) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let passes = || delay_ms.load(Ordering::Relaxed) != CLOSED;
        while !passes() {
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(delay_ms.load(Ordering::Relaxed)));
        let piece = buffer.get(..count).unwrap_or_default();
        if to.write_all(piece).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A server whose first answer is one byte at a time, without an end; gives its port.
pub(super) fn dribble() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = client.write_all(b"$100000\r\n");
                while client.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            });
        }
    });
    Ok(port)
}

/// Processor time of all workers, in hundredths of a second.
pub(super) fn cpu_of(server: &Server) -> Result<u64, String> {
    let mut sum = 0;
    for pid in server.worker_pids() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        let stat = stat.map_err(|e| e.to_string())?;
        let words: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split(' ').collect();
        let number = |n: usize| words.get(n).and_then(|w| w.parse::<u64>().ok());
        sum += number(12).unwrap_or(0) + number(13).unwrap_or(0);
    }
    Ok(sum)
}
