//! Tests of what links without nginx.

mod change;
mod cost;
mod files;
mod geoip;
mod scale;
mod scheduler;
mod site;
mod table;
mod watch;
mod world;
