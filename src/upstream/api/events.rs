//! `GET /-/events`: the changes of a table as they come, as server-sent events.
//!
//! The table keeps them (see `events` in crates/table); a stream reads on behind the last one that its client has taken.
//! Whoever makes a change knows nothing of streams, and a client that does not read costs its own events only.

use super::gate::Call;
use super::problem::Problem;
use crate::Gatehouse;
use gatehouse_live::table::{Refused, SharedTable};
use gatehouse_live::{Slice, SystemClock};
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::reply::{Next, Producer, Reply};
use gatehouse_nginx::{Request, Zone, running};
use gatehouse_table::api::{ETag, OWNERS, Query};
use gatehouse_table::route::{Key, write_text};
use gatehouse_table::table::{Event, Following, Owner, Position, Table, What};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Most streams of a worker.
const MOST: usize = 64;
/// How often a stream looks for events: one word of memory.
const LOOK: Duration = Duration::from_millis(50);
/// A comment is sent after so long without an event: proxies close what is silent.
const SILENCE_MS: u64 = 15_000;
/// How often a stream says that there is somebody.
const WATCH_MS: u64 = 1_000;
/// Bytes of a piece, about.
const PIECE: usize = 16 * 1024;
/// How long the making of a piece may take.
const SLICE: Duration = Duration::from_millis(2);

thread_local! {
    static STREAMS: Cell<usize> = const { Cell::new(0) };
}

/// One of this worker's streams.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        let count = STREAMS.get();
        (count < MOST).then(|| {
            STREAMS.set(count.saturating_add(1));
            Self
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        STREAMS.set(STREAMS.get().saturating_sub(1));
    }
}

/// `GET /-/events`
pub(super) fn follow(r: Request<'_>, call: &Call<'_>) -> Result<Reply, Problem> {
    Query::parse(r.args(), &[])?;
    let routes = call.table.routes().ok_or(Refused::NoTable)?;
    let seat = Seat::take().ok_or_else(|| {
        let text = format!("this worker has {MOST} streams of events already");
        Problem::new(503, "too_many_streams", text).with("Retry-After", "1")
    })?;
    let (end, now_ms) = (routes.events_end(), process::now_ms());
    let position = match r.header(b"last-event-id") {
        Some(id) if !id.is_empty() => position_of(id),
        _ => Some(end),
    };
    // From here on there is somebody.
    routes.watch_events(now_ms);
    let mut stream = Stream {
        table: Rc::clone(call.table.shared()),
        _seat: seat,
        position: position.unwrap_or(end),
        first: Vec::new(),
        sent_ms: now_ms,
        watched_ms: now_ms,
    };
    if position.is_none() {
        stream.first.extend_from_slice(&reset(end));
    } else {
        // Without data this is no event: it tells the client where it is.
        let line = format!(
            ": changes of \"{}\"\nid: {}\n\n",
            call.table.name(),
            stream.position.number()
        );
        stream.first.extend_from_slice(line.as_bytes());
    }
    Ok(Reply::new(200)
        .header("Content-Type", "text/event-stream")
        .header("Cache-Control", "no-store")
        .header("X-Content-Type-Options", "nosniff")
        // An nginx in front is not to keep events back.
        .header("X-Accel-Buffering", "no")
        .stream(stream))
}

fn position_of(id: &[u8]) -> Option<Position> {
    let number = std::str::from_utf8(id).ok()?.parse().ok()?;
    Some(Position::from_number(number))
}

/// What a client is told that has missed events: it reads the list again.
fn reset(end: Position) -> Vec<u8> {
    let number = end.number();
    format!("id: {number}\nevent: reset\ndata: {{}}\n\n").into_bytes()
}

/// The body of such an answer.
struct Stream {
    table: Rc<SharedTable<Zone>>,
    _seat: Seat,
    position: Position,
    /// What is sent first.
    first: Vec<u8>,
    sent_ms: u64,
    watched_ms: u64,
}

impl Stream {
    /// Whether the table is still that of the configuration that runs, in a worker that stays.
    fn goes_on(&self) -> bool {
        let is_this = |main: &crate::Main| {
            let mut tables = main.upstream.tables.iter();
            tables.any(|table| Rc::ptr_eq(table.shared(), &self.table))
        };
        !process::exiting() && running::<Gatehouse, _>(is_this).unwrap_or(false)
    }

    /// Writes what has happened since.
    fn write(&mut self, routes: &Table<'_>, out: &mut Vec<u8>) -> Next {
        let clock = SystemClock::start();
        let slice = Slice::new(&clock, SLICE);
        loop {
            match self.position.next(routes) {
                Following::Nothing => return Next::Later(LOOK),
                Following::Event(event) => self.write_event(routes, &event, out),
                Following::Lost => {
                    self.position = routes.events_end();
                    out.extend_from_slice(&reset(self.position));
                }
            }
            if out.len() >= PIECE || slice.is_over() {
                return Next::More;
            }
        }
    }

    fn write_event(&self, routes: &Table<'_>, event: &Event, out: &mut Vec<u8>) {
        let kind = match event.what {
            What::Put(_) => "put",
            What::Remove(_) => "remove",
            What::Health { .. } => "health",
            What::Feeder { .. } => "feeder",
        };
        let head = format!("id: {}\nevent: {kind}\ndata: ", self.position.number());
        out.extend_from_slice(head.as_bytes());
        let text = String::from_utf8_lossy(&event.text);
        match event.what {
            What::Put(owner) => {
                write_key(&text, owner, out);
                if let Some(tag) = self.tag(routes, &event.text) {
                    member("etag", &tag.to_string(), out);
                }
            }
            What::Remove(owner) => write_key(&text, owner, out),
            What::Health { up, by } => {
                out.extend_from_slice(b"{\"backend\":");
                write_text(&text, out);
                out.extend_from_slice(format!(",\"up\":{up}").as_bytes());
                member("by", by.as_str(), out);
            }
            What::Feeder { up } => {
                out.extend_from_slice(b"{\"feeder\":");
                write_text(&text, out);
                out.extend_from_slice(format!(",\"up\":{up}").as_bytes());
            }
        }
        out.extend_from_slice(b"}\n\n");
    }

    /// The tag of a route as it is now: if it has changed again since, that is the next event.
    fn tag(&self, routes: &Table<'_>, key: &[u8]) -> Option<ETag> {
        let key = Key::parse(key, self.table.mode()).ok()?;
        let (_, version) = self.table.current(&key).ok()??;
        Some(ETag(routes.own_number(), version))
    }
}

fn write_key(key: &str, owner: Owner, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"key\":");
    write_text(key, out);
    if let Some((word, _)) = OWNERS.iter().find(|row| row.1 == owner) {
        member("owner", word, out);
    }
}

fn member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    write_text(value, out);
}

impl Producer for Stream {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        if !self.goes_on() {
            return Next::End;
        }
        let table = Rc::clone(&self.table);
        let Some(routes) = table.routes() else {
            return Next::End;
        };
        let now_ms = process::now_ms();
        if now_ms.saturating_sub(self.watched_ms) >= WATCH_MS {
            routes.watch_events(now_ms);
            self.watched_ms = now_ms;
        }
        out.append(&mut self.first);
        let next = self.write(&routes, out);
        if out.is_empty() && now_ms.saturating_sub(self.sent_ms) >= SILENCE_MS {
            out.extend_from_slice(b":\n\n");
        }
        if !out.is_empty() {
            self.sent_ms = now_ms;
        }
        next
    }
}
