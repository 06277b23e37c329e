//! One request: what is sent, and which tokens are in it.

use std::fmt;

use super::site::{ADDRESSES, Server};

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Arg(&'static str),
    Cookie(&'static str),
    Header(&'static str),
    Path,
}

/// A token in a request, good or bad.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub carrier: Carrier,
    /// Bytes that stand in no other token.
    pub needle: Vec<u8>,
}

/// How long a needle is.
pub(super) const NEEDLE: usize = 12;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Http10,
    Http11,
    Http2,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub number: u64,
    pub server: Server,
    pub wire: Wire,
    pub method: String,
    /// Path and arguments.
    pub target: Vec<u8>,
    /// The host in front of the target, where it is in absolute form.
    pub absolute: Option<String>,
    /// In order, without those that frame the body.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub tokens: Vec<Token>,
}

impl Request {
    /// The value of a header's first line.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut lines = self.headers.iter();
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The target as nginx takes it: a host alone is its root.
    pub(super) fn received(&self) -> &[u8] {
        if self.target.is_empty() {
            return b"/";
        }
        &self.target
    }

    /// `$host`, as nginx's documentation has it; an error: nginx answers 400.
    pub(super) fn host(&self) -> Result<String, ()> {
        let lines = self.headers.iter();
        let hosts: Vec<&[u8]> = lines
            .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map(|(_, value)| value.as_slice())
            .collect();
        let header = match hosts.as_slice() {
            [] if self.wire == Wire::Http10 => None,
            [one] => Some(valid_host(one).ok_or(())?),
            _ => return Err(()),
        };
        match &self.absolute {
            // In front of a target nginx takes letters, digits, dots and hyphens.
            Some(host)
                if !host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b)) =>
            {
                Err(())
            }
            Some(host) => valid_host(host.as_bytes()).ok_or(()),
            None => Ok(header.unwrap_or_default()),
        }
    }

    /// Whether nginx has taken a host from it, also when it refuses the request for what comes behind.
    pub(super) fn has_named_host(&self) -> bool {
        let named = match &self.absolute {
            Some(host) => valid_host(host.as_bytes()),
            None => self.header("host").and_then(valid_host),
        };
        named.is_some_and(|name| !name.is_empty())
    }

    /// The client's address, as realip makes it.
    pub(super) fn address(&self) -> &'static str {
        let said = self.header("X-Test-IP").unwrap_or_default();
        let known = ADDRESSES.iter().find(|one| one.as_bytes() == said);
        known.copied().unwrap_or("127.0.0.1")
    }

    /// The bytes of HTTP/1.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = self.method.clone().into_bytes();
        out.push(b' ');
        if let Some(host) = &self.absolute {
            out.extend_from_slice(b"http://");
            out.extend_from_slice(host.as_bytes());
        }
        out.extend_from_slice(&self.target);
        let version: &[u8] = match self.wire {
            Wire::Http10 => b" HTTP/1.0\r\n",
            _ => b" HTTP/1.1\r\n",
        };
        out.extend_from_slice(version);
        for (name, value) in &self.headers {
            out.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        if !self.body.is_empty() {
            out.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// As a line that a shell's `printf` can send.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes().escape_ascii().to_string();
        write!(f, "{text} ({:?}, {:?})", self.wire, self.server)
    }
}

/// Lower-cased, without port and without a dot at the end.
fn valid_host(host: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(host).ok()?.to_ascii_lowercase();
    let name = text.split(':').next().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    let bad = name.is_empty()
        || text.contains("..")
        || text.bytes().any(|b| b == b'/' || b <= b' ' || b == 0x7f);
    (!bad).then(|| name.to_owned())
}
