//! Signatures that are made with a private key and checked with the public one.
//!
//! [`Verify`] is all a scheme sees of it: does this key verify this signature of this text. Keys are parsed when the
//! configuration is read ([`PublicKey::verifier`]). The work is done by aws-lc, behind these files only; nothing of it is
//! allocated by Rust while a request is checked, and what its C code cannot allocate it refuses.

mod bare;
mod der;
mod pem;
mod private;
mod public;
#[cfg(test)]
mod tests;

pub(crate) use bare::is_bare_key;
pub(crate) use pem::{Pem, is_pem};
pub(crate) use private::{PrivateKey, RsaNumbers};
pub(crate) use public::PublicKey;

/// A public key that is used in one way.
pub(crate) trait Verify: Send + Sync {
    /// Whether this is a signature of that text.
    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool;
}

/// A hash of the SHA family.
#[allow(dead_code)] // format cloudfront, on its way
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// For CloudFront's older signers.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// How a text is signed.
#[allow(dead_code)] // likewise
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(Hash),
    /// RSASSA-PSS, the salt as long as the hash (RFC 8017 section 8.1).
    RsaPss(Hash),
    /// ECDSA, the two numbers side by side; the hash is that of the curve (RFC 7518 section 3.4).
    Ecdsa(Curve),
    /// ECDSA on P-256, the two numbers in DER (RFC 3279 section 2.2.3).
    EcdsaDer(Hash),
    /// EdDSA with Ed25519 (RFC 8032).
    Ed25519,
}

/// A curve of ECDSA keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Every curve.
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Bytes of one coordinate.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The longest signature in bytes: that of an RSA key of 8192 bits.
pub(crate) const MAX_SIGNATURE: usize = 1024;
