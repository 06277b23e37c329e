//! Requests to the API.

use std::env;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::Body;

use crate::Failure;
use crate::http::{self, Error, Response};

/// Where the API is unless somebody says otherwise: as in the documentation.
const USUAL: &str = "http://127.0.0.1:8081/_apps/";
/// A bulk change of a million routes takes less.
const PATIENCE: Duration = Duration::from_secs(600);

/// One nginx's API.
pub(super) struct Client {
    client: http::Client,
    /// Ends in a slash.
    base: String,
}

/// An answer of 200 to 299.
pub(super) struct Reply {
    response: Response<Body>,
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
        let settings = http::settings()
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(Duration::from_secs(10)));
        Ok(Self {
            client: http::Client::new(settings.build(), key_file)?,
            base: format!("{base}{slash}"),
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
        let response = self.client.send(method, &url, body);
        let response = response.map_err(|error| match error {
            Error::Http(error) => Failure::Wrong(format!("{url}: {error}")),
            error => Failure::Unreachable(format!("{url}: {error}")),
        })?;
        if response.status().is_success() {
            return Ok(Reply { response });
        }
        Err(failure(&url, response))
    }
}

/// What the API says of a request that it does not do.
fn failure(url: &str, response: Response<Body>) -> Failure {
    let status = response.status().as_u16();
    let error = http::error(response);
    let member = |name: &str| error.get(name).and_then(Value::as_str);
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
