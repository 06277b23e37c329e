//! The part of Perl that real `.t` files use: literals, a few operators and the prologue's variables.
//!
//! Anything else is an error that says so; nothing is run and nothing is guessed.

mod operators;
mod parser;
mod pattern;
mod scope;
#[cfg(test)]
mod tests;
mod text;

pub use parser::{Parser, eval};
pub use pattern::Pattern;
pub use scope::Scope;

/// A Perl value, as far as test files need them. Strings are bytes.
#[derive(Clone, Debug)]
pub enum Value {
    /// `undef`.
    Undef,
    /// A string or a number (numbers keep their decimal text).
    Str(Vec<u8>),
    /// `[ … ]`.
    List(Vec<Value>),
    /// `{ key => … }`, in order.
    Map(Vec<(String, Value)>),
    /// `qr/…/`.
    Regex(Pattern),
}

impl Value {
    /// The value as bytes; a pattern gives its source.
    ///
    /// # Errors
    /// Arrays, maps and `undef` have no bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        match self {
            Value::Str(bytes) => Ok(bytes.clone()),
            Value::Regex(pattern) => Ok(pattern.source().to_vec()),
            Value::Undef => Err("undef where text is needed".into()),
            Value::List(_) => Err("an array where text is needed".into()),
            Value::Map(_) => Err("a hash where text is needed".into()),
        }
    }

    /// The value as trimmed text, with bytes outside UTF-8 replaced.
    ///
    /// # Errors
    /// As [`Value::bytes`].
    pub fn text(&self) -> Result<String, String> {
        Ok(String::from_utf8_lossy(&self.bytes()?).trim().to_owned())
    }
}
