//! Backends that write down exactly what reaches them, in one journal.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bstr::ByteSlice;

use super::model::accelerated;
use super::uri;

/// A request as it reached a backend.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The answer's number.
    pub id: u64,
    pub backend: usize,
    pub method: String,
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// The first value of a header, as text.
    pub(super) fn header(&self, name: &str) -> String {
        let mut lines = self.headers.iter();
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_str_lossy().into_owned())
            .unwrap_or_default()
    }
}

#[derive(Default)]
struct Journal {
    records: Mutex<(u64, Vec<Record>)>,
    stopping: AtomicBool,
}

/// All of them, stopped when dropped.
pub(super) struct Backends {
    ports: Vec<u16>,
    journal: Arc<Journal>,
}

impl Backends {
    /// Starts `count`.
    ///
    /// # Errors
    /// No port.
    pub(super) fn start(count: usize) -> Result<Backends, String> {
        let journal = Arc::new(Journal::default());
        let mut ports = Vec::new();
        for backend in 0..count {
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
            ports.push(listener.local_addr().map_err(|e| e.to_string())?.port());
            let journal = Arc::clone(&journal);
            thread::spawn(move || accept(&listener, backend, &journal));
        }
        Ok(Backends { ports, journal })
    }

    /// Their ports, in order.
    pub(super) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// What has come since the last time.
    pub(super) fn take(&self) -> Vec<Record> {
        let mut records = lock(&self.journal);
        std::mem::take(&mut records.1)
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.journal.stopping.store(true, Ordering::SeqCst);
        for port in &self.ports {
            // Wakes the accepting thread, which then sees the flag.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, *port));
        }
    }
}

fn lock(journal: &Journal) -> std::sync::MutexGuard<'_, (u64, Vec<Record>)> {
    journal
        .records
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, backend: usize, journal: &Arc<Journal>) {
    for stream in listener.incoming() {
        if journal.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        let journal = Arc::clone(journal);
        thread::spawn(move || serve(stream, backend, &journal));
    }
}

fn serve(mut stream: TcpStream, backend: usize, journal: &Journal) {
    let mut bytes = Vec::new();
    let mut chunk = vec![0_u8; 16 << 10];
    loop {
        while let Some((record, used)) = parse(&bytes, backend) {
            bytes.drain(..used);
            if stream.write_all(&answer(journal, record)).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(count) if count > 0 => {
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            }
            _ => return,
        }
    }
}

/// A whole request at the start of the bytes, and its length.
fn parse(bytes: &[u8], backend: usize) -> Option<(Record, usize)> {
    let head = bytes.find(b"\r\n\r\n")?;
    let mut lines = bytes.get(..head)?.split_str("\r\n");
    let line = lines.next()?;
    let (method, rest) = line.split_once_str(" ")?;
    let target = rest.rsplit_once_str(" ").map_or(rest, |(target, _)| target);
    let headers: Vec<(String, Vec<u8>)> = lines
        .filter_map(|line| {
            let (name, value) = line.split_once_str(": ").or(line.split_once_str(":"))?;
            Some((name.to_str_lossy().into_owned(), value.to_vec()))
        })
        .collect();
    let record = Record {
        id: 0,
        backend,
        method: method.to_str_lossy().into_owned(),
        target: target.to_vec(),
        headers,
    };
    let body: usize = record.header("Content-Length").parse().unwrap_or(0);
    let used = head.checked_add(4)?.checked_add(body)?;
    (bytes.len() >= used).then_some((record, used))
}

/// Writes the request down and answers with its number.
fn answer(journal: &Journal, record: Record) -> Vec<u8> {
    let (path, _) = uri::split(&record.target);
    let place = uri::normal(path).and_then(|path| accelerated(&path));
    let mut more = place.map_or(String::new(), |place| {
        format!("X-Accel-Redirect: {place}\r\n")
    });
    let head_only = record.method == "HEAD";
    let (site, range) = (record.header("X-Loc"), record.header("Range"));
    let id = write_down(journal, record);
    let mut status = "200 OK";
    let body = match site.as_str() {
        "/ssi/" => format!("id={id}\n<!--#include virtual=\"/video/included\" -->\n"),
        "/slice/" => {
            let half = range.trim_start_matches("bytes=");
            more += &format!("Content-Range: bytes {half}/32\r\nETag: \"same\"\r\n");
            status = "206 Partial Content";
            // As long as a slice.
            format!("id={id:012}\n")
        }
        _ => format!("id={id}\n"),
    };
    let shown = if head_only { "" } else { &body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nX-Id: {id}\r\n{more}\r\n{shown}",
        body.len()
    )
    .into_bytes()
}

fn write_down(journal: &Journal, mut record: Record) -> u64 {
    let mut records = lock(journal);
    records.0 = records.0.saturating_add(1);
    record.id = records.0;
    records.1.push(record);
    records.0
}
