//! Addresses of backends' names, asked for again when they are over.
//!
//! The table itself is the list of names: a record has the name of each backend beside its address, and a backend whose
//! name has none waits. So whoever changed a route, and whoever led before, the leader finds in a walk over the table
//! which names there are and which routes have other addresses than name servers say now; only those are put again.

mod answers;
mod ask;
mod book;
mod feeder;
#[cfg(feature = "nginx")]
mod nginx;
#[cfg(any(test, feature = "nginx"))]
mod records;
mod walk;

pub(in crate::table) use answers::Answers;
pub use ask::{Ask, Heard, Reply};
pub use feeder::NameFeeder;
#[cfg(feature = "nginx")]
pub use nginx::{NameServers, ask};
