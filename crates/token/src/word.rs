//! What a word of a `token_profile` block is, and what its reader asks of the host.

use crate::error::Error;
use crate::keys::Secret;
use crate::settings::Settings;
use gatehouse_base::words;

/// What a host does for the lines of a block.
pub trait Host {
    /// Seconds of a time such as `90` or `1h30m`; `None` when it is none.
    fn seconds(&self, word: &str) -> Option<u64>;

    /// Milliseconds of a time such as `500ms` or `90`; `None` when it is none.
    fn milliseconds(&self, word: &str) -> Option<u64> {
        self.seconds(word)?.checked_mul(1000)
    }

    /// Bytes of a size such as `32k` or `1m`; `None` when it is none, or the host has no memory to give.
    fn size(&self, word: &str) -> Option<usize> {
        let _ = word;
        None
    }

    /// The bytes of a key file, and how messages call it, such as `key file "PATH"`.
    ///
    /// # Errors
    /// Why the file cannot be used; a whole sentence.
    fn key_file(&self, path: &str) -> Result<(String, Secret), Error>;

    /// Warns about the line being read.
    fn warn(&self, text: &str);
}

/// A word of a block.
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// How many words may follow it.
    pub args: Arity,
    /// Whether it may stand in a block several times.
    pub repeated: bool,
    /// What follows it, for the reference.
    pub syntax: fn() -> String,
    /// What it does, for the reference: Markdown, to be read behind the word.
    pub text: &'static str,
    pub(crate) parse: fn(&mut Settings, &[&str], &dyn Host) -> Result<(), Error>,
}

/// How many words follow a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One.
    One,
    /// At least one.
    Some,
    /// As many as its own reader takes.
    Any,
}

impl Arity {
    pub(crate) fn admits(self, words: usize) -> bool {
        match self {
            Self::One => words == 1,
            Self::Some => words >= 1,
            Self::Any => true,
        }
    }
}

/// The first of a line's words.
pub(crate) fn first<'w>(words: &[&'w str]) -> &'w str {
    words.first().copied().unwrap_or_default()
}

/// A flag.
pub(crate) fn on_off(name: &str, word: &str) -> Result<bool, Error> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(words::invalid(other, name, ["on", "off"]).into()),
    }
}
