//! nginx's event loop as safe types.
//!
//! Everything here belongs to the one thread of a worker that runs the loop: elsewhere, and before a worker
//! has begun, tasks are refused and connections fail.

pub mod address;
#[cfg(ngx_feature = "ssl")]
mod bits;
mod certificate;
pub mod connection;
#[doc(hidden)]
pub mod life;
pub mod listening;
pub(crate) mod own;
pub mod resolver;
mod shutdown;
pub mod sleep;
pub mod spare;
mod state;
pub mod task;
pub mod timer;
#[cfg(ngx_feature = "ssl")]
pub mod tls;
#[cfg(not(ngx_feature = "ssl"))]
#[path = "no_tls.rs"]
pub mod tls;
pub(crate) mod worker;
