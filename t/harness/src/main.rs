//! The runner of t/*.t.
fn main() {}
