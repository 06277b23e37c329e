//! Balancing: which backend of a route serves the next request.
//!
//! A [`Policy`] is one way to choose, a file of its own and a row in [`POLICIES`]. It sees the backends that may be
//! tried now ([`Candidates`]) and is told how each try went ([`Sample`]). What all policies have in common is in
//! [`Selection`]: retries, backups, backends that are drained or speak TLS, passive health and what active checks say.
//!
//! Everything a policy remembers is in the table, shared by all workers: a policy itself has at most what can be
//! computed anew (rings of hash points). Requests in flight are counted there, too, for all policies of a table, and noted in the worker's journal
//! ([`Journal`](crate::table::Journal)): a worker that is killed leaves none behind.

mod candidates;
mod checks;
mod hash;
mod least_conn;
mod p2c;
mod policy;
mod random;
mod ring;
mod round_robin;
mod select;
pub mod sticky;
mod tries;

#[cfg(test)]
mod exact_tests;
#[cfg(test)]
mod hash_tests;
#[cfg(test)]
mod load_tests;
#[cfg(test)]
mod passive_tests;
#[cfg(test)]
mod sticky_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use candidates::{Candidate, Candidates};
pub use checks::Checks;
pub use policy::{Policy, PolicyRow, Sample};
pub use random::Random;
pub use select::{Ended, Rules, Selection};
pub use tries::Schemes;

/// Every policy an operator can name.
pub const POLICIES: &[PolicyRow] = &[round_robin::ROW, least_conn::ROW, p2c::ROW, hash::ROW];

/// The policy of this name.
#[must_use]
pub fn policy(name: &str) -> Option<Box<dyn Policy>> {
    let row = POLICIES.iter().find(|row| row.name == name)?;
    Some((row.build)())
}
