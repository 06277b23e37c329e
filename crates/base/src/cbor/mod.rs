//! CBOR (RFC 8949) of a stranger, read where it lies: without heap, without recursion, strictly.
//!
//! [`parse`] looks at every byte and accepts bytes only as a whole; what it gives is then walked without further checks.
//! Refused is what another reader may understand differently or what has no end: a key twice in a map, lengths that are
//! not said in front (RFC 8949 section 3.2), a text that is no UTF-8, simple values that nobody has registered, more
//! than [`MAX_DEPTH`] values in each other, maps of more than [`MAX_PAIRS`] keys, anything behind the value. Numbers and
//! lengths may be written longer than they need: `1` and `1` in nine bytes are one key.
//!
//! The heads of values are read by `minicbor`, which borrows and allocates nothing.

mod check;
mod json;
mod value;

pub use check::{MAX_DEPTH, MAX_PAIRS};
pub use json::write_json;
pub use value::{Item, Value};

/// The value of these bytes, which must be one and nothing else.
pub fn parse(bytes: &[u8]) -> Option<Value<'_>> {
    check::is_one_value(bytes).then_some(Value(bytes))
}

#[cfg(test)]
mod tests;
