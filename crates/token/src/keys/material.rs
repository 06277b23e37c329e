//! What a key is, behind the text that a file spells it with.

use gatehouse_base::secret::Secret;

use crate::signature::{PrivateKey, PublicKey};

/// A key that can be used.
pub(crate) enum Material {
    /// Signs and verifies.
    Secret(Secret),
    /// Verifies.
    Public(PublicKey),
    /// Signs, and its public half verifies.
    Private(PrivateKey),
}

/// A key, and the algorithm that its JWK is for.
pub(crate) struct Usable {
    pub(crate) material: Material,
    pub(crate) algorithm: Option<String>,
}
