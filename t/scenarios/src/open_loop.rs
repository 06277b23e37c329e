//! Requests that come when they are due, whether or not the ones before have been answered: a queue that builds up is
//! part of what a request takes, as it is for those who wait (an open loop, as wrk2 has it).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Connections, each with a thread of its own.
const CONNECTIONS: u32 = 16;

/// How fast a connection's requests follow each other.
#[derive(Clone, Copy)]
enum Pace {
    /// Each as soon as the one before is answered.
    Answered,
    /// One each so often.
    Every(Duration),
}

/// One connection that is kept, and opened again when nginx closes it.
struct Client {
    port: u16,
    stream: Option<TcpStream>,
    room: Vec<u8>,
}

impl Client {
    fn new(port: u16) -> Self {
        Self {
            port,
            stream: None,
            room: vec![0; 16 * 1024],
        }
    }

    /// Asks, and waits for the whole answer, which has a length.
    fn ask(&mut self, host: &str) -> std::io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            self.stream = Some(stream);
        }
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        let mut len = 0;
        let mut whole = None;
        while whole.is_none_or(|whole| len < whole) {
            let count = stream.read(self.room.get_mut(len..).unwrap_or_default())?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            len += count;
            whole = whole.or_else(|| whole_len(self.room.get(..len)?));
        }
        let head = self.room.get(..len).unwrap_or_default();
        if !head.starts_with(b"HTTP/1.1 200") {
            return Err(std::io::Error::other("another status than 200"));
        }
        if head.windows(17).any(|w| w == b"Connection: close") {
            self.stream = None;
        }
        Ok(())
    }
}

/// How long an answer is, once its head is there.
fn whole_len(text: &[u8]) -> Option<usize> {
    let head = text.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head_text = String::from_utf8_lossy(text.get(..head)?);
    let line = head_text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))?;
    Some(head + line.parse::<usize>().ok()?)
}

/// What requests took from when they were due.
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    /// The time that so many of a thousand requests did not exceed.
    pub(super) fn of_thousand(&self, count: usize) -> Duration {
        let at = (self.0.len() * count / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Requests for `host(n)`, as many as come through in this time: for each second.
pub(super) fn most(port: u16, time: Duration, host: fn(u64) -> String) -> Result<f64, String> {
    let all = run(port, time, Pace::Answered, host)?;
    Ok(all.count() as f64 / time.as_secs_f64())
}

/// So many requests a second for this time.
pub(super) fn at_rate(
    port: u16,
    time: Duration,
    rate: f64,
    host: fn(u64) -> String,
) -> Result<Latencies, String> {
    let every = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
    run(port, time, Pace::Every(every), host)
}

fn run(
    port: u16,
    time: Duration,
    pace: Pace,
    host: fn(u64) -> String,
) -> Result<Latencies, String> {
    let begin = Instant::now();
    let one = |number: u32| {
        thread::spawn(move || {
            let mut client = Client::new(port);
            let mut times = Vec::new();
            let mut due = match pace {
                Pace::Answered => begin,
                // They do not all begin at the same moment.
                Pace::Every(every) => begin + every * number / CONNECTIONS,
            };
            while due.duration_since(begin) < time {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let count = times.len() as u64 * u64::from(CONNECTIONS) + u64::from(number);
                client.ask(&host(count)).map_err(|e| e.to_string())?;
                let now = Instant::now();
                times.push(now.saturating_duration_since(due));
                due = match pace {
                    Pace::Answered => now,
                    Pace::Every(every) => due + every,
                };
            }
            Ok::<_, String>(times)
        })
    };
    let threads: Vec<_> = (0..CONNECTIONS).map(one).collect();
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.join().map_err(|_| "a client panicked")??);
    }
    all.sort_unstable();
    Ok(Latencies(all))
}
