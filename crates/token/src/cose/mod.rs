//! COSE (RFC 9052) as CBOR Web Tokens have it (RFC 8392): one MAC (`COSE_Mac0`) or one signature (`COSE_Sign1`).
//!
//! Nobody vouches for what is around the signed bytes, so there is no choice in it: tags are those of RFC 8392 section 6 or
//! none, and the unprotected header holds nothing but the name of a key. The algorithm is in the protected header.

mod message;

pub(crate) use message::{Message, Out, Written, algorithms, build, names, write_to};

#[cfg(test)]
mod tests;
