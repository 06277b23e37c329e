//! How backends are checked: the `check` line of a table, and what a route says instead.

pub mod own;
mod statuses;

pub use own::{Over, Own};
pub use statuses::Statuses;

/// How a backend is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An HTTP request, whose answer has a status that is expected.
    Http,
    /// A connection, and for an `https` backend the TLS handshake.
    Tcp,
    /// The opening handshake of a WebSocket (RFC 6455, section 4).
    WebSocket,
}

impl Kind {
    /// Every kind with its word.
    pub const ALL: [(&str, Self); 3] = [
        ("http", Self::Http),
        ("tcp", Self::Tcp),
        ("websocket", Self::WebSocket),
    ];
}

/// The `check` line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How a backend is asked.
    pub kind: Kind,
    /// The target of the request.
    pub uri: String,
    /// Its `Host`; None for the backend's own name or address.
    pub host: Option<String>,
    /// Milliseconds from one check of a backend to the next; a tenth more or less, so that they do not all come at once.
    pub interval_ms: u64,
    /// Milliseconds that a check may take.
    pub timeout_ms: u64,
    /// Good answers in a row that take a backend in again.
    pub rise: u8,
    /// Bad ones that take it out.
    pub fall: u8,
    /// Statuses that are good.
    pub expect: Statuses,
    /// Checks that begin in a second, at most, of all backends together.
    pub max_rate: u32,
    /// Backends that no request went to for so many milliseconds are not checked; 0: all are.
    pub idle_ms: u64,
    /// With more of a hundred checked backends down than this, checks take none out.
    pub panic: u8,
    /// A new backend gets no request before its first good answer.
    pub first: bool,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            kind: Kind::Http,
            uri: "/".into(),
            host: None,
            interval_ms: 5_000,
            timeout_ms: 1_000,
            rise: 2,
            fall: 3,
            expect: Statuses::default(),
            max_rate: 1_000,
            idle_ms: 600_000,
            panic: 50,
            first: false,
        }
    }
}
