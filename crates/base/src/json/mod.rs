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
    text.get(check::place(text, |_, _| {})?).map(Value)
}

/// The same of an object. On the way `see` is given its members in their order; what it was given counts for nothing
/// when the answer is None.
pub fn parse_object<'t>(text: &'t [u8], see: impl FnMut(Text<'t>, Value<'t>)) -> Option<Value<'t>> {
    let value = text.get(check::place(text, see)?).map(Value)?;
    (value.kind() == Kind::Object).then_some(value)
}

#[cfg(test)]
mod tests;
