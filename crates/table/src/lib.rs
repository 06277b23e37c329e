//! Which backends serve a host: routes as people write them ([`route`]), the table that keeps them in memory shared by
//! all workers ([`table`]), the choice of a route's backend ([`balance`]), active checks of backends ([`check`]), what
//! requests to the HTTP API say ([`api`]) and what registrations do ([`registration`]), and routes as a Redis store keeps
//! them ([`hipache`]). Pure: no nginx type, no unsafe.
//!
//! Arrows go one way: `registration` uses `api`, `balance`, `check`, `api` and `snapshot` use `table`, and all use `route`.
#![forbid(unsafe_code)]
#![deny(unreachable_pub)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))] // an overflow fails the test

pub mod api;
pub mod balance;
pub mod check;
pub mod hipache;
pub mod registration;
pub mod route;
pub mod snapshot;
pub mod table;
