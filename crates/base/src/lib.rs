//! What every room of Gatehouse may use: digests, encodings, HTTP statuses, JSON and CBOR of strangers, the text of metrics, how a configuration's words are
//! refused. Pure: no nginx type, no unsafe.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))] // an overflow fails the test

pub mod cbor;
pub mod digest;
pub mod encoding;
pub mod frames;
pub mod hashes;
pub mod http_status;
pub mod json;
pub mod memory;
pub mod metrics;
pub mod secret;
pub mod words;
