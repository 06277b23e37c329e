//! The requests of a registration: HTTP/1.1 without TLS, one connection each.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Where registrations go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// `HOST[:PORT]`, as the URL has it.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// What the error says, if it is one.
    pub(super) message: String,
}

/// The longest that connecting, and then each read and write, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer that are looked at.
const ANSWER_MAX: u64 = 16 * 1024;
const HEADERS: usize = 64;

impl Address {
    /// Reads `http://HOST[:PORT]/PATH`.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the URL \"{url}\" {why}");
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| wrong("does not begin with http://"))?;
        let is_plain = |b: u8| b.is_ascii_graphic() && b != b'#' && b != b'?';
        if !rest.bytes().all(is_plain) {
            return Err(wrong("has a character that it cannot have"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse().map_err(|_| wrong("has an invalid port"))?,
            ),
            _ => (authority, 80),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() || host.contains('@') || port == 0 {
            return Err(wrong("has no host, or more than a host and a port"));
        }
        Ok(Self {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: format!("/{path}"),
        })
    }

    /// Sends a request without a body.
    pub(super) fn send(
        &self,
        method: &str,
        query: &str,
        key: Option<&str>,
    ) -> Result<Answer, String> {
        let head = self.head(method, query, key);
        let answer = self.exchange(head.as_bytes()).map_err(|e| e.to_string())?;
        read_answer(&answer).ok_or_else(|| "the answer is not HTTP".to_owned())
    }

    fn head(&self, method: &str, query: &str, key: Option<&str>) -> String {
        let credential = match key {
            Some(key) => format!("Authorization: Bearer {key}"),
            None => "Content-Type: application/json".to_owned(),
        };
        format!(
            "{method} {}?{query} HTTP/1.1\r\nHost: {}\r\n{credential}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        )
    }

    fn exchange(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut failed = std::io::Error::other("the host has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return converse(stream, request),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

fn converse(mut stream: TcpStream, request: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}

fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(end) = head.parse(bytes).ok()? else {
        return None;
    };
    let body = bytes.get(end..).unwrap_or_default();
    let error: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = error
        .as_ref()
        .and_then(|e| e.pointer("/error/message")?.as_str());
    Some(Answer {
        status: head.code?,
        message: message.unwrap_or_default().to_owned(),
    })
}

/// Percent-encodes a value of a query.
pub(super) fn encode(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused() {
        for (url, host, port, path) in [
            ("http://router/_join", "router", 80, "/_join"),
            ("http://10.0.0.1:8081/_join", "10.0.0.1", 8081, "/_join"),
            ("http://[::1]:81", "::1", 81, "/"),
            ("http://[::1]/a/b", "::1", 80, "/a/b"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!(
                (&*address.host, address.port, &*address.path),
                (host, port, path)
            );
        }
        for url in [
            "https://a/",
            "router/_join",
            "http:///x",
            "http://a:x/",
            "http://a:0/",
            "http://a/x?y",
            "http://a/\r\nX: y",
            "http://u@a/",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn answers_are_read() {
        let text = b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n{\"error\":{\"code\":\"x\",\"message\":\"not here\"}}";
        let answer = read_answer(text).unwrap();
        assert_eq!((answer.status, &*answer.message), (403, "not here"));
        assert_eq!(
            read_answer(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap()
                .status,
            204
        );
        assert_eq!(read_answer(b"HTTP/1.1 2"), None);
        assert_eq!(read_answer(b"nonsense"), None);
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encode("*.a-b_c.test:1&x"), "%2A.a-b_c.test%3A1%26x");
    }
}
