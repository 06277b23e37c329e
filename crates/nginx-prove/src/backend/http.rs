//! The HTTP backend: it shows, byte for byte, what reached it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use bstr::ByteSlice;

use super::head::{header, read_head};
use super::shared::Shared;
use super::websocket::{self, WsMode};
use crate::http::ParseError;

/// Serves one connection until the peer closes it or asks for that; with `sockets`, a request for a WebSocket gets one.
pub(super) fn connection(mut stream: TcpStream, shared: &Shared, sockets: bool) {
    let mut buffered = Vec::new();
    while let Some((head, rest)) = read_head(&mut stream, std::mem::take(&mut buffered)) {
        if sockets && header(&head, "Upgrade").is_some_and(|v| v.eq_ignore_ascii_case("websocket"))
        {
            return websocket::continued(stream, shared, WsMode::Echo, &head, rest);
        }
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let Some((body, rest)) = read_body(&mut stream, &head, rest) else {
            return;
        };
        buffered = rest;
        let (method, path) = target(&head);
        match path.as_str() {
            "/close" => return,
            "/truncated" => {
                let _ = stream.write_all(&answer(shared, &method, &path, &head, &body, false));
                return;
            }
            // Until the peer gives up.
            "/hang" => return drop(std::io::copy(&mut stream, &mut std::io::sink())),
            _ => {}
        }
        let keep = keeps_alive(&head);
        if stream
            .write_all(&answer(shared, &method, &path, &head, &body, keep))
            .is_err()
            || !keep
        {
            return;
        }
    }
}

fn target(head: &[u8]) -> (String, String) {
    let line = head
        .lines()
        .next()
        .unwrap_or_default()
        .as_bstr()
        .to_string();
    let mut words = line.split(' ');
    let method = words.next().unwrap_or("").to_owned();
    let path = words
        .next()
        .unwrap_or("")
        .split('?')
        .next()
        .unwrap_or("")
        .to_owned();
    (method, path)
}

fn keeps_alive(head: &[u8]) -> bool {
    let connection = header(head, "Connection")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let line = head.lines().next().unwrap_or_default();
    if line.ends_with(b"HTTP/1.0") {
        connection.contains("keep-alive")
    } else {
        !connection.contains("close")
    }
}

/// Reads the body the head announces; `None` when the connection ends first.
fn read_body(stream: &mut TcpStream, head: &[u8], rest: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    if header(head, "Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return read_until(stream, rest, |bytes| {
            match crate::http::decode_chunked(bytes) {
                Ok((body, used)) => Some((body, used)),
                Err(ParseError::Partial | ParseError::Bad(_)) => None,
            }
        });
    }
    let length: usize = header(head, "Content-Length")
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    read_until(stream, rest, |bytes| {
        bytes.get(..length).map(|body| (body.to_vec(), length))
    })
}

fn read_until(
    stream: &mut TcpStream,
    mut bytes: Vec<u8>,
    take: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut chunk = vec![0_u8; 64 << 10];
    loop {
        if let Some((body, used)) = take(&bytes) {
            return Some((body, bytes.split_off(used)));
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(chunk.get(..count)?);
    }
}

fn answer(
    shared: &Shared,
    method: &str,
    path: &str,
    head: &[u8],
    body: &[u8],
    keep: bool,
) -> Vec<u8> {
    let status = path
        .strip_prefix("/status/")
        .and_then(|rest| rest.split('/').next())
        .and_then(|n| n.parse::<u16>().ok())
        .unwrap_or(200);
    let content = if path == "/accepts" {
        format!(
            "name={}\naccepts={}\n",
            shared.name,
            shared.accepts.load(Ordering::SeqCst)
        )
        .into_bytes()
    } else {
        [format!("name={}\n", shared.name).as_bytes(), head, body].concat()
    };
    // An answer that promises more than it gives.
    let promised = if path == "/truncated" {
        content.len().saturating_add(10)
    } else {
        content.len()
    };
    let connection = if keep { "keep-alive" } else { "close" };
    let mut out = format!(
        "HTTP/1.1 {status} Mock\r\nContent-Type: text/plain\r\nContent-Length: {promised}\r\nX-Backend: {}\r\nConnection: {connection}\r\n\r\n",
        shared.name
    )
    .into_bytes();
    if method != "HEAD" && !matches!(status, 204 | 304) {
        out.extend_from_slice(&content);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::backend::Backend;
    use crate::http::{Packet, Response, exchange, parse};

    fn get(port: u16, request: &str) -> Vec<Response> {
        let packet = Packet {
            data: request.as_bytes().to_vec(),
            delay: Duration::ZERO,
        };
        let received = exchange(port, &[packet], Duration::from_secs(3)).unwrap();
        let mut rest = received.bytes.as_slice();
        let mut responses = Vec::new();
        while !rest.is_empty() {
            let (response, used) =
                parse(rest, request.starts_with("HEAD"), received.closed).unwrap();
            responses.push(response);
            rest = &rest[used..];
        }
        responses
    }

    #[test]
    fn shows_the_request() {
        let backend = Backend::http("one").unwrap();
        let request = "GET /a?b HTTP/1.1\r\nX-Y:  z\r\nConnection: close\r\n\r\n";
        let responses = get(backend.port(), request);
        assert_eq!(responses[0].text(), format!("name=one\n{request}"));
        assert_eq!(responses[0].header("X-Backend").as_deref(), Some("one"));
    }

    #[test]
    fn keep_alive_bodies_and_statuses() {
        let backend = Backend::http("two").unwrap();
        let responses = get(
            backend.port(),
            "POST /status/503 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /accepts HTTP/1.1\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(responses[0].status, 503);
        assert!(responses[0].text().ends_with("\r\n\r\nabc"));
        assert!(responses[1].text().ends_with("\r\n\r\nde"));
        assert_eq!(responses[2].text(), "name=two\naccepts=1\n");
        assert_eq!((backend.accepts(), backend.requests()), (1, 3));
    }

    #[test]
    fn close_gives_no_answer() {
        let backend = Backend::http("three").unwrap();
        assert!(get(backend.port(), "GET /close HTTP/1.1\r\n\r\n").is_empty());
        assert!(
            get(backend.port(), "HEAD / HTTP/1.0\r\n\r\n")[0]
                .body
                .is_empty()
        );
    }
}
