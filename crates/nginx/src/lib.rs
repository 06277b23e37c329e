//! nginx as safe types: the only room of Gatehouse with unsafe code.
//!
//! Everything nginx hands us becomes a safe value here, or an error here. Every function handed to
//! nginx goes through [`guard`]: a panic becomes one `[alert]` line and that entry point's failure
//! value, never an abort. This crate knows no directive family.
//!
//! Lifetimes: a callback receives a [`Request<'r>`]; every `&'r` that can be had from it lives in
//! the request's pool, in the configuration or in a static, all of which outlive the request. What
//! frees a request (finalizing, redirecting) is returned as a value and done after our code ran.

mod bits;
pub mod bytes;
#[cfg(ngx_feature = "http_cache")]
pub mod cache;
#[cfg(not(ngx_feature = "http_cache"))]
#[path = "cache_absent.rs"]
pub mod cache;
pub mod conf;
pub(crate) mod failure;
pub mod files;
pub mod guard;
pub mod header;
pub mod library;
pub mod log;
pub mod module;
pub mod phase;
pub mod process;
pub mod request;
pub mod shm;
pub mod slots;
pub mod timer;
pub mod upstream;
pub mod value;
pub mod variable;

pub use conf::{Conf, Error, Place};
pub use log::Level;
pub use module::{Args, Contexts, Directive, Module};
pub use phase::{Outcome, Phase};
pub use request::Request;
pub use shm::Zone;
pub use value::Expression;
pub use variable::Answer;

#[doc(hidden)]
pub use nginx_sys as sys;
