//! The client: one keep-alive connection, which checks every answer.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What every browser sends. A token may be looked for in these lines, so they are there.
const USUAL: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101\r\n\
    Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n";
/// A session that nobody has begun.
const NO_SESSION: &str = "session=0123456789abcdef";

/// What opens a WebSocket besides.
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

pub(crate) struct Client {
    out: TcpStream,
    input: BufReader<TcpStream>,
    /// All bodies so far, as one number.
    bodies: DefaultHasher,
    /// The cookie that came with an answer, for each host, if they are sent again.
    sessions: Option<HashMap<String, String>>,
}

/// The text of a request that begins no session.
pub(crate) fn rendered(target: &str, lines: &str) -> String {
    text(target, lines, NO_SESSION)
}

fn text(target: &str, lines: &str, session: &str) -> String {
    let cookies = format!("Cookie: {session}; theme=dark\r\n");
    format!("GET {target} HTTP/1.1\r\n{lines}{USUAL}{cookies}\r\n")
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Self, String> {
        let out = TcpStream::connect(address).map_err(|e| format!("{address}: {e}"))?;
        out.set_nodelay(true).map_err(|e| e.to_string())?;
        out.set_read_timeout(Some(Duration::from_secs(60)))
            .map_err(|e| e.to_string())?;
        let input = BufReader::new(out.try_clone().map_err(|e| e.to_string())?);
        Ok(Self {
            out,
            input,
            bodies: DefaultHasher::new(),
            sessions: None,
        })
    }

    /// The same; it goes on with the sessions that answers begin.
    pub(crate) fn with_sessions(mut self, keeps: bool) -> Self {
        self.sessions = keeps.then(HashMap::new);
        self
    }

    /// A number that is the same for the same bodies in the same order.
    pub(crate) fn bodies(&self) -> u64 {
        self.bodies.finish()
    }

    /// Sends a request whose first lines are given and takes the answer.
    pub(crate) fn request(
        &mut self,
        target: &str,
        lines: &str,
        expected: u16,
    ) -> Result<(), String> {
        self.send(target, lines)?;
        let told = self.take(expected).map_err(|e| format!("{target}: {e}"))?;
        if let (Some(sessions), Some(cookie)) = (&mut self.sessions, told) {
            sessions.insert(lines.to_owned(), cookie);
        }
        Ok(())
    }

    /// Sends a request whose first lines are given.
    pub(crate) fn send(&mut self, target: &str, lines: &str) -> Result<(), String> {
        let known = self.sessions.as_ref().and_then(|known| known.get(lines));
        let session = known.map_or(NO_SESSION, String::as_str);
        let text = text(target, lines, session);
        self.write(text.as_bytes())
    }

    /// Sends a request that was [rendered] before.
    pub(crate) fn write(&mut self, request: &[u8]) -> Result<(), String> {
        self.out.write_all(request).map_err(|e| e.to_string())
    }

    /// Takes the answer to a request that was sent; the cookie that came with it.
    pub(crate) fn take(&mut self, expected: u16) -> Result<Option<String>, String> {
        let (status, cookie) = self.answer()?;
        if status != expected {
            return Err(format!("answered {status}, expected {expected}"));
        }
        Ok(cookie)
    }

    /// A WebSocket that has been opened by a request with these first lines.
    pub(crate) fn upgraded(address: &str, lines: &str) -> Result<Self, String> {
        let mut client = Self::connect(address)?;
        client.request("/socket", &format!("{lines}{UPGRADE}"), 101)?;
        Ok(client)
    }

    fn answer(&mut self) -> Result<(u16, Option<String>), String> {
        let (mut status, mut length, mut cookie) = (0, 0, None);
        loop {
            let mut line = String::new();
            if self.input.read_line(&mut line).map_err(|e| e.to_string())? == 0 {
                return Err("the connection was closed".into());
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                } else if name.eq_ignore_ascii_case("set-cookie") {
                    cookie = value.split(';').next().map(|pair| pair.trim().to_owned());
                }
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.input
            .read_exact(&mut body)
            .map_err(|e| e.to_string())?;
        body.hash(&mut self.bodies);
        Ok((status, cookie))
    }
}
