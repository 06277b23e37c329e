//! Keys: what a request asks for and what a table is filled with, in one normal form.

use std::fmt;

/// How a table's keys are compared (`match host|exact`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Host names: lower case, port and one trailing dot dropped; `*.parent` and `*` are wildcards.
    Host,
    /// Bytes as they are; no wildcards.
    Exact,
}

/// Longest host name, in bytes (RFC 1035 section 2.3.4 without the root's dot).
pub const HOST_MAX: usize = 253;
/// Longest key of a table with `match exact`, in bytes.
pub const EXACT_MAX: usize = 1024;

/// A request's key in normal form, or `None` when it can only miss (empty, or longer than any key of a table).
///
/// A `Match::Host` key is written to `buf`; nothing is allocated.
#[must_use]
pub fn normalize<'k>(key: &'k [u8], mode: Match, buf: &'k mut [u8; HOST_MAX]) -> Option<&'k [u8]> {
    match mode {
        Match::Exact => (!key.is_empty() && key.len() <= EXACT_MAX).then_some(key),
        Match::Host => {
            let host = without_dot(without_port(key));
            let out = buf.get_mut(..host.len())?;
            out.copy_from_slice(host);
            out.make_ascii_lowercase();
            let out: &[u8] = out;
            (!out.is_empty()).then_some(out)
        }
    }
}

/// Whether [`normalize`] would give the key as it is. A no may be wrong; most requests' hosts are a yes.
#[inline]
#[must_use]
pub fn is_normal(key: &[u8], mode: Match) -> bool {
    match mode {
        Match::Exact => false,
        Match::Host => {
            let is_plain = match key.last_chunk::<16>() {
                Some(last) => {
                    let chunks = key.chunks_exact(16);
                    chunks.fold(is_plain(last), |plain, chunk| plain & is_plain(chunk))
                }
                None => is_plain(key),
            };
            is_plain && key.len() <= HOST_MAX && key.last().is_some_and(|last| *last != b'.')
        }
    }
}

/// Whether nothing of it is lowered or may be a port's colon. All bytes at once: quicker than to stop at the first one.
#[inline]
fn is_plain(part: &[u8]) -> bool {
    let changes = |b: &u8| (*b == b':') | b.is_ascii_uppercase();
    !part.iter().fold(false, |found, b| found | changes(b))
}

/// `host` of `host:port`, `[v6]` of `[v6]:port`; anything else as it is.
fn without_port(key: &[u8]) -> &[u8] {
    // Most keys have no colon: looking at all bytes at once is quicker than stopping at the first one.
    if !key.iter().fold(false, |found, &b| found | (b == b':')) {
        return key;
    }
    let Some(colon) = key.iter().rposition(|&b| b == b':') else {
        return key;
    };
    let (host, port) = key.split_at(colon);
    let digits = port.iter().skip(1).all(u8::is_ascii_digit);
    let plain =
        !host.contains(&b':') || (host.first() == Some(&b'[') && host.last() == Some(&b']'));
    if digits && plain { host } else { key }
}

fn without_dot(host: &[u8]) -> &[u8] {
    host.strip_suffix(b".").unwrap_or(host)
}

/// A key of a table: valid and in normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

/// Why a text is no key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing is left of it.
    Empty,
    /// More than [`HOST_MAX`] or [`EXACT_MAX`] bytes.
    TooLong,
    /// Not a host name, an address or a wildcard as documented.
    Invalid,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty key",
            Self::TooLong => "key too long",
            Self::Invalid => "invalid host name",
        })
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// Reads a table's key. For hosts: letters, digits, `-`, `_` in labels, `[IPv6]`, `*.parent` and `*`.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn parse(text: &[u8], mode: Match) -> Result<Self, KeyError> {
        let mut buf = [0; HOST_MAX];
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let Some(key) = normalize(text, mode, &mut buf) else {
            return Err(if without_dot(without_port(text)).is_empty() {
                KeyError::Empty
            } else {
                KeyError::TooLong
            });
        };
        match mode {
            // The default is written `*`, not left over from a mistyped wildcard.
            Match::Host if !valid_host(key) || (key == b"*" && text != key) => {
                Err(KeyError::Invalid)
            }
            _ => Ok(Self(key.into())),
        }
    }

    /// The normal form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn valid_host(host: &[u8]) -> bool {
    if host == b"*" {
        return true;
    }
    if let Some(address) = host.strip_prefix(b"[") {
        let text = address
            .strip_suffix(b"]")
            .and_then(|a| std::str::from_utf8(a).ok());
        return text.is_some_and(|t| t.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let name = host.strip_prefix(b"*.").unwrap_or(host);
    name.split(|&b| b == b'.').all(valid_label)
}

fn valid_label(label: &[u8]) -> bool {
    !label.is_empty()
        && label
            .iter()
            .all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
