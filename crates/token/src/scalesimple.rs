//! ScaleSimple: `hex(MD5(key + hex(MD5(expiry + url + key))))`, as its edge code computes it.
//!
//! The key is used as the text its portal shows. The URL is the raw request target; where the token is in
//! the query, without its two arguments. Neither method nor host nor address is signed. An argument, a cookie or a
//! header of a token that comes twice is malformed: the edge refuses it.

use md5::{Digest as _, Md5};

use super::key::{KeyEncoding, Secret};
use super::place::SignedUrl;
use super::{
    Check, Claims, DefaultCarriers, Error, Presented, Received, Repeated, Scheme, Setup, Status,
    mac,
};
use gatehouse_base::digest::hex_into;

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
    repeated: Repeated::Malformed,
    build,
};

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
        let mac = decode(presented.token).ok_or(Status::Malformed)?;
        let matches =
            |secret: &Secret| mac::same(&token(secret.as_bytes(), text, &presented.url), &mac);
        let key = self.keys.iter().position(matches).ok_or(Status::Invalid)?;
        Ok(Claims {
            key,
            expires: Some(expires),
        })
    }

    fn signs_target(&self) -> bool {
        true
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        segment.split_at_checked(32).is_some_and(|(token, rest)| {
            decode(token).is_some() && rest.strip_prefix(b",").is_some_and(mac::is_digits)
        })
    }
}

/// The 16 bytes of a token. Upper case is refused, as by the edge's string comparison.
fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let text = <&[u8; 32]>::try_from(text).ok()?;
    let mut mac = [0; 16];
    let mut all = true;
    // No early exit: so the compiler takes many digits at a time.
    for (byte, pair) in mac.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (
            pair.first().copied().unwrap_or(0),
            pair.last().copied().unwrap_or(0),
        );
        all &= is_digit(high) & is_digit(low);
        *byte = (value(high) << 4) | value(low);
    }
    all.then_some(mac)
}

fn is_digit(text: u8) -> bool {
    matches!(text, b'0'..=b'9' | b'a'..=b'f')
}

fn value(digit: u8) -> u8 {
    digit.wrapping_sub(if digit < b'a' { b'0' } else { b'a' - 10 }) & 15
}

fn token(key: &[u8], expiry: &[u8], url: &SignedUrl<'_>) -> [u8; 16] {
    let mut inner = Md5::new_with_prefix(expiry);
    url.each(|piece| inner.update(piece));
    inner.update(key);
    let mut inner_hex = [0; 32];
    hex_into(&inner.finalize(), &mut inner_hex);
    let mut outer = Md5::new_with_prefix(key);
    outer.update(inner_hex);
    outer.finalize().into()
}
