//! JSON Web Signatures (RFC 7515), as the compact serialization has them; their algorithms and keys, which COSE has, too.

mod algorithm;
mod jws;
mod keys;
mod of_routes;

pub(crate) use algorithm::{ALGORITHMS, Algorithm};
pub(crate) use jws::Jws;
pub(crate) use keys::Keys;
pub(crate) use of_routes::RouteSecrets;
