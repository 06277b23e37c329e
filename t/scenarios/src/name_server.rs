//! A name server for tests, on UDP: a few names that stay, and others that tests make and change.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// What is said of a name that a test has made.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// These addresses hold for so many seconds.
    Addresses(u32, Vec<IpAddr>),
    /// These records of a service do: priority, weight, port, target.
    Services(u32, Vec<(u16, u16, u16, &'static str)>),
    /// Nothing at all.
    Silence,
    /// There is no such name.
    Missing,
    /// The server has failed.
    Failure,
}

type Book = Arc<Mutex<HashMap<String, Said>>>;

/// Answers until it is dropped.
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    book: Book,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// On that address; port 0 is any.
    pub(crate) fn start(address: (&str, u16)) -> Result<Self, String> {
        let socket = UdpSocket::bind(address).map_err(|e| format!("{address:?}: {e}"))?;
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .map_err(|e| e.to_string())?;
        let address = socket.local_addr().map_err(|e| e.to_string())?;
        let (asked, stop) = (
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<AtomicBool>::default(),
        );
        let book = Book::default();
        let names = Arc::clone(&book);
        let (count, end) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut question = [0; 512];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut question) else {
                    continue;
                };
                let question = question.get(..length).unwrap_or_default();
                if let Some((name, _)) = question.get(12..).and_then(read_name) {
                    let mut asked = count.lock().unwrap_or_else(PoisonError::into_inner);
                    asked.push(name);
                }
                if let Some(answer) = answer(question, &names) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Ok(Self {
            address,
            asked,
            book,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this is said of a name.
    pub(crate) fn say(&self, name: &str, said: Said) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.insert(name.to_owned(), said);
    }

    /// How many questions about that name have come.
    pub(crate) fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|one| *one == name).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An answer: its code and its records.
type Answer = (u8, Vec<Vec<u8>>);

/// None: it keeps silent.
fn answer(question: &[u8], book: &Book) -> Option<Vec<u8>> {
    let (name, after) = read_name(question.get(12..)?)?;
    let kind = u16::from_be_bytes(question.get(12 + after..14 + after)?.try_into().ok()?);
    let made = book.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get(name.as_str()).cloned();
    let (code, records) = match made {
        Some(said) => of_test(said, kind)?,
        None => of_all(&name, kind)?,
    };
    let mut out = question.get(..2)?.to_vec();
    out.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::try_from(records.len()).ok()?,
        0,
        0,
        0,
        0,
    ]);
    out.extend(question.get(12..16 + after)?);
    out.extend(records.concat());
    Some(out)
}

/// What a test has made.
fn of_test(said: Said, kind: u16) -> Option<Answer> {
    let records = match said {
        Said::Silence => return None,
        Said::Missing => return Some((3, Vec::new())),
        Said::Failure => return Some((2, Vec::new())),
        Said::Addresses(ttl, ips) => ips
            .into_iter()
            .filter_map(|ip| match ip {
                IpAddr::V4(ip) if kind == A => Some(record(A, ttl, &ip.octets())),
                IpAddr::V6(ip) if kind == AAAA => Some(record(AAAA, ttl, &ip.octets())),
                _ => None,
            })
            .collect(),
        Said::Services(ttl, records) if kind == SRV => records
            .into_iter()
            .map(|(priority, weight, port, target)| service(ttl, priority, weight, port, target))
            .collect(),
        Said::Services(..) => Vec::new(),
    };
    Some((0, records))
}

/// What every name server of the tests knows.
fn of_all(name: &str, kind: u16) -> Option<Answer> {
    Some(match (name, kind) {
        ("one.test", A) => (0, vec![address(600, [127, 0, 0, 5])]),
        ("two.test", A) => (
            0,
            vec![address(2, [127, 0, 0, 6]), address(2, [127, 0, 0, 7])],
        ),
        ("refused.test", _) => (5, Vec::new()),
        ("failing.test", _) => (2, Vec::new()),
        ("silent.test" | "quiet.test" | "_http._tcp.quiet.test", _) => return None,
        ("_http._tcp.shop.test", SRV) => (
            0,
            vec![
                service(300, 10, 3, 8080, "one.test"),
                service(300, 20, 1, 8081, "two.test"),
            ],
        ),
        // They are there, and have no record of that kind.
        ("one.test" | "two.test" | "empty.test", _) => (0, Vec::new()),
        _ => (3, Vec::new()),
    })
}

/// The name at the beginning and its length there.
fn read_name(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(std::str::from_utf8(bytes.get(at..at + length)?).ok()?);
        at += length;
    }
}

/// A record about the name that was asked for.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xc0, 12];
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend(data);
    out
}

fn address(ttl: u32, ip: [u8; 4]) -> Vec<u8> {
    record(A, ttl, &Ipv4Addr::from(ip).octets())
}

fn service(ttl: u32, priority: u16, weight: u16, port: u16, target: &str) -> Vec<u8> {
    let mut data = Vec::new();
    data.extend(priority.to_be_bytes());
    data.extend(weight.to_be_bytes());
    data.extend(port.to_be_bytes());
    for label in target.split('.') {
        data.push(u8::try_from(label.len()).unwrap_or(0));
        data.extend(label.bytes());
    }
    data.push(0);
    record(SRV, ttl, &data)
}
