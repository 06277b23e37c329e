//! The algorithms of signatures (RFC 7518 section 3.1, RFC 8037), and which keys are for which.

use gatehouse_base::digest;

use crate::keys::Material;
use crate::signature::{Curve, Hash, Method};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// An HMAC under a secret.
    Mac(digest::Algorithm),
    /// A signature by a private key.
    Signature(Method),
}

/// Every algorithm and its name. There is no `none`.
pub(crate) const ALGORITHMS: [(&str, Algorithm); 13] = [
    ("HS256", Algorithm::Mac(digest::Algorithm::Sha256)),
    ("HS384", Algorithm::Mac(digest::Algorithm::Sha384)),
    ("HS512", Algorithm::Mac(digest::Algorithm::Sha512)),
    (
        "RS256",
        Algorithm::Signature(Method::RsaPkcs1(Hash::Sha256)),
    ),
    (
        "RS384",
        Algorithm::Signature(Method::RsaPkcs1(Hash::Sha384)),
    ),
    (
        "RS512",
        Algorithm::Signature(Method::RsaPkcs1(Hash::Sha512)),
    ),
    ("PS256", Algorithm::Signature(Method::RsaPss(Hash::Sha256))),
    ("PS384", Algorithm::Signature(Method::RsaPss(Hash::Sha384))),
    ("PS512", Algorithm::Signature(Method::RsaPss(Hash::Sha512))),
    ("ES256", Algorithm::Signature(Method::Ecdsa(Curve::P256))),
    ("ES384", Algorithm::Signature(Method::Ecdsa(Curve::P384))),
    ("ES512", Algorithm::Signature(Method::Ecdsa(Curve::P521))),
    ("EdDSA", Algorithm::Signature(Method::Ed25519)),
];

impl Algorithm {
    /// Finds the algorithm of a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The name, as in `alg`.
    pub(crate) fn name(self) -> &'static str {
        let row = ALGORITHMS.iter().find(|row| row.1 == self);
        row.map_or("", |row| row.0)
    }

    /// What a key is for when nobody says so.
    pub(crate) fn of(key: &Material) -> Self {
        let of_public = |key: &crate::signature::PublicKey| {
            let methods = ALGORITHMS.iter().filter_map(|row| match row.1 {
                Self::Signature(method) => Some(method),
                Self::Mac(_) => None,
            });
            let mut methods = methods.filter(|method| key.fits(*method));
            methods.next().unwrap_or(Method::Ed25519)
        };
        match key {
            Material::Secret(_) => Self::Mac(digest::Algorithm::Sha256),
            Material::Public(key) => Self::Signature(of_public(key)),
            Material::Private(key) => {
                Self::Signature(key.public().as_ref().map_or(Method::Ed25519, of_public))
            }
        }
    }

    /// Whether it can be done with a key.
    pub(crate) fn fits(self, key: &Material) -> bool {
        match (self, key) {
            (Self::Mac(_), Material::Secret(_)) => true,
            (Self::Signature(method), Material::Public(key)) => key.fits(method),
            (Self::Signature(method), Material::Private(key)) => {
                key.public().is_ok_and(|key| key.fits(method))
            }
            _ => false,
        }
    }
}
