//! Registers a command once it listens, renews that, and ends it: a thread beside the command.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http::{Address, encode};

/// The thread that keeps a registration.
pub(super) struct Keeper {
    /// Dropped when the registration is to end.
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// What is to be registered.
pub(super) struct Wanted {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) ttl: Duration,
    pub(super) key: Option<String>,
}

/// What it knows.
struct Work {
    address: Address,
    port: u16,
    host: String,
    query: String,
    key: Option<String>,
    ttl: Duration,
    stop: Receiver<()>,
    /// What was said last, so that it is said once.
    said: String,
}

/// How often it is looked whether the command listens.
const LOOK: Duration = Duration::from_millis(50);
/// The pauses after a registration that failed: twice as long each time, up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

impl Keeper {
    /// Begins to wait for the command's port.
    pub(super) fn start(address: Address, wanted: Wanted) -> Self {
        let (stop, stopped) = mpsc::channel();
        let Wanted {
            host,
            port,
            ttl,
            key,
        } = wanted;
        let query = format!(
            "host={}&port={port}&ttl={}ms",
            encode(&host),
            ttl.as_millis()
        );
        let mut work = Work {
            address,
            port,
            host,
            query,
            key,
            ttl,
            stop: stopped,
            said: String::new(),
        };
        Self {
            stop,
            thread: thread::spawn(move || work.run()),
        }
    }

    /// Ends the registration, and waits for that at most so long.
    pub(super) fn leave(self, patience: Duration) {
        drop(self.stop);
        let until = Instant::now().checked_add(patience);
        while !self.thread.is_finished() && until.is_some_and(|until| Instant::now() < until) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Work {
    fn run(&mut self) {
        while !self.listens() {
            if self.is_stopped(LOOK) {
                return;
            }
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let rest = if self.register() {
                pause = FIRST_PAUSE;
                self.ttl.checked_div(3).unwrap_or(FIRST_PAUSE)
            } else {
                let rest = pause;
                pause = pause.saturating_mul(2).min(LAST_PAUSE);
                rest
            };
            if self.is_stopped(rest) {
                break;
            }
        }
        // Also when the last answer was none: nginx may have heard it. Where it has not, the time runs out.
        let _ = self.send(
            "DELETE",
            &format!("host={}&port={}", encode(&self.host), self.port),
        );
    }

    /// Whether somebody takes connections at the command's port on this machine.
    fn listens(&self) -> bool {
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        loopback.into_iter().any(|ip| {
            TcpStream::connect_timeout(&SocketAddr::new(ip, self.port), Duration::from_secs(1))
                .is_ok()
        })
    }

    /// Waits; whether the registration is to end.
    fn is_stopped(&self, time: Duration) -> bool {
        self.stop.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }

    /// Registers, or renews; whether nginx has agreed.
    fn register(&mut self) -> bool {
        let (text, is_good) = match self.send("POST", &self.query) {
            Ok(answer) if matches!(answer.status, 200 | 201) => {
                (format!("registered for \"{}\"", self.host), true)
            }
            Ok(answer) => {
                let message = answer.message;
                (
                    format!("not registered: {} {message}", answer.status)
                        .trim_end()
                        .to_owned(),
                    false,
                )
            }
            Err(error) => (format!("not registered: {error}"), false),
        };
        if self.said != text {
            let _ = writeln!(std::io::stderr(), "gatehouse: {text}");
            self.said = text;
        }
        is_good
    }

    fn send(&self, method: &str, query: &str) -> Result<super::http::Answer, String> {
        self.address.send(method, query, self.key.as_deref())
    }
}
