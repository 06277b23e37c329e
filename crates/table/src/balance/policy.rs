//! What a balancing policy is.

use super::candidates::{Candidate, Candidates};
use crate::table::{Peer, Word};
use std::sync::atomic::AtomicU64;

/// A way to choose among the backends of a route.
pub trait Policy<W: Word = AtomicU64> {
    /// The backend for the next try; `None` only when there is no candidate.
    fn next(&self, candidates: &Candidates<'_, W>) -> Option<Candidate>;

    /// Whether it looks at [`Peer::in_flight`]: requests to the backends of its table are counted then.
    fn counts(&self) -> bool {
        false
    }

    /// Whether it chooses by [`Candidates::key`].
    fn takes_key(&self) -> bool {
        false
    }

    /// A try of the backend has ended.
    fn done(&self, _peer: &Peer<'_, W>, _sample: &Sample, _now_ms: u64) {}
}

/// How a try of a backend went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// It failed, as `proxy_next_upstream` defines it.
    pub failed: bool,
    /// Milliseconds until the header of the answer came; without one, until the try ended.
    pub ms: u64,
    /// The HTTP status of the backend's answer; 0 without one.
    pub status: u16,
}

/// One word of `balance=`.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRow {
    /// The word.
    pub name: &'static str,
    /// What it does, for the reference.
    pub text: &'static str,
    /// Makes the policy.
    pub build: fn() -> Box<dyn Policy>,
}
