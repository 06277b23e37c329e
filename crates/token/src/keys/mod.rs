//! The live keys of a profile, and what a scheme makes of them.

mod encoding;

pub use encoding::KeyEncoding;
pub use gatehouse_base::secret::Secret;

use crate::error::Error;
use crate::reason::Reason;

/// One live key of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name in `$token_auth_key_id` and the log, when the configuration gives one.
    pub id: Option<String>,
    /// What the key file holds, decoded: a secret, or the text of a public key.
    pub secret: Secret,
}

/// What a scheme has made of each live key, in the order of the `key` lines.
pub(crate) struct KeyRing<P>(Vec<P>);

impl<P> KeyRing<P> {
    /// Prepares every key once, when the configuration is read.
    pub(crate) fn prepare(
        keys: &[Key],
        prepare: impl Fn(&Key) -> Result<P, Error>,
    ) -> Result<Self, Error> {
        keys.iter().map(prepare).collect::<Result<_, _>>().map(Self)
    }

    /// The index of the first key for which `verifies` holds; every live key is tried in turn.
    pub(crate) fn find(&self, verifies: impl FnMut(&P) -> bool) -> Result<usize, Reason> {
        self.0.iter().position(verifies).ok_or(Reason::Invalid)
    }

    /// The first key.
    pub(crate) fn first(&self) -> Option<&P> {
        self.0.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let key = Key {
            id: Some("a".into()),
            secret: Secret::new(b"hunter2".to_vec()),
        };
        assert_eq!(
            format!("{key:?}"),
            "Key { id: Some(\"a\"), secret: Secret(..) }"
        );
    }
}
