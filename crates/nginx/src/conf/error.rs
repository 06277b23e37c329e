//! Why a configuration is refused, and where.

/// Why a configuration is refused; nginx adds file and line.
#[derive(Clone, Debug)]
pub struct Error {
    pub(super) text: String,
    pub(super) at: Option<ConfLine>,
}

impl Error {
    /// With this text, at the line being read.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            at: None,
        }
    }

    /// Refused, and the reason has been logged already.
    pub(crate) const fn logged() -> Self {
        Self {
            text: String::new(),
            at: None,
        }
    }

    /// With this text, at a line read earlier.
    pub fn at(line: &ConfLine, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            at: Some(line.clone()),
        }
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A line of a configuration file, kept for errors found later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfLine {
    /// The file's full name.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
}

impl std::fmt::Display for ConfLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
