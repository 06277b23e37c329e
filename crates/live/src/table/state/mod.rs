//! A table's `state`: a file that has all of its routes, so that they outlive nginx.
//!
//! The leader writes it, a slice at a time, when the table has changed and a second has passed since it began the last
//! time; the master writes it once more when nginx ends, and reads it into a new zone before the first request. Each
//! route in it is whole, as it was at some moment while the file was written: routes that changed or moved after their
//! turn are written again at the end.
//!
//! Beside `apps.state` there may be `apps.state.tmp`, the file in the making; `apps.state.lock`, which one nginx has
//! locked and which stays; `apps.state.bad` and `apps.state.newer`, what could not be read.
//!
//! Nothing waits for the disk (no `fsync`): what was written outlives every process, but not the machine. A file that a
//! crash of the machine has torn is known by its checks.

mod feeder;
mod file;
mod job;
mod load;
mod seen;

pub use feeder::StateFeeder;
pub use file::StateFile;
pub(super) use load::{Failure, Take, Told, load};
