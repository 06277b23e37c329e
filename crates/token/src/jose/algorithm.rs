//! The algorithms of signatures (RFC 7518 section 3.1, RFC 8037), and which keys are for which.

use gatehouse_base::digest;

use crate::error::Error;
use crate::keys::{Material, Usable};
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

    /// What a key is for when nobody says so: the first of these that can be done with it.
    pub(crate) fn of(key: &Material, legal: &[Self]) -> Option<Self> {
        legal.iter().copied().find(|one| one.fits(key))
    }

    /// What a signer uses a key for: what its JWK says, else the first that its profile names, else its own.
    ///
    /// # Errors
    /// There is no such algorithm.
    pub(crate) fn of_signer(
        key: &Usable,
        of_profile: &[Self],
        legal: &[Self],
    ) -> Result<Self, Error> {
        let of_jwk = key.algorithm.as_deref().and_then(Self::parse);
        let own = || Self::of(&key.material, of_profile).or_else(|| Self::of(&key.material, legal));
        let found = of_jwk.or_else(own).filter(|one| legal.contains(one));
        found.ok_or_else(|| Error::new("the key is for no algorithm of this format"))
    }

    /// Signs a text.
    ///
    /// # Errors
    /// The key is a public one, or none for this.
    pub(crate) fn sign(self, key: &Material, text: &[u8]) -> Result<Vec<u8>, Error> {
        let signed = match (self, key) {
            (Self::Mac(hash), Material::Secret(secret)) => {
                let mut out = [0; digest::MAX_RAW];
                let feed = |sink: &mut dyn FnMut(&[u8])| {
                    sink(text);
                    Some(())
                };
                let mac = hash.hmac_into(secret.as_bytes(), &mut out, feed);
                mac.map(|mac| Ok(mac.to_vec()))
            }
            (Self::Signature(method), Material::Private(key)) => key.sign(method, text),
            (_, Material::Public(_)) => {
                return Err(Error::new("the key is a public one, which signs nothing"));
            }
            _ => None,
        };
        signed.unwrap_or_else(|| {
            let name = self.name();
            Err(Error::new(format!("the key is none for {name}")))
        })
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
