//! What comes of a command.

/// What a command has to say, and whether the answer is yes.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For standard output.
    pub(crate) text: String,
    /// The answer is no: a token that does not verify.
    pub(crate) refused: bool,
    /// For standard error, a sentence each: what is done, but hardly meant.
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    pub(crate) fn done(text: String) -> Self {
        Self {
            text,
            refused: false,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn with_warnings(
        mut self,
        warnings: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.warnings.extend(warnings.into_iter().map(Into::into));
        self
    }
}

/// Why nothing was done, for standard error and the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is not accepted.
    Refused(String),
    /// The arguments make no sense, or a file they name cannot be used.
    Wrong(String),
    /// Nobody answers, or not now.
    Unreachable(String),
}

impl Failure {
    /// The message and the exit code.
    pub(crate) fn parts(&self) -> (&str, u8) {
        match self {
            Self::Refused(message) => (message, REFUSED),
            Self::Wrong(message) => (message, WRONG_USE),
            Self::Unreachable(message) => (message, UNREACHABLE),
        }
    }

    /// The same, with what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        let longer = |message: String| format!("{what}: {message}");
        match self {
            Self::Refused(message) => Self::Refused(longer(message)),
            Self::Wrong(message) => Self::Wrong(longer(message)),
            Self::Unreachable(message) => Self::Unreachable(longer(message)),
        }
    }
}

/// The exit code of a no.
pub(crate) const REFUSED: u8 = 1;
const WRONG_USE: u8 = 2;
const UNREACHABLE: u8 = 3;
