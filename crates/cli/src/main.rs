//! The companion program.
fn main() {}
