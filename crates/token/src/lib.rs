//! Tokens in URLs, cookies and headers: who may fetch what, until when.
//!
//! A [`Profile`] is one `token_profile` block: a scheme, keys, and the places a token may be in. It
//! reads the request through [`Received`] and answers with a [`Verdict`]. Verification allocates nothing,
//! checks the MAC before believing anything else a token says, and compares it in constant time.
//!
//! A scheme is one file here and one row of [`SCHEMES`].
#![forbid(unsafe_code)]

mod in_path;
mod key;
mod mac;
pub mod normal;
mod place;
mod profile;
mod scalesimple;
mod secure_link;
mod status;
pub mod strip;
mod template;
#[cfg(test)]
mod tests;

use std::fmt;

use place::SignedUrl;

pub use in_path::InPath;
pub use key::{Key, KeyEncoding, Secret};
pub use place::{Carriers, Names, Place, Unreadable};
pub use profile::{Finding, Profile, ProfileBuilder, Verdict};
pub use status::{Status, Statuses};
pub use template::{Segment, Template};

/// The longest token or expiry read from a request, in bytes; a longer one is malformed.
pub const MAX_TOKEN: usize = 4096;

/// The longest request target a token is checked against, in bytes; with a longer one it is malformed.
pub const MAX_TARGET: usize = 65_536;

/// Every scheme, by the name given to `format`.
pub static SCHEMES: &[Scheme] = &[scalesimple::SCHEME, secure_link::SCHEME];

/// Finds the scheme of a `format` name.
pub fn scheme(name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.name == name)
}

/// One token format: what is fixed about it, and how its verifier is built.
pub struct Scheme {
    /// The name given to `format`.
    pub name: &'static str,
    /// What carries a token when `from` gives no names.
    pub carriers: DefaultCarriers,
    /// The answers to refusals that are not 403 by default.
    pub statuses: &'static [(Status, u16)],
    /// Whether the signed text is an expression of the configuration.
    pub takes_message: bool,
    /// How a key file is read when the `key` line does not say.
    pub key_encoding: KeyEncoding,
    /// Whether every token of this scheme carries an expiry.
    pub always_expires: bool,
    /// What the signer's own edge does about a name that comes several times.
    pub repeated: Repeated,
    build: fn(&Setup<'_>) -> Result<Box<dyn Check>, Error>,
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scheme").field(&self.name).finish()
    }
}

/// A token's name and, when it has one of its own, the expiry's.
pub type DefaultNames = (&'static str, Option<&'static str>);

/// The names a scheme uses when the configuration gives none.
#[derive(Clone, Copy, Debug)]
pub struct DefaultCarriers {
    /// Query arguments.
    pub query: DefaultNames,
    /// Cookies.
    pub cookie: DefaultNames,
    /// Request headers.
    pub header: DefaultNames,
}

/// What becomes of a token or an expiry whose name comes several times in its place. All are stripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The first is read, as nginx's `$arg_NAME`.
    First,
    /// None is read: the token is malformed.
    Malformed,
}

/// The request as received, before anything was stripped. Implemented by the host.
pub trait Received {
    /// The raw request target, `path?args`, undecoded.
    fn target(&self) -> &[u8];
    /// The value of the n-th header line of that name (case-insensitive), from 0.
    fn header(&self, name: &str, n: usize) -> Option<&[u8]>;
    /// The value of the n-th cookie of exactly that name over all Cookie lines ([`strip::cookies_called`]),
    /// from 0.
    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]>;
    /// The value of the n-th text of the profile's message ([`Profile::message_texts`]), from 0;
    /// `None` when it cannot be had, which refuses the token.
    fn message(&self, text: usize) -> Option<&[u8]>;
    /// Whether the target without its path token names the path that is served
    /// ([`InPath::Cancelled`] does not).
    fn serves_target(&self) -> bool {
        true
    }
}

/// Why a configuration was refused, in nginx's tone; never holds key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What a scheme's verifier is built from.
struct Setup<'a> {
    keys: &'a [Key],
    message: Option<&'a Template>,
    require_exp: bool,
}

/// A token as found in one place of a request.
struct Presented<'a> {
    token: &'a [u8],
    /// The expiry's text; `None` when the place carries none.
    expiry: Option<&'a [u8]>,
    /// The request target as the signer saw it: without the token where the URL carried it.
    url: SignedUrl<'a>,
}

/// What an authentic token says.
struct Claims {
    /// The index of the key that verified it.
    key: usize,
    /// Seconds since the epoch; `None` for a token without expiry.
    expires: Option<i64>,
}

/// A scheme's verifier: form and MAC; the time is compared by the profile.
trait Check: Send + Sync {
    /// Checks the form, then the MAC with every key. `Err` is the reason of the refusal.
    fn check(&self, presented: &Presented<'_>, rx: &dyn Received) -> Result<Claims, Status>;

    /// Whether the text that is signed is the request target.
    fn signs_target(&self) -> bool;

    /// Whether a path segment has the form of this scheme's token.
    fn is_path_token(&self, segment: &[u8]) -> bool;
}
