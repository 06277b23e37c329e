//! A byte-exact HTTP/1 client: it normalises nothing, so that tests can see what was sent and received.

mod chunked;
mod client;
mod error;
mod request;
mod response;

pub use chunked::decode as decode_chunked;
pub use client::{Exchange, Packet, exchange};
pub use error::ParseError;
pub use request::{build, more_headers};
pub use response::{Response, parse};
