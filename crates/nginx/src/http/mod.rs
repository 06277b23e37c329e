//! The http side of nginx: its modules' callbacks, requests, phases, headers and upstreams.

mod anew;
pub(crate) mod attached;

mod bits;
pub mod body;
#[cfg(ngx_feature = "http_cache")]
pub mod cache;
#[cfg(not(ngx_feature = "http_cache"))]
#[path = "cache_absent.rs"]
pub mod cache;
mod cache_use;
pub mod chain;
pub mod conf;
pub mod content;
pub(crate) mod failure;
pub mod fetch;
pub mod header;
pub mod kind;
mod later;
mod layout;
pub mod module;
pub mod phase;
pub mod piece;
mod record;
pub mod reply;
pub mod request;
mod stream;
pub mod upgraded;
pub mod upstream;
pub mod value;
pub mod variable;
pub mod waiting;

#[cfg(feature = "hooks")]
pub use layout::compare_package;
