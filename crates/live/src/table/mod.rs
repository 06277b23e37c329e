//! Upstream tables: filled by the master, kept current by one worker.

mod brake;
mod bulk;
mod change;
#[cfg(feature = "nginx")]
mod changing;
mod feeder;
mod fill;
mod hosts;
mod job;
mod local_names;
mod look;
mod reading;
pub mod redis;
mod room;
mod search;
mod shared;
mod source;
mod spool;
mod tally;

pub use brake::Brake;
pub use bulk::{Bulk, Counts, Progress};
pub use change::{Attempt, Attempts, Condition, Made, Refused, Wanted};
#[cfg(feature = "nginx")]
pub use changing::{change, change_all};
pub use feeder::{Feed, RouteFeeder};
pub use fill::Plan;
pub use hosts::Hosts;
pub use shared::{RouteFiles, SharedTable};
