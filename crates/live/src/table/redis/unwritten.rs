//! Why a store has not taken a change.

use std::fmt;

/// Why a store has not taken a change. It is as before, unless this is [`Unwritten::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// It cannot be reached, or cannot work now.
    Away(String),
    /// The connection was lost before the answer came: whether it has taken the change, nobody knows.
    Unknown(String),
    /// It has no memory left.
    Full(String),
    /// This user may not change it, or nobody may: it is a replica, or has something else in the place.
    Forbidden(String),
}

impl Unwritten {
    /// What an error of the store means.
    #[cfg(any(test, feature = "nginx"))]
    pub(super) fn of_error(text: &str) -> Self {
        let text = text.to_owned();
        match text.split(' ').next() {
            Some("OOM") => Self::Full(text),
            Some("NOPERM" | "READONLY" | "WRONGTYPE") => Self::Forbidden(text),
            _ => Self::Away(text),
        }
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "redis cannot be written to now ({why})"),
            Self::Unknown(why) => write!(
                f,
                "redis did not answer, it may have taken the change or not ({why})"
            ),
            Self::Full(why) => write!(f, "redis is full ({why})"),
            Self::Forbidden(why) => write!(f, "redis does not take changes from here ({why})"),
        }
    }
}

impl std::error::Error for Unwritten {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_an_error_says_what_it_is() {
        let of = Unwritten::of_error;
        for text in ["OOM command not allowed", "OOM"] {
            assert_eq!(of(text), Unwritten::Full(text.into()));
        }
        for text in ["NOPERM this user", "READONLY You can't write", "WRONGTYPE"] {
            assert_eq!(of(text), Unwritten::Forbidden(text.into()));
        }
        for text in ["LOADING Redis is", "MISCONF", "ERR OOM", "WRONGPASS x", ""] {
            assert_eq!(of(text), Unwritten::Away(text.into()));
        }
        let shown = of("OOM command").to_string();
        assert_eq!(shown, "redis is full (OOM command)");
    }
}
