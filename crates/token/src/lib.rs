//! Tokens in URLs, cookies and headers: who may fetch what, until when.
//!
//! A [`Profile`] is one `token_profile` block: a scheme, keys, and the locations a token may be in. It reads
//! the request through [`RequestView`] and answers with a [`Verdict`]. Verification allocates nothing, checks
//! the MAC before believing anything else a token says, and compares it in constant time.
//!
//! The files, from the ground up: `normal`, `strip` and `in_path` cut tokens out of targets, paths, arguments
//! and cookies; `request` is what a verifier sees; `location` finds a token's values in it, by `names`; `keys`, `mac`,
//! `macs`, `fields` and `text` are what verifiers share, `signature` what those share whose tokens are signed with a private key, `message`
//! and `expression` what those share whose signed text is written by the
//! operator; `scheme` is the seam and `schemes` holds one file for each format; `claims` judges what a token says; `words` are the lines
//! of a block (`key_line` has those with keys), `builder` reads them, `live` replaces keys, and `profile` puts all of it together.
//!
//! A scheme is one file and one row of [`SCHEMES`]; how to add one is said in `schemes/mod.rs`.
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))] // an overflow fails the test

mod bearer;
mod builder;
mod cat;
mod claims;
mod cookie;
mod cose;
mod error;
mod expression;
mod fields;
mod finding;
mod in_path;
mod issue;
mod jose;
mod key_line;
mod keys;
pub mod ledger;
mod limit;
mod live;
mod location;
mod mac;
mod macs;
mod message;
mod names;
pub mod normal;
mod number;
mod places;
mod profile;
mod reason;
mod reference;
mod request;
mod rules;
mod scheme;
mod schemes;
mod settings;
mod signature;
pub mod strip;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod used;
mod verdict;
mod word;
mod words;

pub use builder::{LineError, ProfileBuilder};
pub use error::Error;
pub use finding::Finding;
pub use in_path::InPath;
pub use keys::{BadKey, Key, KeyEncoding, KeyForm, KeySource, Place, RouteKey, Secret, is_public};
pub use limit::Limit;
pub use location::{Carriers, TokenLocation, Unreadable};
pub use names::Names;
pub use profile::{Profile, Signed, Wanted};
pub use reason::{HttpStatuses, Reason};
pub use reference::reference;
pub use request::{Area, MAX_CARRIERS, MAX_TARGET, MAX_TOKEN, RequestView};
pub use rules::ClaimPath;
pub use scheme::{Carrier, Doubt, PathForm, Repeated, Scheme, SchemeOption};
pub use schemes::{SCHEMES, scheme};
pub use target::{Stripped, Target};
pub use verdict::{Checked, Verdict};
pub use word::{Arity, Host, Word};
pub use words::WORDS;
