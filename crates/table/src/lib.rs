//! Which backends serve a host: routes as people write them ([`route`]), and the table that keeps
//! them in memory shared by all workers ([`table`]). Pure: no nginx type, no unsafe.
#![forbid(unsafe_code)]

pub mod route;
pub mod table;
