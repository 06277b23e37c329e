//! Bearer tokens (RFC 6750) that are documents of claims, whatever these are written in.

use crate::reason::Reason;
use crate::request::MAX_TOKEN;
use crate::scheme::Scheme;

/// The header.
pub(crate) const HEADER: &str = "Authorization";

/// The name of the scheme, as `WWW-Authenticate` has it.
const SCHEME: &str = "Bearer";

/// What stands before a token in that header.
const BEFORE: &[u8] = b"Bearer ";

/// The longest token in bytes.
const LONGEST: usize = 8192;

impl Scheme {
    /// What the schemes of such tokens say, to begin a row from.
    pub(crate) const BEARER: Self = Self {
        bearer: true,
        always_expires: false,
        requires_exp: true,
        statuses: &[
            (Reason::Missing, 401),
            (Reason::Malformed, 401),
            (Reason::Invalid, 401),
            (Reason::Expired, 401),
            (Reason::NotYetValid, 401),
            (Reason::Revoked, 401),
        ],
        ..Self::USUAL
    };

    /// The part of a header's value that may be a token; None when this header holds something else.
    pub(crate) fn of_header<'a>(&self, name: &str, value: &'a [u8]) -> Option<&'a [u8]> {
        if !self.bearer || !name.eq_ignore_ascii_case(HEADER) {
            return Some(value);
        }
        let (scheme, token) = value.split_at_checked(BEFORE.len())?;
        scheme
            .eq_ignore_ascii_case(BEFORE)
            .then(|| token.trim_ascii_start())
    }

    /// The most bytes of a token's value.
    pub(crate) fn longest(&self) -> usize {
        if self.bearer { LONGEST } else { MAX_TOKEN }
    }

    /// The last second at which a token is good that is signed with this expiry.
    pub(crate) fn last_second(&self, expires: i64) -> i64 {
        expires.saturating_sub(i64::from(self.bearer))
    }

    /// The scheme of `WWW-Authenticate` (RFC 9110 section 11.6.1) that a refusal with 401 asks for.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        self.bearer.then_some(SCHEME)
    }
}
