//! What a check sends.

use super::{Check, Kind};
use gatehouse_base::digest::{Algorithm, Encoding, MAX_RAW};

/// What one check asks, and how its answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The bytes to be sent; none for [`Kind::Tcp`].
    pub bytes: Vec<u8>,
    /// The `Sec-WebSocket-Accept` that the answer must have.
    pub accept: Option<String>,
}

impl Question {
    /// A check of a backend whose own name or address, with its port, is `host`; `nonce` is any number.
    #[must_use]
    pub fn new(check: &Check, host: &str, nonce: u128) -> Self {
        let (uri, host) = (check.uri.as_str(), check.host.as_deref().unwrap_or(host));
        let head = |more: &str| {
            format!(
                "GET {uri} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: gatehouse-check\r\nAccept: */*\r\n{more}\r\n"
            )
        };
        match check.kind {
            Kind::Tcp => Self {
                bytes: Vec::new(),
                accept: None,
            },
            Kind::Http => Self {
                bytes: head("Connection: close\r\n").into_bytes(),
                accept: None,
            },
            Kind::WebSocket => {
                let key = base64(&nonce.to_be_bytes());
                let more = format!(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                );
                Self {
                    bytes: head(&more).into_bytes(),
                    accept: Some(accept_of(&key)),
                }
            }
        }
    }
}

/// The `Sec-WebSocket-Accept` of a key (RFC 6455, section 4.2.2).
#[must_use]
pub fn accept_of(key: &str) -> String {
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let mut raw = [0; MAX_RAW];
    let hash = Algorithm::Sha1.hash_into(&mut raw, |sink| {
        sink(key.as_bytes());
        sink(GUID.as_bytes());
        Some(())
    });
    base64(hash.unwrap_or_default())
}

fn base64(raw: &[u8]) -> String {
    let mut text = vec![0; Encoding::Base64.encoded_len(raw.len())];
    let written = Encoding::Base64.encode(raw, &mut text);
    text.truncate(written.unwrap_or(0));
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_of_the_rfc() {
        // RFC 6455, section 1.3.
        assert_eq!(
            accept_of("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn a_request_is_whole() {
        let check = Check {
            uri: "/health?a=1".into(),
            ..Check::default()
        };
        let asked = Question::new(&check, "10.0.0.5:3000", 0);
        assert_eq!(
            String::from_utf8(asked.bytes).unwrap(),
            "GET /health?a=1 HTTP/1.1\r\nHost: 10.0.0.5:3000\r\nUser-Agent: gatehouse-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let check = Check {
            kind: Kind::WebSocket,
            host: Some("app.test".into()),
            ..Check::default()
        };
        let asked = Question::new(&check, "10.0.0.5:3000", 7);
        let text = String::from_utf8(asked.bytes).unwrap();
        assert!(text.contains("\r\nHost: app.test\r\n"), "{text}");
        assert!(
            text.contains("\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAABw==\r\n"),
            "{text}"
        );
        assert_eq!(asked.accept, Some(accept_of("AAAAAAAAAAAAAAAAAAAABw==")));
        let check = Check {
            kind: Kind::Tcp,
            ..Check::default()
        };
        assert!(Question::new(&check, "10.0.0.5:3000", 0).bytes.is_empty());
    }
}
