//! Upstream tables: filled by the master, kept current by one worker.

mod brake;
mod feeder;
mod fill;
mod hosts;
mod job;
mod local_names;
mod look;
mod reading;
mod room;
mod search;
mod shared;
mod source;
mod spool;
mod tally;

pub use brake::Brake;
pub use feeder::{Feed, RouteFeeder};
pub use fill::Plan;
pub use hosts::Hosts;
pub use shared::{RouteFiles, SharedTable};
