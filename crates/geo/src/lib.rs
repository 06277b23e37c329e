//! GeoIP: what a MaxMind DB file knows about an address, and the rules that use it.
//!
//! A [`Database`] reads the bytes of one `.mmdb` file wherever they lie (the host keeps them in
//! memory shared by all workers). Every byte of it is untrusted: no file makes these functions
//! panic, loop or read outside it, verified or not, and nothing is allocated on the way from an
//! address to its [`Facts`].
//!
//! The usual way of a request:
//!
//! 1. [`Database::lookup`] walks the search tree to a record's offset.
//! 2. [`Image::facts`] answers what the record says, out of a [`Summary`] that was made when the file was verified;
//!    [`Database::facts`] decodes it where there is none.
//! 3. [`RuleList::evaluate`] finds the first rule that matches.
//!
//! [`make`] writes such files: for tests, demonstrations and `gatehouse geoip make`.
//!
//! Format: <https://maxmind.github.io/MaxMind-DB/>.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))] // an overflow fails the test

mod code;
mod condition;
mod countries;
mod database;
mod facts;
mod json;
mod list;
pub mod make;
mod make_data;
mod parse;
mod path;
mod record;
mod rules;
mod sets;
mod stated;
mod summary;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod verify_data;
mod vocabulary;

pub use code::{Code, Subdivision};
pub use countries::slip as country_slip;
pub use database::{Database, Error, Lookup, Shape};
pub use facts::{Anonymous, Eu, Facts, Field, Fields, Lazily};
pub use list::{ListFile, Refill};
pub use path::{Out, Path};
pub use rules::{Action, Rule, RuleList};
pub use summary::{Image, Summary};
pub use tree::Width;
pub use verify::Verification;
pub use vocabulary::continent;
