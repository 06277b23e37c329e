//! Active checks: one worker asks backends how they are, and the table tells the others.

mod asked;
mod book;
mod feeder;
#[cfg(feature = "nginx")]
mod nginx;
mod ways;

pub use asked::{Checked, Place, Probing, Target};
pub use feeder::CheckFeeder;
#[cfg(feature = "nginx")]
pub use nginx::Prober;
