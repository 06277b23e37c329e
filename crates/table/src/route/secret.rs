//! Text that is never shown and does not stay in memory.

use std::fmt;
use zeroize::Zeroizing;

/// A secret of a route (`keys`): wiped when dropped, absent from debug output.
///
/// Two of them are compared to see whether a route changed, in a time that depends on them: never compare with what a
/// client sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
#[test]
fn a_secret_is_not_shown() {
    let secret = Secret::new("s3cret".to_owned());
    assert_eq!(format!("{secret:?}"), "Secret");
}
