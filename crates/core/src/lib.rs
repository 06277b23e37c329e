//! Pure logic of Gatehouse: no nginx type, no unsafe.
#![forbid(unsafe_code)]

pub mod digest;
pub mod geo;
pub mod route;
pub mod table;
pub mod token;
pub mod words;
