//! WebSocket scenarios: the script's language and the client that plays it.

mod client;
mod script;

pub use client::{Client, play};
pub use script::{Action, Expect, Step, duration, parse};
