//! The names of arguments, cookies and headers that carry tokens.

use crate::strip;

/// What carries a token: a name for each of its values, in the order of the scheme's carriers. Values
/// behind the last name share the first one's value, where the scheme joins them, or are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    pub(crate) fn new(names: impl Iterator<Item = &'static str>) -> Self {
        Self(names.map(str::to_owned).collect())
    }

    /// Names with commas between; `None` when one is no name, or comes twice.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',') {
            if !is_name(name) || names.iter().any(|one| one == name) {
                return None;
            }
            names.push(name.to_owned());
        }
        Some(Self(names))
    }

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name of the scheme's n-th carrier, from 0.
    pub fn get(&self, carrier: usize) -> Option<&str> {
        self.0.get(carrier).map(String::as_str)
    }

    /// How many values have a name of their own.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether a piece between `&` is an argument with one of these names.
    pub(crate) fn is_arg(&self, piece: &[u8]) -> bool {
        self.iter()
            .any(|name| strip::arg_value(piece, name.as_bytes()).is_some())
    }
}

/// What argument, cookie and header names have in common: a subset of RFC 9110's token.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}
