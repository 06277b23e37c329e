//! Requests to the API.

use std::env;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, Body, http};

use crate::{Failure, files};

/// Where the API is unless somebody says otherwise: as in the documentation.
const USUAL: &str = "http://127.0.0.1:8081/_apps/";
/// A bulk change of a million routes takes less.
const PATIENCE: Duration = Duration::from_secs(600);

/// One nginx's API.
pub(super) struct Client {
    agent: Agent,
    /// Ends in a slash.
    base: String,
    authorization: Option<String>,
}

/// An answer of 200 to 299.
pub(super) struct Reply {
    response: http::Response<Body>,
}

impl Reply {
    pub(super) fn json(self) -> Result<Value, Failure> {
        serde_json::from_reader(self.reader())
            .map_err(|error| Failure::Unreachable(format!("the answer is no JSON: {error}")))
    }

    /// The body, of any length.
    pub(super) fn reader(self) -> impl Read {
        let body = self.response.into_body();
        body.into_with_config().limit(u64::MAX).reader()
    }
}

impl Client {
    pub(super) fn new(url: Option<&str>, key_file: Option<&Path>) -> Result<Self, Failure> {
        let given = env::var("GATEHOUSE_API").ok();
        let base = url.or(given.as_deref()).unwrap_or(USUAL);
        if !base.starts_with("http://") {
            let text = format!(
                "--api {base}: a URL that begins with http:// is needed; for another machine use a tunnel, such as ssh -L"
            );
            return Err(Failure::Wrong(text));
        }
        let slash = if base.ends_with('/') { "" } else { "/" };
        let authorization = match key_file {
            None => None,
            Some(path) => Some(authorization(path)?),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(Duration::from_secs(10)))
            .max_redirects(0)
            .proxy(None)
            .build();
        Ok(Self {
            agent: config.into(),
            base: format!("{base}{slash}"),
            authorization,
        })
    }

    /// Sends a request to a path below the API; what is no success is an error.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Reply, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = http::Request::builder().method(method).uri(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        if method != "GET" {
            request = request.header("Content-Type", "application/json");
        }
        let wrong = |error: http::Error| Failure::Wrong(format!("{url}: {error}"));
        let sent = match body {
            Some(body) => self
                .agent
                .run(request.body(body.as_bytes()).map_err(wrong)?),
            None => self.agent.run(request.body(()).map_err(wrong)?),
        };
        let response = sent.map_err(|error| Failure::Unreachable(format!("{url}: {error}")))?;
        if response.status().is_success() {
            return Ok(Reply { response });
        }
        Err(failure(&url, response))
    }
}

fn authorization(path: &Path) -> Result<String, Failure> {
    let key = files::read(path)?;
    let text = std::str::from_utf8(&key).map_err(|_| files::refused(path, &"is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(format!("Bearer {text}"))
}

/// What the API says of a request that it does not do.
fn failure(url: &str, response: http::Response<Body>) -> Failure {
    let status = response.status().as_u16();
    let mut text = String::new();
    let read = response.into_body().into_reader().take(64 << 10);
    let _ = read.take(64 << 10).read_to_string(&mut text);
    let error: Value = serde_json::from_str(&text).unwrap_or_default();
    let member = |name: &str| {
        error
            .pointer(&format!("/error/{name}"))
            .and_then(Value::as_str)
    };
    let message = match (member("message"), member("pointer")) {
        (Some(message), Some(pointer)) if !pointer.is_empty() => format!("{message} at {pointer}"),
        (Some(message), _) => message.to_owned(),
        (None, _) => format!("{url} answers with {status}: is it a location of upstream_api?"),
    };
    match status {
        502..=504 => Failure::Unreachable(message),
        _ => Failure::Refused(message),
    }
}

/// A key as a segment of a path, or a value as one of the query.
pub(super) fn encoded(text: &str) -> String {
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
