//! Why a configuration is refused.

use std::fmt;

use gatehouse_base::words;

/// Why a configuration was refused, in nginx's tone; never holds key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
    word: Option<&'static str>,
    /// It is about a parameter: what the line takes is to be said, too.
    wants_syntax: bool,
}

impl Error {
    /// With this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            word: None,
            wants_syntax: false,
        }
    }

    /// That the line of this directive does not take this word.
    pub(crate) fn parameter(word: &str, directive: &str) -> Self {
        Self {
            wants_syntax: true,
            ..Self::new(words::invalid_parameter(word, directive))
        }
    }

    /// The same with what the line takes, where that is to be said.
    pub(crate) fn with_syntax(self, syntax: fn() -> String) -> Self {
        if !self.wants_syntax {
            return self;
        }
        Self::new(format!("{}, it takes {}", self.text, syntax()))
    }

    /// With this text, about the line of a block that begins with `word`.
    pub(crate) fn about(word: &'static str, text: impl Into<String>) -> Self {
        Self {
            word: Some(word),
            ..Self::new(text)
        }
    }

    /// The first word of the line that it is about, when that is not the one being read: the text is then a
    /// whole sentence, and is to be reported where that line stands.
    pub fn word(&self) -> Option<&'static str> {
        self.word
    }
}

impl From<String> for Error {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
