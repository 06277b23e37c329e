//! Public keys without the armour of PEM, which pass for secrets at first sight.
//!
//! What matters here is whether a text can be a public key of anybody, so more is found than can be used: keys that are
//! too weak, and those of other curves.

use super::der::{BIT_STRING, INTEGER, OBJECT, Reader, SEQUENCE, VERSION};
use super::{Curve, PublicKey};

/// Whether bytes are a public key: a `SubjectPublicKeyInfo`, an `RSAPublicKey`, a certificate, a point of a curve, or a key
/// of SSH (RFC 4253 section 6.6), as text or as bytes.
pub(crate) fn is_bare_key(bytes: &[u8]) -> bool {
    // A key file is read without one newline at its end, which may have been the last byte of a key.
    let cut = [bytes, b"\n"].concat();
    let cut_twice = [bytes, b"\r\n"].concat();
    let is_der = [bytes, &cut, &cut_twice].into_iter().any(is_der_key);
    is_der || is_point(bytes) || is_ssh(bytes)
}

/// One element of DER that is built as a key is, and blanks.
fn is_der_key(bytes: &[u8]) -> bool {
    let mut whole = Reader::new(bytes);
    let Some(inside) = whole.enter(SEQUENCE) else {
        return false;
    };
    let shapes = [is_info, is_rsa, is_certificate];
    whole.is_blank() && shapes.iter().any(|shape| shape(inside).is_some())
}

fn is_info(mut info: Reader<'_>) -> Option<()> {
    info.enter(SEQUENCE)?.next(OBJECT)?;
    info.next(BIT_STRING)?;
    info.is_empty().then_some(())
}

fn is_rsa(mut numbers: Reader<'_>) -> Option<()> {
    numbers.next(INTEGER)?;
    numbers.next(INTEGER)?;
    numbers.is_empty().then_some(())
}

fn is_certificate(mut certificate: Reader<'_>) -> Option<()> {
    let mut body = certificate.enter(SEQUENCE)?;
    certificate.enter(SEQUENCE)?.next(OBJECT)?;
    certificate.next(BIT_STRING)?;
    body.skip_if(VERSION)?;
    body.next(INTEGER)?;
    body.next(SEQUENCE)?;
    certificate.is_empty().then_some(())
}

/// A point that is not compressed, as JavaScript exports a `raw` key.
fn is_point(bytes: &[u8]) -> bool {
    let is_on = |curve: &Curve| PublicKey::ec(*curve, bytes).is_ok();
    bytes.first() == Some(&4) && Curve::ALL.iter().any(is_on)
}

fn is_ssh(bytes: &[u8]) -> bool {
    const NAMES: [&str; 6] = [
        "ssh-rsa",
        "ssh-dss",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
    ];
    NAMES.iter().any(|name| {
        let line = bytes.trim_ascii_start().strip_prefix(name.as_bytes());
        let is_line = line.is_some_and(|rest| rest.starts_with(b" "));
        // As bytes, a name follows its length.
        let len = u32::try_from(name.len()).unwrap_or(0).to_be_bytes();
        let named = bytes.strip_prefix(&len);
        is_line || named.is_some_and(|rest| rest.starts_with(name.as_bytes()))
    })
}
