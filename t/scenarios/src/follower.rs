//! Somebody who follows the events of a table over HTTP.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest that an event may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) data: String,
}

impl Event {
    /// A member of its data.
    pub(super) fn get(&self, name: &str) -> &str {
        let rest = self.data.split(&format!("\"{name}\":")).nth(1);
        let value = rest.unwrap_or_default().trim_start_matches('"');
        value.split(['"', ',', '}']).next().unwrap_or_default()
    }

    pub(super) fn is(&self, kind: &str, name: &str, value: &str) -> bool {
        self.kind == kind && self.get(name) == value
    }
}

/// Somebody who follows a table.
pub(super) struct Follower {
    stream: TcpStream,
    text: String,
    /// Where the client is.
    pub(super) id: String,
}

impl Follower {
    /// Begins, perhaps behind an event, and waits for the first line: from there on nothing is missed.
    pub(super) fn start(port: u16, last: Option<&str>) -> Result<Self, String> {
        let mut follower = Self::ask(port, last)?;
        let first = follower.block()?.unwrap_or_default();
        let id = first.lines().find_map(|line| line.strip_prefix("id: "));
        follower.id = id.ok_or("no first line")?.to_owned();
        Ok(follower)
    }

    /// HTTP/1.0, so that nothing is between the events.
    pub(super) fn ask(port: u16, last: Option<&str>) -> Result<Self, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
        let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        let head = format!("GET /_apps/-/events HTTP/1.0\r\nHost: x\r\n{last}\r\n");
        stream
            .write_all(head.as_bytes())
            .map_err(|e| e.to_string())?;
        let time = Some(Duration::from_millis(200));
        stream.set_read_timeout(time).map_err(|e| e.to_string())?;
        let (text, id) = (String::new(), String::new());
        let mut follower = Self { stream, text, id };
        let head = follower.block()?.ok_or("no answer")?;
        let fine = [
            "HTTP/1.1 200 ",
            "Content-Type: text/event-stream",
            "Cache-Control: no-store",
        ];
        match fine.iter().find(|line| !head.contains(*line)) {
            Some(line) => Err(format!("no \"{line}\" in {head}")),
            None => Ok(follower),
        }
    }

    /// Lines up to an empty one; None at the end of the stream.
    pub(super) fn block(&mut self) -> Result<Option<String>, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let end = ["\r\n\r\n", "\n\n"].iter().find_map(|end| {
                let at = self.text.find(end)?;
                Some((at, end.len()))
            });
            if let Some((at, len)) = end {
                let block: String = self.text.drain(..at + len).collect();
                return Ok(Some(block.trim_end().to_owned()));
            }
            let mut buf = [0; 16 * 1024];
            match self.stream.read(&mut buf) {
                Ok(0) => return Ok(None),
                Ok(len) => self
                    .text
                    .push_str(&String::from_utf8_lossy(buf.get(..len).unwrap_or_default())),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if Instant::now() > until {
                        return Err(format!("no event came behind {}", self.id));
                    }
                }
                Err(e) => return Err(e.to_string()),
            }
        }
    }

    /// The next event; None at the end of the stream.
    pub(super) fn next(&mut self) -> Result<Option<Event>, String> {
        let until = Instant::now() + PATIENCE;
        while let Some(block) = self.block()? {
            let field = |name: &str| {
                let mut lines = block.lines();
                let value = lines.find_map(|line| line.strip_prefix(name));
                value.unwrap_or_default().trim().to_owned()
            };
            let (id, kind, data) = (field("id:"), field("event:"), field("data:"));
            if !id.is_empty() {
                self.id.clone_from(&id);
            }
            if !data.is_empty() {
                return Ok(Some(Event { id, kind, data }));
            }
            if Instant::now() > until {
                return Err(format!("no event behind {}", self.id));
            }
        }
        Ok(None)
    }

    pub(super) fn expect(&mut self, kind: &str, name: &str, value: &str) -> Result<Event, String> {
        match self.next()? {
            Some(event) if event.is(kind, name, value) => Ok(event),
            other => Err(format!("{other:?} instead of {kind} {name} {value}")),
        }
    }

    /// The events up to the one of this key.
    pub(super) fn until(&mut self, key: &str) -> Result<Vec<Event>, String> {
        let mut found = Vec::new();
        loop {
            let event = self.next()?.ok_or("the stream ended")?;
            if event.kind == "reset" {
                return Err(format!("a reset after {} events", found.len()));
            }
            let is_last = event.get("key") == key;
            found.push(event);
            if is_last {
                return Ok(found);
            }
        }
    }
}
