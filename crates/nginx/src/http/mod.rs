//! The http side of nginx: its modules' callbacks, requests, phases, headers and upstreams.

#[cfg(ngx_feature = "http_cache")]
pub mod cache;
#[cfg(not(ngx_feature = "http_cache"))]
#[path = "cache_absent.rs"]
pub mod cache;
pub(crate) mod failure;
pub mod header;
mod layout;
pub mod module;
pub mod phase;
pub mod request;
pub mod upstream;
pub mod value;
pub mod variable;
