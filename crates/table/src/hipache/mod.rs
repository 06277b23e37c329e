//! hipache's schema: how keys and lists of a Redis store stand for routes.
//!
//! `PREFIXfrontend:HOST` is a list: first an identifier, then the URLs of the backends. `HOST` may be `*.parent` or `*`.
//! `PREFIXdead:HOST` is a set of the numbers of backends that failed for requests of that host, counted from 0 in the
//! list that served it. Here a URL may have options in its fragment, and a URL that comes twice counts twice.

mod keys;
mod list;

#[cfg(test)]
mod tests;

pub use keys::{KeySpace, Named};
pub use list::{Fault, List, MAX_ELEMENTS, Unwritable, read_list, write_list};
