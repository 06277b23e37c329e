//! Registers a command once it listens, renews that, and ends it: a thread beside the command.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{self, Client, Error, Uri, encoded};

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
}

/// What it knows.
struct Work {
    client: Client,
    /// The registration's URL, with host and port.
    url: String,
    port: u16,
    host: String,
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
    pub(super) fn start(client: Client, address: &Uri, wanted: Wanted) -> Self {
        let (stop, stopped) = mpsc::channel();
        let Wanted { host, port, ttl } = wanted;
        let mut work = Work {
            client,
            url: format!("{address}?host={}&port={port}", encoded(&host)),
            port,
            host,
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
        let _ = self.send("DELETE", &self.url);
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
        let renewed = self.send(
            "POST",
            &format!("{}&ttl={}ms", self.url, self.ttl.as_millis()),
        );
        let is_good = renewed.is_ok();
        let text = match renewed {
            Ok(()) => format!("registered for \"{}\"", self.host),
            Err(why) => format!("not registered: {why}"),
        };
        if self.said != text {
            let _ = writeln!(std::io::stderr(), "gatehouse: {text}");
            self.said = text;
        }
        is_good
    }

    /// Sends a request; the error says why nginx has not done what it asks for.
    fn send(&self, method: &str, url: &str) -> Result<(), String> {
        let response = self.client.send(method, url, None).map_err(|e| match e {
            Error::Io(error) => error.to_string(),
            other => other.to_string(),
        })?;
        let status = response.status().as_u16();
        let answer = http::body(response);
        if matches!(status, 200 | 201) && answer.get("backend").is_some() {
            return Ok(());
        }
        let message = answer.pointer("/error/message").and_then(Value::as_str);
        Err(match (status, message) {
            (_, Some(message)) => format!("{status} {message}"),
            // Whoever stands at that URL: an application may say yes to everything.
            (200 | 201 | 404, None) => {
                format!("{status}, no answer of upstream_register: is the URL right?")
            }
            _ => status.to_string(),
        })
    }
}
