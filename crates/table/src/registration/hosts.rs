//! Hosts that may be registered: `hosts=PATTERN[,…]`.

use crate::route::{Key, KeyError, Match};
use std::fmt;

/// The patterns of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostList(Vec<Key>);

/// A pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostListError {
    pattern: String,
    why: KeyError,
}

impl fmt::Display for HostListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid pattern \"{}\" ({})", self.pattern, self.why)
    }
}

impl HostList {
    /// Reads patterns with commas between them: a host, `*.parent`, or `*` for every host.
    ///
    /// # Errors
    /// The first one that is none.
    pub fn parse(text: &str) -> Result<Self, HostListError> {
        let pattern = |text: &str| {
            Key::parse(text.as_bytes(), Match::Host).map_err(|why| HostListError {
                pattern: text.to_owned(),
                why,
            })
        };
        text.split(',')
            .map(pattern)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a host may be registered. A wildcard and the default route must be listed as such.
    #[must_use]
    pub fn allows(&self, host: &Key) -> bool {
        let host = host.as_bytes();
        let is_wildcard = host.starts_with(b"*");
        self.0.iter().map(Key::as_bytes).any(|pattern| {
            pattern == host || !is_wildcard && (pattern == b"*" || is_below(host, pattern))
        })
    }
}

/// Whether a host stands below the parent of a pattern `*.parent`.
fn is_below(host: &[u8], pattern: &[u8]) -> bool {
    let parent = pattern.strip_prefix(b"*").filter(|p| p.starts_with(b"."));
    parent.is_some_and(|parent| host.len() > parent.len() && host.ends_with(parent))
}
