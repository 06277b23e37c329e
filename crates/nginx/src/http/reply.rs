//! Answers of a content handler.

use std::time::Duration;

/// What a content handler answers.
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Source,
}

/// Where a reply's body comes from.
pub(crate) enum Source {
    /// There is none; for an error nginx sends its page, or that of `error_page`.
    Nothing,
    Bytes(Vec<u8>),
    Producer(Box<dyn Producer>),
}

/// What comes after a piece of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another piece, when the client has taken this one.
    More,
    /// Another piece, after so much time at the earliest. A worker that is told to go waits for it: see
    /// [`crate::ffi::process::exiting`].
    Later(Duration),
    /// Nothing.
    End,
    /// The reply cannot go on: the client sees that it was cut.
    Failed,
}

/// Makes a reply's body piece by piece, each when the client has taken the one before.
///
/// A piece should have some ten thousand bytes, and take at most 5 ms to make: everything else waits meanwhile.
pub trait Producer: 'static {
    /// Puts a piece behind `out`, which is empty.
    fn next(&mut self, out: &mut Vec<u8>) -> Next;
}

impl<F: FnMut(&mut Vec<u8>) -> Next + 'static> Producer for F {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        self(out)
    }
}

/// Header lines that are nginx's own.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

impl Reply {
    /// An answer without a body: 200 to 599. An error has nginx's page, or that of `error_page`.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Source::Nothing,
        }
    }

    /// Adds a header line. One with a control character, or one that frames the answer (`Content-Length` and the
    /// like), makes it a 500.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Its body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Source::Bytes(body.into());
        self
    }

    /// Its body, made piece by piece; the length is not announced.
    #[must_use]
    pub fn stream(mut self, producer: impl Producer) -> Self {
        self.body = Source::Producer(Box::new(producer));
        self
    }

    /// Whether nginx can send it.
    pub(crate) fn is_sound(&self) -> bool {
        let plain = |text: &str| text.bytes().all(|b| b >= 0x20 && b != 0x7f || b == b'\t');
        let name = |text: &str| {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            !text.is_empty()
                && text.bytes().all(token)
                && !FRAMING.iter().any(|one| text.eq_ignore_ascii_case(one))
        };
        (200..600).contains(&self.status)
            && self
                .headers
                .iter()
                .all(|(key, value)| name(key) && plain(value))
    }
}
