//! JSON (RFC 8259) of a stranger, read where it lies: without heap, without recursion, strictly.
//!
//! [`parse`] looks at every byte once and accepts a text only as a whole; what it gives is then walked without
//! further checks. A text is refused that another reader may understand differently: with a member twice, with a
//! lone surrogate, with anything behind its value.

mod check;
mod text;
mod value;

pub use text::Text;
pub use value::{Kind, Value};

/// The value of a text, which must be one and nothing else.
pub fn parse(text: &[u8]) -> Option<Value<'_>> {
    text.get(check::place(text)?).map(Value)
}

#[cfg(test)]
mod tests;
