//! What requests to the HTTP API say: where they go, what they ask for, under which conditions. Whatever comes from a
//! client is read here, without nginx.

mod browser;
mod etag;
mod place;
mod query;

#[cfg(test)]
mod tests;

pub use browser::{is_foreign, is_json, may_be_rebound};
pub use etag::{ETag, Tags};
pub use place::{Place, Report, place};
pub(crate) use query::arguments;
pub use query::{OWNERS, Query, QueryError, STATES, has_text};
