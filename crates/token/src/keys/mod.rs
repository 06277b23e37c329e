//! The live keys of a profile, and what a scheme makes of them.

mod encoding;
mod inline;
mod jwk;
mod key;
mod material;
mod reading;
mod source;

pub use encoding::{BadKey, KeyEncoding};
pub use gatehouse_base::secret::Secret;
pub(crate) use inline::may_be_public;
#[cfg(test)]
pub(crate) use jwk::JWK_ALGORITHMS;
pub use key::{Key, KeyForm};
pub(crate) use material::{Material, Usable};
pub use reading::is_public;
pub(crate) use reading::is_spelled_key;
pub(crate) use source::Again;
pub use source::{KeySource, Place};

use crate::error::Error;
use crate::reason::Reason;
use crate::request::RequestView;

/// What a scheme has made of each live key, in the order of the `key` lines.
pub(crate) struct KeyRing<P>(Vec<P>);

impl<P> KeyRing<P> {
    /// Prepares every key once, when the configuration is read. Keys are secrets: the text of a public key, which
    /// everybody may know, is never one.
    pub(crate) fn prepare(
        keys: &[Key],
        prepare: impl Fn(&Key) -> Result<P, Error>,
    ) -> Result<Self, Error> {
        let other = keys.iter().find(|key| key.form != KeyForm::Secret);
        if let Some(form) = other.map(|key| key.form) {
            return Err(Error::new(format!(
                "has a \"key\" with \"encoding={}\", its format takes none",
                form.encoding()
            )));
        }
        keys.iter().map(prepare).collect::<Result<_, _>>().map(Self)
    }

    /// Of keys of any form, which are prepared already, in the order of the keys.
    pub(crate) fn of(prepared: Vec<P>) -> Self {
        Self(prepared)
    }

    /// The index of the first key for which `verifies` holds; every live key is tried in turn.
    pub(crate) fn find(&self, verifies: impl FnMut(&P) -> bool) -> Result<usize, Reason> {
        self.0.iter().position(verifies).ok_or(Reason::Invalid)
    }

    /// The key of an index.
    pub(crate) fn get(&self, index: usize) -> Option<&P> {
        self.0.get(index)
    }

    /// The first key.
    pub(crate) fn first(&self) -> Option<&P> {
        self.0.first()
    }
}

/// A `key table=… name=…` line: the key of the route that a request's host finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// The `upstream_table`.
    pub table: String,
    /// The name of the key among the route's `keys`.
    pub name: String,
}

/// The keys of a profile that routes have. They are read for each request, and shown to a verifier by the host.
pub(crate) struct RouteKeys {
    /// How each is spelled.
    encodings: Vec<KeyEncoding>,
    /// The index of the first one: those of files come before.
    first: usize,
}

impl RouteKeys {
    pub(crate) fn new(encodings: &[KeyEncoding], first: usize) -> Self {
        Self {
            encodings: encodings.to_vec(),
            first,
        }
    }

    /// The index of the first key of the request's route for which `verifies` holds, which says what is wrong with a key
    /// that it cannot use.
    pub(crate) fn find(
        &self,
        request: &dyn RequestView,
        verifies: impl Fn(&[u8]) -> Result<bool, BadKey>,
    ) -> Result<usize, Reason> {
        let found = self.encodings.iter().enumerate().position(|(line, one)| {
            let mut verified = Ok(false);
            request.route_key(line, &mut |text| {
                one.lend(text, |key| verified = verifies(key))?;
                verified.map(|_| ())
            });
            verified == Ok(true)
        });
        let index = found.map(|line| line.saturating_add(self.first));
        index.ok_or(Reason::Invalid)
    }

    /// The same where keys are secrets. Anybody may know a public key: as a secret it would let everybody in.
    pub(crate) fn find_secret(
        &self,
        request: &dyn RequestView,
        verifies: impl Fn(&[u8]) -> bool,
    ) -> Result<usize, Reason> {
        self.find(request, |key| Ok(verifies(key) && !may_be_public(key)))
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
            form: KeyForm::Secret,
        };
        assert_eq!(
            format!("{key:?}"),
            "Key { id: Some(\"a\"), secret: Secret(..), form: Secret }"
        );
    }
}
