//! ScaleSimple: `hex(MD5(key + hex(MD5(expiry + url + key))))`, as its edge code computes it.
//!
//! The key is used as the text its portal shows. The URL is the raw request target; where the token is in
//! the query, without its two arguments. Neither method nor host nor address is signed. An argument that comes
//! twice counts by its last value, as in the edge code, whose pattern is greedy.

use md5::{Digest as _, Md5};

use super::key::{KeyEncoding, Secret};
use super::place::SignedUrl;
use super::{
    Check, Claims, DefaultCarriers, Error, Presented, Received, Repeated, Scheme, Setup, Status,
    mac,
};
use crate::digest::hex_into;

pub(super) const SCHEME: Scheme = Scheme {
    name: "scalesimple",
    carriers: DefaultCarriers {
        query: ("ss_token", Some("ss_expiration")),
        cookie: ("ss_token", Some("ss_expiration")),
        header: ("X-SS-Token", Some("X-SS-Expiration")),
    },
    statuses: &[],
    takes_message: false,
    key_encoding: KeyEncoding::Text,
    always_expires: true,
    repeated: Repeated::Last,
    build,
};

/// MD5 in hex.
type HexMd5 = [u8; 32];

struct ScaleSimple {
    keys: Vec<Secret>,
}

fn build(setup: &Setup<'_>) -> Result<Box<dyn Check>, Error> {
    let keys = setup.keys.iter().map(|key| key.secret.clone()).collect();
    Ok(Box::new(ScaleSimple { keys }))
}

impl Check for ScaleSimple {
    fn check(&self, presented: &Presented<'_>, _: &dyn Received) -> Result<Claims, Status> {
        let text = presented.expiry.ok_or(Status::Malformed)?;
        let expires = mac::parse_epoch(text).ok_or(Status::Malformed)?;
        if !is_lower_hex_md5(presented.token) {
            return Err(Status::Malformed);
        }
        let matches = |secret: &Secret| {
            mac::same(
                &token(secret.as_bytes(), text, &presented.url),
                presented.token,
            )
        };
        let key = self.keys.iter().position(matches).ok_or(Status::Invalid)?;
        Ok(Claims {
            key,
            expires: Some(expires),
        })
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        segment.split_at_checked(32).is_some_and(|(token, rest)| {
            is_lower_hex_md5(token) && rest.strip_prefix(b",").is_some_and(mac::is_digits)
        })
    }
}

/// Other spellings of the same number are refused, as a string comparison does.
fn is_lower_hex_md5(text: &[u8]) -> bool {
    text.len() == 32
        && text
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn token(key: &[u8], expiry: &[u8], url: &SignedUrl<'_>) -> HexMd5 {
    let mut inner = Md5::new_with_prefix(expiry);
    url.each(|piece| inner.update(piece));
    inner.update(key);
    let mut outer = Md5::new_with_prefix(key);
    outer.update(hex(inner));
    hex(outer)
}

fn hex(hash: Md5) -> HexMd5 {
    let mut text = [0; 32];
    hex_into(&hash.finalize(), &mut text);
    text
}
