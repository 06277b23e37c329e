//! What is wrong with a route, and where.

use std::fmt;

/// Why a route or a file of routes was refused.
///
/// Displays as `weight is not 1 to 65535 at /routes/shop.example/backends/0/weight` or
/// `expected value at line 3 column 7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// What is wrong.
    pub message: String,
    /// Where, as a JSON pointer (RFC 6901) from the top of what was read; empty is the top itself.
    pub pointer: String,
    /// Line and column (from 1, in bytes) when the text is not JSON; the pointer says nothing then.
    pub position: Option<(usize, usize)>,
    /// The number of another file that has the same key.
    pub also_in: Option<u32>,
}

impl RouteError {
    /// What is wrong, and the JSON pointer of where.
    #[must_use]
    pub fn new(message: impl Into<String>, pointer: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            pointer: pointer.into(),
            position: None,
            also_in: None,
        }
    }

    pub(crate) fn syntax(message: impl Into<String>, line: usize, column: usize) -> Self {
        Self {
            message: message.into(),
            pointer: String::new(),
            position: Some((line, column)),
            also_in: None,
        }
    }

    /// The same error seen from `parent`, the pointer of what was read.
    #[must_use]
    pub fn below(mut self, parent: &str) -> Self {
        self.pointer.insert_str(0, parent);
        self
    }

    /// The same error with another file that has the key.
    #[must_use]
    pub(crate) fn also_in(mut self, file: Option<u32>) -> Self {
        self.also_in = file;
        self
    }

    /// The same error when the text began at `line` and `column` of a file.
    #[must_use]
    pub(crate) fn starting_at(mut self, line: usize, column: usize) -> Self {
        self.position = self.position.map(|(l, c)| match l {
            0 | 1 => (line, column.saturating_add(c).saturating_sub(1)),
            _ => (line.saturating_add(l).saturating_sub(1), c),
        });
        self
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{} at line {line} column {column}", self.message),
            None if self.pointer.is_empty() => f.write_str(&self.message),
            None => write!(f, "{} at {}", self.message, self.pointer),
        }
    }
}

impl std::error::Error for RouteError {}

/// The legal words as nginx lists them: `"on" or "off"`.
pub(crate) fn one_of(words: &[&str]) -> String {
    let mut text = String::new();
    for (index, word) in words.iter().enumerate() {
        let last = index.saturating_add(1) == words.len();
        text.push_str(match index {
            0 => "",
            _ if last => " or ",
            _ => ", ",
        });
        text.push_str(&format!("\"{word}\""));
    }
    text
}

/// Where a value stands. It becomes a JSON pointer when there is something to say about it: a million routes are read
/// without one.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// The value with this pointer.
    Top(&'a str),
    /// A member of an object.
    Member(&'a At<'a>, &'a str),
    /// An element of an array.
    Element(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(pointer) => f.write_str(pointer),
            Self::Element(array, index) => write!(f, "{array}/{index}"),
            // RFC 6901 section 3. Hardly a name has such a sign.
            Self::Member(object, name) if name.contains(['~', '/']) => {
                write!(f, "{object}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Member(object, name) => write!(f, "{object}/{name}"),
        }
    }
}

impl From<At<'_>> for String {
    fn from(at: At<'_>) -> Self {
        at.to_string()
    }
}
