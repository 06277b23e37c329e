//! Follows a Redis store in hipache's schema: one worker reads all routes, then what changes, and the table serves the
//! last good ones while the store is away.
//!
//! The store tells of every change (`CLIENT TRACKING ON BCAST`), so nothing is ever asked for in vain. All of this is
//! plain logic over bytes; with the feature `nginx`, `wire` is the connection on nginx's event loop.
//!
//! Who changes routes changes them in the store (`writer`), under WATCH, so that of two at the same time one wins; the
//! table has it from there like any other change.

mod answers;
mod batch;
#[cfg(feature = "nginx")]
mod client;
#[cfg(any(test, feature = "nginx"))]
mod commands;
mod dialogue;
mod feeder;
mod follow;
#[cfg(any(test, feature = "nginx"))]
mod found;
mod frame;
mod full;
#[cfg(any(test, feature = "nginx"))]
mod life;
mod marks;
mod news;
mod queue;
#[cfg(feature = "nginx")]
mod registrar;
mod said;
mod scan;
#[cfg(feature = "nginx")]
mod sentinel;
mod server;
#[cfg(feature = "nginx")]
mod shown;
mod store;
#[cfg(feature = "nginx")]
mod sweeper;
#[cfg(any(test, feature = "nginx"))]
mod transaction;
mod unwritten;
#[cfg(feature = "nginx")]
mod way;
#[cfg(feature = "nginx")]
mod wire;
#[cfg(feature = "nginx")]
mod writer;

pub use feeder::{Line, StoreFeeder};
pub use follow::Lost;
#[cfg(any(test, feature = "nginx"))]
pub use found::Found;
#[cfg(test)]
pub(crate) use life::Life;
#[cfg(feature = "nginx")]
pub use registrar::register;
pub use server::{Place, Server};
#[cfg(feature = "nginx")]
pub use shown::{Shown, version, wait_shown};
pub use store::{Login, Password, Store};
#[cfg(feature = "nginx")]
pub use sweeper::Sweeper;
#[cfg(any(test, feature = "nginx"))]
pub use transaction::Transaction;
pub use unwritten::Unwritten;
#[cfg(feature = "nginx")]
pub use way::Way;
#[cfg(feature = "nginx")]
pub use wire::begin;
#[cfg(feature = "nginx")]
pub use writer::{Session, StoreWriter};
