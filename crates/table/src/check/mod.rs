//! Active checks: what is asked of a backend, what its answer means ([`Answer`]), and when that makes it count as down
//! ([`judge`]). Who asks, and when, is the caller's.

mod answer;
mod judge;
mod request;

pub use answer::{Answer, Verdict};
pub use judge::judge;
pub use request::{Question, accept_of};

pub use crate::route::check::{Check, Kind, Over, Own, Statuses, own};
