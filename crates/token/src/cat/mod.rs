//! What a Common Access Token (CTA-5007) says: which claims there are, and whether a request is one that it is good for.
//!
//! A claim that restricts and that nobody here can judge refuses the token, and so does one that we have never heard of:
//! only names that are text and numbers below -65536, which are anybody's own (RFC 8392 section 9.1), say nothing to us.

mod matches;
mod names;
mod renewal;
mod set;
mod uri;
mod writer;

pub(crate) use names::name;
pub(crate) use renewal::{Renewing, new_end, write as write_renewed};
pub(crate) use set::{Asked, read};
pub(crate) use writer::write;
