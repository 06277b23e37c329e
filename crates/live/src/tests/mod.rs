//! Tests of what links without nginx.

mod scale;
mod scheduler;
mod site;
mod table;
mod watch;
mod world;
