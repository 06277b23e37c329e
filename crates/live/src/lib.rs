//! What keeps tables and databases current inside a worker.
//!
//! A [`Feeder`] keeps one thing current. One [`Scheduler`] in each worker polls all feeders with a time budget, and for
//! each zone of shared memory one worker is elected to lead: its feeders change the zone, those of the other workers
//! only look. A [`Watch`] says when a file is to be read, and what of it is news to the log.
//!
//! All of this is plain logic over the trait [`World`]; with the feature `nginx` the world is an nginx process
//! ([`nginx`]).
#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))] // an overflow fails the test

mod chunks;
mod election;
mod feeder;
pub mod geoip;
pub mod keys;
mod memory;
#[cfg(feature = "nginx")]
pub mod nginx;
mod pace;
pub mod refresh;
mod scheduler;
mod slice;
mod stamp;
pub mod table;
mod watch;
mod world;

#[cfg(test)]
mod tests;

pub use chunks::{Position, Stack};
pub use election::Seat;
pub use feeder::{Feeder, Next, Turn};
pub use gatehouse_table::table::Candidate;
pub use memory::{Memory, OldZone};
pub use pace::{Pace, Usage};
pub use scheduler::{BEAT_MS, PAUSE_MS, Round, Scheduler};
pub use slice::{Clock, Slice, SystemClock, TURN};
pub use stamp::Stamp;
pub use watch::{Found, Watch};
pub use world::{Level, Listing, OpenFile, World};
