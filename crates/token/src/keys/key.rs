//! A key, as a file spells it.

use gatehouse_base::secret::Secret;

/// One live key of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name in `$token_auth_key_id` and the log, when the configuration gives one.
    pub id: Option<String>,
    /// What the key file holds, decoded: a secret, or the text of a key.
    pub secret: Secret,
    /// What that is.
    pub form: KeyForm,
}

/// What [`Key::secret`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// A secret, which signs and verifies.
    #[default]
    Secret,
    /// The text of a PEM file.
    Pem,
    /// The text of one JWK.
    Jwk,
}

impl KeyForm {
    /// The encoding of a `key` line that brings such keys.
    pub(crate) fn encoding(self) -> &'static str {
        match self {
            Self::Secret => "text",
            Self::Pem => "pem",
            Self::Jwk => "jwks",
        }
    }
}
