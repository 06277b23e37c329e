//! Upstream tables: filled by the master, kept current by one worker.

mod brake;
mod bulk;
mod change;
#[cfg(feature = "nginx")]
mod changing;
mod check;
mod earlier;
mod expiry;
mod feeder;
mod fill;
mod hosts;
mod in_flight;
mod job;
mod lines;
mod local_names;
mod look;
mod names;
mod plan;
mod pulse;
mod reading;
pub mod redis;
mod registering;
mod restore;
mod room;
mod search;
mod shared;
mod source;
mod spool;
mod state;
mod tally;
mod telling;

pub use brake::Brake;
pub use bulk::{Bulk, Counts, Progress};
pub use change::{Attempt, Attempts, Condition, Made, Refused, Wanted};
#[cfg(feature = "nginx")]
pub use changing::{change, change_all, tell};
#[cfg(feature = "nginx")]
pub use check::Prober;
pub use check::{CheckFeeder, Checked, Place, Probing, Target};
pub use earlier::Before;
pub use expiry::Expiry;
pub use feeder::{Feed, RouteFeeder};
pub use hosts::Hosts;
pub use in_flight::{InFlight, Returner};
pub use names::{Ask, Heard, NameFeeder, Reply};
#[cfg(feature = "nginx")]
pub use names::{NameServers, ask};
pub use plan::Plan;
pub use pulse::Pulse;
pub use registering::{Act, Outcome, Registering, Unregistered};
pub use shared::{RouteFiles, SharedTable};
pub use state::{StateFeeder, StateFile};
pub use telling::{scheme, url_of};
