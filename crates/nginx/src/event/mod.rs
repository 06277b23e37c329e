//! nginx's event loop as safe types.

pub mod timer;
