//! Private keys: for `gatehouse token sign`, and for the tests. nginx needs none.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, KeyPair as _};
use zeroize::Zeroizing;

use super::{Curve, Hash, Method, PublicKey};
use crate::error::Error;

/// A private key.
pub(crate) enum PrivateKey {
    Rsa(Box<lc::RsaKeyPair>),
    /// The key in DER, since it is parsed for one way of signing.
    Ec {
        curve: Curve,
        der: Zeroizing<Vec<u8>>,
    },
    Ed25519(lc::Ed25519KeyPair),
}

/// The numbers of an RSA key as a JWK has them (RFC 7518 section 6.3.2), big-endian.
pub(crate) struct RsaNumbers<'k> {
    pub(crate) n: &'k [u8],
    pub(crate) e: &'k [u8],
    pub(crate) d: &'k [u8],
    pub(crate) p: &'k [u8],
    pub(crate) q: &'k [u8],
    pub(crate) dp: &'k [u8],
    pub(crate) dq: &'k [u8],
    pub(crate) qi: &'k [u8],
}

impl PrivateKey {
    /// The key in a `PrivateKeyInfo` (RFC 5208), an `RSAPrivateKey` (RFC 8017) or an `ECPrivateKey` (RFC 5915).
    ///
    /// # Errors
    /// It is none, or it is encrypted.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let rsa = lc::RsaKeyPair::from_pkcs8(der).or_else(|_| lc::RsaKeyPair::from_der(der));
        if let Ok(key) = rsa {
            return Ok(Self::Rsa(Box::new(key)));
        }
        if let Ok(key) = lc::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self::Ed25519(key));
        }
        let fits = |curve: &Curve| ec_pair(der, fixed(*curve)).is_ok();
        let curve = Curve::ALL.into_iter().find(fits).ok_or_else(unusable)?;
        let der = Zeroizing::new(der.to_vec());
        Ok(Self::Ec { curve, der })
    }

    /// An RSA key of these numbers.
    ///
    /// # Errors
    /// They are none.
    pub(crate) fn rsa(numbers: &RsaNumbers<'_>) -> Result<Self, Error> {
        let key = lc::RsaKeyPair::from_components(&aws_lc_rs::rsa::KeyPairComponents {
            public_key: lc::RsaPublicKeyComponents {
                n: numbers.n,
                e: numbers.e,
            },
            d: numbers.d,
            p: numbers.p,
            q: numbers.q,
            dP: numbers.dp,
            dQ: numbers.dq,
            qInv: numbers.qi,
        });
        let key = key.map_err(|_| unusable())?;
        Ok(Self::Rsa(Box::new(key)))
    }

    /// An ECDSA key of this number and point.
    ///
    /// # Errors
    /// They do not belong together.
    pub(crate) fn ec(curve: Curve, number: &[u8], point: &[u8]) -> Result<Self, Error> {
        use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der};
        let pair = lc::EcdsaKeyPair::from_private_key_and_public_key(fixed(curve), number, point);
        let pair = pair.map_err(|_| unusable())?;
        let der: EcPrivateKeyRfc5915Der<'_> =
            pair.private_key().as_der().map_err(|_| unusable())?;
        let der = Zeroizing::new(der.as_ref().to_vec());
        Ok(Self::Ec { curve, der })
    }

    /// An Ed25519 key of this seed.
    ///
    /// # Errors
    /// They do not belong together.
    pub(crate) fn ed25519(seed: &[u8], public: &[u8]) -> Result<Self, Error> {
        let key = lc::Ed25519KeyPair::from_seed_and_public_key(seed, public);
        key.map(Self::Ed25519).map_err(|_| unusable())
    }

    /// The public key that belongs to it.
    ///
    /// # Errors
    /// As of [`PublicKey::rsa`].
    pub(crate) fn public(&self) -> Result<PublicKey, Error> {
        match self {
            Self::Rsa(key) => PublicKey::from_rsa(key.public_key().as_ref()),
            Self::Ec { curve, der } => {
                let pair = ec_pair(der, fixed(*curve))?;
                Ok(PublicKey::Ec {
                    curve: *curve,
                    point: pair.public_key().as_ref().to_vec(),
                })
            }
            Self::Ed25519(key) => Ok(PublicKey::Ed25519(key.public_key().as_ref().to_vec())),
        }
    }

    /// Signs a text; None when this key does not sign in that way.
    ///
    /// # Errors
    /// aws-lc cannot.
    pub(crate) fn sign(&self, method: Method, text: &[u8]) -> Option<Result<Vec<u8>, Error>> {
        let signed = match (self, method) {
            (Self::Rsa(key), _) => {
                let padding = rsa_padding(method)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &SystemRandom::new(), text, &mut signature)
                    .map(|()| signature)
            }
            (Self::Ec { curve, der }, _) => {
                let algorithm = match method {
                    Method::Ecdsa(of) if of == *curve => fixed(of),
                    Method::EcdsaDer(Hash::Sha256) if *curve == Curve::P256 => {
                        &lc::ECDSA_P256_SHA256_ASN1_SIGNING
                    }
                    _ => return None,
                };
                let pair = match ec_pair(der, algorithm) {
                    Ok(pair) => pair,
                    Err(error) => return Some(Err(error)),
                };
                pair.sign(&SystemRandom::new(), text)
                    .map(|signature| signature.as_ref().to_vec())
            }
            (Self::Ed25519(key), Method::Ed25519) => Ok(key.sign(text).as_ref().to_vec()),
            (Self::Ed25519(_), _) => return None,
        };
        Some(signed.map_err(|_| Error::new("cannot sign")))
    }
}

fn unusable() -> Error {
    Error::new("is no private key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519")
}

fn ec_pair(
    der: &[u8],
    algorithm: &'static lc::EcdsaSigningAlgorithm,
) -> Result<lc::EcdsaKeyPair, Error> {
    lc::EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(|_| unusable())
}

fn fixed(curve: Curve) -> &'static lc::EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &lc::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &lc::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &lc::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn rsa_padding(method: Method) -> Option<&'static dyn lc::RsaEncoding> {
    Some(match method {
        Method::RsaPkcs1(Hash::Sha256) => &lc::RSA_PKCS1_SHA256,
        Method::RsaPkcs1(Hash::Sha384) => &lc::RSA_PKCS1_SHA384,
        Method::RsaPkcs1(Hash::Sha512) => &lc::RSA_PKCS1_SHA512,
        Method::RsaPss(Hash::Sha256) => &lc::RSA_PSS_SHA256,
        Method::RsaPss(Hash::Sha384) => &lc::RSA_PSS_SHA384,
        Method::RsaPss(Hash::Sha512) => &lc::RSA_PSS_SHA512,
        _ => return None,
    })
}
