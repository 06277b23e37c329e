//! The stream side of nginx: so far what a module needs to be loaded and configured there.

pub mod kind;
pub mod module;
