//! Follows a Redis store in hipache's schema: one worker reads all routes, then what changes, and the table serves the
//! last good ones while the store is away.
//!
//! The store tells of every change (`CLIENT TRACKING ON BCAST`), so nothing is ever asked for in vain. All of this is
//! plain logic over bytes; with the feature `nginx`, `wire` is the connection on nginx's event loop.

mod answers;
mod batch;
mod dialogue;
mod feeder;
mod follow;
mod frame;
mod full;
#[cfg(any(test, feature = "nginx"))]
mod life;
mod marks;
mod news;
mod queue;
mod said;
mod scan;
#[cfg(feature = "nginx")]
mod sentinel;
mod server;
mod store;
#[cfg(feature = "nginx")]
mod way;
#[cfg(feature = "nginx")]
mod wire;

pub use feeder::{Line, StoreFeeder};
pub use follow::Lost;
#[cfg(test)]
pub(crate) use life::Life;
pub use server::{Place, Server};
pub use store::{Password, Store};
#[cfg(feature = "nginx")]
pub use way::Way;
#[cfg(feature = "nginx")]
pub use wire::begin;
