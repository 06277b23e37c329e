//! Bearer tokens in the header that HTTP has for them (RFC 6750 section 2.1).

/// The header.
pub(crate) const HEADER: &str = "Authorization";

/// The name of the scheme, as `WWW-Authenticate` has it.
pub(crate) const SCHEME: &str = "Bearer";

/// What stands before a token in that header.
const BEFORE: &[u8] = b"Bearer ";

/// The part of a header's value that may be a token; None when the header is that one and holds something else.
pub(crate) fn of_header<'a>(name: &str, value: &'a [u8]) -> Option<&'a [u8]> {
    if !name.eq_ignore_ascii_case(HEADER) {
        return Some(value);
    }
    let (scheme, token) = value.split_at_checked(BEFORE.len())?;
    scheme
        .eq_ignore_ascii_case(BEFORE)
        .then(|| token.trim_ascii_start())
}
