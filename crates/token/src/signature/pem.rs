//! Keys in PEM (RFC 7468): the text form in which they are handed around.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{PrivateKey, PublicKey};
use crate::error::Error;

/// What a PEM file holds first, of what can hold a key.
pub(crate) enum Pem {
    Public(PublicKey),
    Private(PrivateKey),
}

impl Pem {
    /// Reads the first section that holds a key: `PUBLIC KEY`, `RSA PUBLIC KEY`, `CERTIFICATE`, `PRIVATE KEY`,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    ///
    /// # Errors
    /// There is none, or its key cannot be used. Errors lack a subject: `is …`, `holds …`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        let mut rest = std::str::from_utf8(text).map_err(|_| none())?;
        loop {
            let (section, behind) = section(rest).ok_or_else(none)?;
            rest = behind;
            let body = || decode(section.body).ok_or_else(|| Error::new("is no PEM file"));
            return match section.label {
                "PUBLIC KEY" => PublicKey::from_info(&body()?).map(Self::Public),
                "RSA PUBLIC KEY" => PublicKey::from_rsa(&body()?).map(Self::Public),
                "CERTIFICATE" => PublicKey::from_certificate(&body()?).map(Self::Public),
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                    if section.body.contains("ENCRYPTED") {
                        return Err(Error::new("holds an encrypted private key"));
                    }
                    PrivateKey::from_der(&body()?).map(Self::Private)
                }
                "ENCRYPTED PRIVATE KEY" => Err(Error::new("holds an encrypted private key")),
                // Such as EC PARAMETERS in front of a key.
                _ => continue,
            };
        }
    }
}

impl PublicKey {
    /// The first key of a PEM file; of a private key the public one that belongs to it.
    ///
    /// # Errors
    /// As of [`Pem::parse`].
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, Error> {
        match Pem::parse(text)? {
            Pem::Public(key) => Ok(key),
            Pem::Private(key) => key.public(),
        }
    }
}

impl PrivateKey {
    /// The first key of a PEM file.
    ///
    /// # Errors
    /// As of [`Pem::parse`]; it is a public key.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, Error> {
        match Pem::parse(text)? {
            Pem::Private(key) => Ok(key),
            Pem::Public(_) => Err(Error::new("holds a public key, which signs nothing")),
        }
    }
}

/// Whether a text has a section of PEM.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| section(text).is_some())
}

struct Section<'t> {
    label: &'t str,
    body: &'t str,
}

/// The next section, and what is behind it.
fn section(text: &str) -> Option<(Section<'_>, &str)> {
    let (_, begin) = text.split_once("-----BEGIN ")?;
    let (label, rest) = begin.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    let behind = rest.strip_prefix(label)?.strip_prefix("-----")?;
    Some((Section { label, body }, behind))
}

fn decode(body: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = body.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits = Zeroizing::new(digits.collect::<Vec<u8>>());
    BASE64.decode(&digits).ok().map(Zeroizing::new)
}

fn none() -> Error {
    Error::new("holds no key in PEM")
}
