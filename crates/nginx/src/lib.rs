//! nginx as safe types: the only room of Gatehouse with unsafe code.
//!
//! Everything nginx hands us becomes a safe value here, or an error here. Every function handed to
//! nginx goes through [`ffi::guard`]: a panic becomes one `[alert]` line and that entry point's failure
//! value, never an abort. This crate knows no directive family.
//!
//! Lifetimes: a callback receives a [`Request<'r>`]; every `&'r` that can be had from it lives in
//! the request's pool, in the configuration or in a static, all of which outlive the request. What
//! frees a request (finalizing, redirecting) is returned as a value and done after our code ran.

pub mod conf;
pub mod event;
pub mod ffi;
pub mod http;
pub mod shm;

pub use conf::{Conf, Error, Place};
pub use ffi::log::Level;
pub use http::module::{Args, Contexts, Directive, Module};
pub use http::phase::{Outcome, Phase};
pub use http::request::Request;
pub use http::value::Expression;
pub use http::variable::Answer;
pub use shm::Zone;

#[doc(hidden)]
pub use nginx_sys as sys;
