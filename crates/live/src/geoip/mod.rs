//! GeoIP databases: read by the master at start, replaced by one worker under load.

#![cfg_attr(not(feature = "nginx"), allow(dead_code))] // what puts a database into its zone is nginx's

#[cfg(feature = "nginx")]
mod feeder;
mod lists;
pub(crate) mod loading;
#[cfg(feature = "nginx")]
mod pending;
#[cfg(feature = "nginx")]
mod shared;
#[cfg(feature = "nginx")]
mod work;

#[cfg(feature = "nginx")]
pub use feeder::{DatabaseFeeder, DatabaseFile, too_old};
pub use lists::{ListFeeder, Listed, MOST as LONGEST_LIST};
pub use loading::{Loaded, Wanted, load};
#[cfg(feature = "nginx")]
pub use pending::Pending;
#[cfg(feature = "nginx")]
pub use shared::SharedDatabase;
