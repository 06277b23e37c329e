//! What every room of Gatehouse may use: digests, HTTP statuses, how a configuration's words are
//! refused. Pure: no nginx type, no unsafe.
#![forbid(unsafe_code)]

pub mod digest;
pub mod http_status;
pub mod words;
