//! Requests to an nginx: HTTP without TLS.

use std::io::Read;
use std::path::Path;

use serde_json::Value;
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;
use ureq::{Agent, Body};

pub(crate) use ureq::Error;
pub(crate) use ureq::http::{Response, Uri};

use crate::{Failure, files};

/// Sends requests, with the key of a file if there is one.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    authorization: Option<String>,
}

/// Bytes of a short answer that are looked at.
const BODY_MAX: u64 = 64 << 10;

/// What all requests have in common; the times that they may take are added.
pub(crate) fn settings() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
}

impl Client {
    pub(crate) fn new(settings: Config, key_file: Option<&Path>) -> Result<Self, Failure> {
        let key = key_file.map(files::key).transpose()?;
        Ok(Self {
            agent: settings.into(),
            authorization: key.map(|key| format!("Bearer {key}")),
        })
    }

    /// Sends a request; an answer of any status is one.
    pub(crate) fn send(
        &self,
        method: &str,
        url: &str,
        body: Option<&str>,
    ) -> Result<Response<Body>, Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if method != "GET" {
            request = request.header("Content-Type", "application/json");
        }
        // An empty body that is not named would be sent in chunks.
        match body.or((method == "POST").then_some("")) {
            Some(body) => self.agent.run(request.body(body.as_bytes())?),
            None => self.agent.run(request.body(())?),
        }
    }
}

/// The JSON of a short answer; null where it is none.
pub(crate) fn body(response: Response<Body>) -> Value {
    let read = response.into_body().into_reader().take(BODY_MAX);
    serde_json::from_reader(read).unwrap_or_default()
}

/// The `error` that an answer holds; null where it holds none.
pub(crate) fn error(response: Response<Body>) -> Value {
    let mut body = body(response);
    body.get_mut("error").map(Value::take).unwrap_or_default()
}

/// A text as a segment of a path, or as a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~*".contains(&b);
    let one = |b: u8| {
        if plain(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    /// What is made of an answer of these bytes.
    fn answered(bytes: &'static [u8]) -> Result<(u16, Value), Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let read = stream.read(&mut [0; 4096]).unwrap();
            assert!(read > 0);
            stream.write_all(bytes).unwrap();
        });
        let client = Client::new(settings().build(), None).unwrap();
        let answer = client.send("POST", &url, None);
        server.join().unwrap();
        answer.map(|answer| (answer.status().as_u16(), error(answer)))
    }

    #[test]
    fn answers_are_read() {
        let text = b"HTTP/1.1 403 Forbidden\r\nA: b\r\n\r\n{\"error\":{\"code\":\"x\",\"message\":\"not here\"}}";
        let (status, error) = answered(text).unwrap();
        let message = error.get("message").and_then(Value::as_str);
        assert_eq!((status, message), (403, Some("not here")));
        let empty = answered(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(empty, (204, Value::Null));
        assert!(answered(b"HTTP/1.1 2").is_err());
        assert!(answered(b"nonsense").is_err());
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encoded("*.a-b_c.test:1&x"), "*.a-b_c.test%3A1%26x");
    }
}
