//! Reading key files, and the keys they spell.

use gatehouse_base::json;
use gatehouse_base::secret::Secret;
use zeroize::Zeroizing;

use super::encoding::{BadKey, KeyEncoding};
use super::jwk;
use super::key::{Key, KeyForm};
use super::material::{Material, Usable};
use crate::error::Error;
use crate::signature::{Pem, is_bare_key};

impl Key {
    /// The keys that a key file holds, which is spelled in that way. `id` is the name that its line gives it; those of a
    /// JWKS have names of their own, the `kid`.
    ///
    /// # Errors
    /// There is none. The text lacks a subject and does not quote the file.
    pub fn read(file: &[u8], encoding: KeyEncoding, id: Option<&str>) -> Result<Vec<Self>, Error> {
        let secret = encoding.decode_file(file);
        let secret = secret.map_err(|fault| Error::new(fault.to_string()))?;
        let id = id.map(str::to_owned);
        let form = match encoding {
            KeyEncoding::Pem => KeyForm::Pem,
            KeyEncoding::Jwks => {
                let found = jwk::find(secret.as_bytes())?;
                return named(found, id);
            }
            _ => KeyForm::Secret,
        };
        let key = Self { id, secret, form };
        key.usable()?;
        Ok(vec![key])
    }

    /// What it is.
    ///
    /// # Errors
    /// It cannot be used. The text lacks a subject.
    pub(crate) fn usable(&self) -> Result<Usable, Error> {
        let bytes = self.secret.as_bytes();
        let material = match self.form {
            KeyForm::Secret => Material::Secret(self.secret.clone()),
            KeyForm::Pem => match Pem::parse(bytes)? {
                Pem::Public(key) => Material::Public(key),
                Pem::Private(key) => Material::Private(key),
            },
            KeyForm::Jwk => return jwk::read(bytes),
        };
        Ok(Usable {
            material,
            algorithm: None,
        })
    }
}

/// Keys of a JWKS as those of a line.
fn named(found: Vec<(Option<String>, Secret)>, id: Option<String>) -> Result<Vec<Key>, Error> {
    let is_named = found.iter().any(|one| one.0.is_some());
    if id.is_some() && (found.len() > 1 || is_named) {
        return Err(Error::new(
            "has \"id=\", but the keys of a JWKS are named by their \"kid\"",
        ));
    }
    let keys = found.into_iter().map(|(kid, secret)| Key {
        id: kid.or_else(|| id.clone()),
        secret,
        form: KeyForm::Jwk,
    });
    Ok(keys.collect())
}

/// How often a text may be spelled as another one, as base64 of base64.
const MOST_SPELLINGS: usize = 3;

/// The encoding of a text that spells a key, and is no secret itself: in PEM, as JWK, without any armour, and all that in
/// base64 or hexadecimal, as programs show it and variables hold it.
pub(crate) fn is_spelled_key(text: &[u8]) -> Option<&'static str> {
    spelled_key(text, MOST_SPELLINGS)
}

fn spelled_key(text: &[u8], most: usize) -> Option<&'static str> {
    let is_jwk = |all: json::Value<'_>| all.member("keys").or(all.member("kty")).is_some();
    // The rest of the armour may be damaged.
    if memchr::memmem::find(text, b"-----BEGIN ").is_some() || is_bare_key(text) {
        return Some("pem");
    }
    if json::parse(text).is_some_and(is_jwk) {
        return Some("jwks");
    }
    let most = most.checked_sub(1)?;
    let spelled = [in_base64(text), in_hex(text)];
    let mut spelled = spelled.iter().flatten();
    spelled.find_map(|inner| spelled_key(inner, most))
}

/// What a text spells in base64 of either alphabet, with padding or without, with white space or without.
fn in_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let digits = digits.map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    let mut digits = Zeroizing::new(digits.collect::<Vec<u8>>());
    while digits.last() == Some(&b'=') {
        digits.pop();
    }
    // Bits behind the last byte are nobody's, whatever they are.
    let mut lenient = data_encoding::BASE64_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let lenient = lenient.encoding().ok()?;
    lenient.decode(&digits).ok().map(Zeroizing::new)
}

/// What a text spells in hexadecimal, with what programs put between bytes or without.
fn in_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let digits = text.iter().copied();
    let digits = digits.filter(|byte| !byte.is_ascii_whitespace() && *byte != b':');
    let digits = Zeroizing::new(digits.collect::<Vec<u8>>());
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()?;
    Some(Zeroizing::new(bytes))
}

/// Whether a key file holds nothing that must be kept from others: public keys and certificates alone.
pub fn is_public(file: &[u8]) -> bool {
    if KeyEncoding::Pem.decode_file(file) != Err(BadKey::Not("pem")) {
        let text = String::from_utf8_lossy(file);
        return !file.is_empty() && !text.contains("PRIVATE KEY");
    }
    let Some(value) = json::parse(file) else {
        return false;
    };
    let is_secret = |key: json::Value<'_>| key.member("k").is_some() || key.member("d").is_some();
    let keys = value.member("keys");
    keys.is_some_and(|keys| !keys.items().any(is_secret))
        || (value.member("kty").is_some() && !is_secret(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_keys_are_public() {
        for (file, wanted) in [
            ("", false),
            ("secret", false),
            (
                "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n",
                true,
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
                true,
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n",
                false,
            ),
            ("{}", false),
            ("{\"keys\":[]}", true),
            ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", false),
            ("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\"}]}\n", true),
            ("{\"kty\":\"EC\",\"x\":\"AA\"}", true),
            ("{\"kty\":\"EC\",\"d\":\"AA\"}", false),
        ] {
            assert_eq!(is_public(file.as_bytes()), wanted, "{file}");
        }
    }
}
