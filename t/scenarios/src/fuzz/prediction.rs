//! What the model says of a request: who is asked what, what the client gets, which tokens are gone.

use super::request::Carrier;
use super::tokens::Profile;

/// A request that a backend must get, or a page that only such a request may have put into the cache.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub backend: usize,
    pub loc: &'static str,
    pub method: String,
    pub host: String,
    /// The path that was checked, as `$uri` has it.
    pub path: Vec<u8>,
    pub args: Vec<u8>,
    /// The target byte for byte, where nginx passes it as it came.
    pub exact: Option<Vec<u8>>,
    /// `$upstream_lookup_result:$upstream_lookup_key`.
    pub route: String,
    /// The cache may answer for the backend.
    pub cached: bool,
    /// Headers as they must arrive.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The profiles whose tokens must be gone.
    pub strips: Vec<Strip>,
}

/// A profile in force and whether `Authorization` goes too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    pub profile: &'static Profile,
    pub authorization: bool,
}

impl Strip {
    /// Whether it takes out what this carries.
    pub(super) fn covers(&self, carrier: &Carrier) -> bool {
        match carrier {
            Carrier::Arg(name) => self.profile.is_arg(name.as_bytes()),
            Carrier::Cookie(name) => self.profile.is_cookie(name.as_bytes()),
            Carrier::Header(name) => self.header(name),
            Carrier::Path => self.profile.has_path(),
        }
    }

    /// Whether it takes this header out.
    pub(super) fn header(&self, name: &str) -> bool {
        self.profile.is_header(name)
            && (self.authorization || !name.eq_ignore_ascii_case("authorization"))
    }
}

/// What the client must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The answer to the last hit.
    Page,
    /// This text.
    Text(&'static str),
    /// nginx's own page: nothing a backend has said.
    Builtin,
}

/// One way in which a request may rightly go.
#[derive(Clone, Debug)]
pub(super) struct Prediction {
    /// The status, or one of several; 444: the connection closes.
    pub statuses: Vec<u16>,
    pub hits: Vec<Hit>,
    pub answer: Answer,
    /// The profiles that were in force somewhere.
    pub strips: Vec<Strip>,
    /// Where the request ended, for the report.
    pub ended: &'static str,
}
