//! The ground: what every other folder needs of nginx, and the guard around what nginx calls.

pub(crate) mod bits;
pub mod bytes;
pub(crate) mod cycle;
pub mod files;
pub mod guard;
pub mod library;
pub mod log;
pub(crate) mod pool;
pub mod process;
#[cfg(feature = "signatures")]
mod unload;
