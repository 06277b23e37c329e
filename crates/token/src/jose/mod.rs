//! JSON Web Signatures (RFC 7515), as the compact serialization has them.

mod algorithm;
mod jws;

pub(crate) use algorithm::{ALGORITHMS, Algorithm};
pub(crate) use jws::{Jws, Keys};
