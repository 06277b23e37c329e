//! Runs `t/*.t`, scenarios in Test::Nginx's format, and live scenarios against a real nginx.
//!
//! A block's way: [`mod@format`] reads it, [`run`] prepares a server root, starts nginx ([`process`]), speaks to it
//! ([`http`], [`ws`]) with mock backends behind it ([`backend`]), and judges responses ([`checks`]) and logs ([`logs`]).
//! Live scenarios ([`live`]) use [`server::Server`].

#![forbid(unsafe_code)]

pub mod backend;
pub mod checks;
pub mod cli;
pub mod conf;
pub mod env;
pub mod expand;
pub mod format;
pub mod http;
pub mod interrupt;
pub mod live;
pub mod logs;
pub mod perl;
pub mod plan;
pub mod poll;
pub mod ports;
pub mod process;
pub mod prologue;
pub mod reload;
pub mod root;
pub mod run;
pub mod sections;
pub mod server;
pub mod ws;
