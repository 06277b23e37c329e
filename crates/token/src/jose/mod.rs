//! JSON Web Signatures (RFC 7515), as the compact serialization has them; their algorithms and keys, which COSE has, too.

mod algorithm;
mod jws;
mod keys;

pub(crate) use algorithm::{ALGORITHMS, Algorithm};
pub(crate) use jws::{Jws, Opened};
pub(crate) use keys::Keys;
