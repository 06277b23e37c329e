//! nginx as safe types: the only room of Gatehouse with unsafe code.
//!
//! Everything nginx hands us becomes a safe value here, or an error here. Every function handed to
//! nginx goes through [`ffi::guard`]: a panic becomes one `[alert]` line and that entry point's failure
//! value, never an abort. This crate knows no directive family.
//!
//! Folders depend on each other one way: `ffi` ← `conf` ← `shm` ← `event` ← `http`, `stream`. Only
//! `http` names symbols of nginx's http: a module that is built without the feature of that name loads
//! into an nginx without http. Likewise `stream`.
//!
//! Lifetimes: an http callback receives a `Request<'r>`; every `&'r` that can be had from it lives in
//! the request's pool, in the configuration or in a static, all of which outlive the request. What
//! frees a request (finalizing, redirecting) is returned as a value and done after our code ran.

#![cfg_attr(not(feature = "http"), allow(dead_code, unused_imports))] // used by sections only

pub mod conf;
pub mod event;
pub mod ffi;
#[cfg(feature = "http")]
pub mod http;
pub mod shm;
#[cfg(feature = "stream")]
pub mod stream;

pub use conf::directive::{Args, Contexts, Directive};
pub use conf::{Conf, ConfLine, Error, Kind, Words, running};
pub use ffi::log::Level;
#[cfg(feature = "http")]
pub use http::{
    conf::Merging,
    kind::{HttpKind, Records},
    module::HttpModule,
    phase::{Outcome, Phase},
    request::Request,
    value::Expression,
    variable::Answer,
};
pub use shm::Zone;
pub use shm::counters::Counters;
pub use shm::old::Predecessor;

#[doc(hidden)]
pub use ngx::ffi as sys;

// For its build script only (Cargo.toml).
use nginx_sys as _;
