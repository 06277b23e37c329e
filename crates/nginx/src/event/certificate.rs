//! What a client shows of itself, whether or not nginx can speak TLS.

use std::path::Path;

/// A certificate and its key, both as files in PEM.
pub struct Certificate<'p> {
    /// The certificate, and those that lead to its authority behind it.
    pub chain: &'p Path,
    /// Its private key, without a password.
    pub key: &'p Path,
}
