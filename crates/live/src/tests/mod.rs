//! Tests of what links without nginx.

mod bulk;
mod change;
mod change_cost;
pub(crate) mod check;
mod cost;
mod files;
mod geoip;
mod keys;
mod lists;
mod names;
mod recognized;
mod redis;
mod refresh;
mod registering;
mod scale;
mod scheduler;
mod site;
mod state;
mod state_files;
mod store;
mod table;
mod telling;
mod watch;
mod world;
