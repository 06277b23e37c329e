//! What a registration says, who may, and how a route keeps it: backends that stay as long as their callers say so.

mod hosts;
mod place;
mod record;
mod stored;
mod wish;

#[cfg(test)]
mod tests;

pub use hosts::{HostList, HostListError};
pub use place::{BadPlace, check_place};
pub use record::{LONGEST_MS, MOST, TooMany, drop_expired, join, leave, until};
pub use stored::{Registry, Wanted};
pub use wish::Wish;
