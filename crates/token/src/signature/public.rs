//! Public keys, and what checks signatures with them.

use aws_lc_rs::signature as lc;

use super::der::{self, OBJECT, Reader, SEQUENCE, VERSION};
use super::{Curve, Hash, Method, Verify};
use crate::error::Error;

/// A public key, as it is before anybody knows what it will check.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian, without zeros in front.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point (SEC 1).
    Ec { curve: Curve, point: Vec<u8> },
    /// RFC 8032.
    Ed25519(Vec<u8>),
}

/// The fewest bits of an RSA key (RFC 7518 section 3.3).
const FEWEST_BITS: usize = 2048;
/// The most: what checking takes grows with their square.
const MOST_BITS: usize = 8192;

/// The objects that say what a key is for: rsaEncryption, id-ecPublicKey, id-Ed25519.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// Those of the curves (RFC 5480).
const CURVES: [(&[u8], Curve); 3] = [
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        Curve::P256,
    ),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], Curve::P384),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], Curve::P521),
];

impl PublicKey {
    /// An RSA key of these numbers.
    ///
    /// # Errors
    /// It is too weak, too large to be checked in bounded time, or no RSA key. Errors lack a subject: `is …`.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, Error> {
        let (n, e) = (der::without_zeros(n), der::without_zeros(e));
        let bits = bits(n);
        if !(FEWEST_BITS..=MOST_BITS).contains(&bits) {
            return Err(Error::new(format!(
                "is an RSA key of {bits} bits, it must have {FEWEST_BITS} to {MOST_BITS}"
            )));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        // An exponent of 1 would make every text its own signature.
        if !is_odd(n) || !is_odd(e) || e == [1] || e.len() > 5 {
            return Err(Error::new("is no RSA key"));
        }
        if is_of_roca(n) {
            return Err(Error::new(
                "is an RSA key whose private half can be computed (ROCA, CVE-2017-15361)",
            ));
        }
        Ok(Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// Whether an RSA key of this modulus is too weak.
    pub(crate) fn is_short_rsa(n: &[u8]) -> bool {
        bits(der::without_zeros(n)) < FEWEST_BITS
    }

    /// An ECDSA key of this point.
    ///
    /// # Errors
    /// It is not on the curve. Errors lack a subject.
    pub(crate) fn ec(curve: Curve, point: &[u8]) -> Result<Self, Error> {
        let algorithm = ec_algorithm(curve, Method::Ecdsa(curve)).ok_or_else(unknown)?;
        lc::ParsedPublicKey::new(algorithm, point).map_err(|_| unknown())?;
        let point = point.to_vec();
        Ok(Self::Ec { curve, point })
    }

    /// The key in a `SubjectPublicKeyInfo` (RFC 5280).
    ///
    /// # Errors
    /// As of [`PublicKey::rsa`]; it is none.
    pub(crate) fn from_info(info: &[u8]) -> Result<Self, Error> {
        read_info(&mut Reader::new(info)).unwrap_or_else(|| Err(unknown()))
    }

    /// The key that a certificate certifies (RFC 5280). Nothing else of the certificate is looked at.
    ///
    /// # Errors
    /// As of [`PublicKey::rsa`]; it is none.
    pub(crate) fn from_certificate(certificate: &[u8]) -> Result<Self, Error> {
        let find = || {
            let mut body = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
            body.skip_if(VERSION)?;
            body.number()?;
            // The signature's algorithm, the issuer, the validity, the subject.
            for _ in 0..4 {
                body.next(SEQUENCE)?;
            }
            read_info(&mut body)
        };
        find().unwrap_or_else(|| Err(unknown()))
    }

    /// The key in an `RSAPublicKey` (RFC 8017).
    ///
    /// # Errors
    /// As of [`PublicKey::rsa`]; it is none.
    pub(crate) fn from_rsa(key: &[u8]) -> Result<Self, Error> {
        read_rsa(key).unwrap_or_else(|| Err(unknown()))
    }

    /// Whether signatures can be made in that way with the private half.
    pub(crate) fn fits(&self, method: Method) -> bool {
        match self {
            Self::Rsa { .. } => rsa_parameters(method).is_some(),
            Self::Ec { curve, .. } => ec_algorithm(*curve, method).is_some(),
            Self::Ed25519(_) => method == Method::Ed25519,
        }
    }

    /// What checks signatures that are made in that way; None when this key makes none.
    ///
    /// # Errors
    /// It is no key.
    pub(crate) fn verifier(&self, method: Method) -> Option<Result<Box<dyn Verify>, Error>> {
        let parsed = match (self, method) {
            (Self::Rsa { n, e }, _) => {
                let parameters = rsa_parameters(method)?;
                let components = lc::RsaPublicKeyComponents { n, e };
                components.to_parsed_public_key(parameters)
            }
            (Self::Ec { curve, point }, _) => {
                lc::ParsedPublicKey::new(ec_algorithm(*curve, method)?, point)
            }
            (Self::Ed25519(key), Method::Ed25519) => lc::ParsedPublicKey::new(&lc::ED25519, key),
            (Self::Ed25519(_), _) => return None,
        };
        let parsed = parsed.map_err(|_| unknown());
        Some(parsed.map(|key| Box::new(Parsed(key)) as Box<dyn Verify>))
    }
}

/// How long a number is that has no zeros in front.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    let zeros = usize::try_from(zeros).unwrap_or(0);
    number.len().saturating_mul(8).saturating_sub(zeros)
}

/// Whether a modulus was made by Infineon's library of 2017, which chose primes that are powers of 65537 modulo each of
/// these: others pass by chance once in 2^27.
fn is_of_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];
    let is_power = |prime: &u32| {
        let digit = |rest: u32, byte: &u8| (rest << 8 | u32::from(*byte)).checked_rem(*prime);
        let rest = n.iter().try_fold(0, digit);
        let mut power = 1;
        (0..*prime).any(|_| {
            let is_it = rest == Some(power);
            power = power.wrapping_mul(65_537).checked_rem(*prime).unwrap_or(0);
            is_it
        })
    };
    PRIMES.iter().all(is_power)
}

/// A key as aws-lc keeps it.
struct Parsed(lc::ParsedPublicKey);

impl Verify for Parsed {
    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(text, signature).is_ok()
    }
}

fn unknown() -> Error {
    Error::new("is no key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519")
}

fn read_info(reader: &mut Reader<'_>) -> Option<Result<PublicKey, Error>> {
    let mut info = reader.enter(SEQUENCE)?;
    let mut algorithm = info.enter(SEQUENCE)?;
    let key = info.bits()?;
    match algorithm.next(OBJECT)? {
        RSA => read_rsa(key),
        EC => {
            let named = algorithm.next(OBJECT)?;
            let curve = CURVES.iter().find(|row| row.0 == named)?.1;
            Some(PublicKey::ec(curve, key))
        }
        ED25519 if key.len() == lc::ED25519_PUBLIC_KEY_LEN => {
            Some(Ok(PublicKey::Ed25519(key.to_vec())))
        }
        _ => None,
    }
}

fn read_rsa(key: &[u8]) -> Option<Result<PublicKey, Error>> {
    let mut whole = Reader::new(key);
    let mut numbers = whole.enter(SEQUENCE)?;
    let (n, e) = (numbers.number()?, numbers.number()?);
    (numbers.is_empty() && whole.is_empty()).then(|| PublicKey::rsa(n, e))
}

fn rsa_parameters(method: Method) -> Option<&'static lc::RsaParameters> {
    Some(match method {
        Method::RsaPkcs1(Hash::Sha1) => &lc::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Method::RsaPkcs1(Hash::Sha256) => &lc::RSA_PKCS1_2048_8192_SHA256,
        Method::RsaPkcs1(Hash::Sha384) => &lc::RSA_PKCS1_2048_8192_SHA384,
        Method::RsaPkcs1(Hash::Sha512) => &lc::RSA_PKCS1_2048_8192_SHA512,
        Method::RsaPss(Hash::Sha256) => &lc::RSA_PSS_2048_8192_SHA256,
        Method::RsaPss(Hash::Sha384) => &lc::RSA_PSS_2048_8192_SHA384,
        Method::RsaPss(Hash::Sha512) => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn ec_algorithm(curve: Curve, method: Method) -> Option<&'static lc::EcdsaVerificationAlgorithm> {
    Some(match (curve, method) {
        (Curve::P256, Method::Ecdsa(Curve::P256)) => &lc::ECDSA_P256_SHA256_FIXED,
        (Curve::P384, Method::Ecdsa(Curve::P384)) => &lc::ECDSA_P384_SHA384_FIXED,
        (Curve::P521, Method::Ecdsa(Curve::P521)) => &lc::ECDSA_P521_SHA512_FIXED,
        (Curve::P256, Method::EcdsaDer(Hash::Sha1)) => &lc::ECDSA_P256_SHA1_ASN1,
        (Curve::P256, Method::EcdsaDer(Hash::Sha256)) => &lc::ECDSA_P256_SHA256_ASN1,
        _ => return None,
    })
}
