//! Tests an nginx module, or an nginx configuration, against a real nginx: files in Test::Nginx's format, and scenarios
//! in Rust.
//!
//! The program `nginx-prove` runs files. A project with scenarios of its own, or with names and words that its files
//! use, makes a program of [`cli::main`] and a [`cli::Project`].
//!
//! A block's way: [`mod@format`] reads it, [`run`] prepares a server root, starts nginx ([`process`]), speaks to it
//! ([`http`], [`ws`]) with mock backends behind it ([`backend`]), and judges responses ([`checks`]) and logs ([`logs`]).
//! A scenario ([`mod@scenario`]) drives a [`server::Server`].

#![forbid(unsafe_code)]

pub mod backend;
pub mod cases;
pub mod checks;
pub mod cli;
pub mod conf;
pub mod env;
pub mod expand;
pub mod format;
pub mod http;
pub mod interrupt;
pub mod load;
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
pub mod scenario;
pub mod sections;
pub mod server;
pub mod stats;
pub mod ws;
