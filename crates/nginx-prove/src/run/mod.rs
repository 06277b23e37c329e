//! Running blocks, one after the other or side by side, and telling how it went.

mod block;
mod cases;
mod needs;
mod requests;
mod stage;
mod suite;
mod tap;
mod websockets;

pub use block::run_block;
pub use cases::{run_case, titles};
pub use needs::{skipped, unmet};
pub use suite::{Job, run_jobs};
pub use tap::{Summary, Tap};

/// How one block or scenario ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Everything was as expected.
    Pass,
    /// What was not; each item may have several lines.
    Fail(Vec<String>),
    /// Not run, and why.
    Skip(String),
}
