//! ScaleSimple: `hex(MD5(key + hex(MD5(expiry + url + key))))`, as its edge code computes it.
//!
//! The key is used as the text its portal shows. The URL is the raw request target; where the token is in
//! the query, without its two arguments. Neither method nor host nor address is signed. An argument, a
//! cookie or a header of a token that comes twice is malformed: the edge refuses it.

use gatehouse_base::encoding::{hex_from, hex_into};
use gatehouse_hash::{Hash as _, Md5};

use crate::claims::Claims;
use crate::error::Error;
use crate::keys::{Key, KeyEncoding, KeyRing, RouteKeys, Secret};
use crate::mac;
use crate::macs;
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Repeated, Scheme, Signing, Verifier, VerifierConfig};

pub(super) const SCHEME: Scheme = Scheme {
    name: "scalesimple",
    carriers: &[
        Carrier {
            role: "token",
            query: Some("ss_token"),
            cookie: Some("ss_token"),
            header: Some("X-SS-Token"),
            required: true,
        },
        Carrier {
            role: Carrier::EXPIRY,
            query: Some("ss_expiration"),
            cookie: Some("ss_expiration"),
            header: Some("X-SS-Expiration"),
            required: true,
        },
    ],
    joined: 2,
    repeated: Repeated::Malformed,
    options: &[],
    key_encoding: KeyEncoding::Text,
    always_expires: true,
    claims_address: false,
    statuses: &[],
    form: "32 lower-case hexadecimal digits, and 1 to 18 digits for the expiry",
    example: &[],
    build,
    sign,
    ..Scheme::USUAL
};

struct ScaleSimple {
    keys: KeyRing<Secret>,
    route_keys: RouteKeys,
}

fn build(config: &VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error> {
    let prepare = |key: &Key| macs::refuse_spelled(key).map(|()| key.secret.clone());
    let keys = KeyRing::prepare(config.keys, prepare)?;
    Ok(Box::new(ScaleSimple {
        keys,
        route_keys: config.route_keys(),
    }))
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let expiry = signing.expires.to_string();
    let mac = token(
        signing.key.secret.as_bytes(),
        expiry.as_bytes(),
        &signing.url,
    );
    let mut text = [0; 32];
    hex_into(&mac, &mut text);
    Ok(vec![String::from_utf8_lossy(&text).into_owned(), expiry])
}

impl Verifier for ScaleSimple {
    fn verify<'r>(
        &self,
        presented: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let text = presented.value(1).ok_or(Reason::Malformed)?;
        let expires = mac::parse_epoch(text).ok_or(Reason::Malformed)?;
        let mac = decode(presented.token()).ok_or(Reason::Malformed)?;
        let verifies = |key: &[u8]| mac::same(&token(key, text, &presented.url), &mac);
        let of_file = self.keys.find(|secret| verifies(secret.as_bytes()));
        claims.key = of_file.or_else(|_| self.route_keys.find_secret(request, verifies))?;
        claims.expires = Some(expires);
        Ok(())
    }

    fn identify(
        &self,
        presented: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(&decode(presented.token())?);
        Some(())
    }

    fn signed_text(&self, presented: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        let mut text = presented.value(1).unwrap_or_default().to_vec();
        presented.url.each(|piece| text.extend_from_slice(piece));
        text.extend_from_slice(b"{key}");
        text
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
    hex_from(text, &mut mac).then_some(mac)
}

fn token(key: &[u8], expiry: &[u8], url: &SignedUrl<'_>) -> [u8; 16] {
    let mut inner = Md5::new();
    inner.update(expiry);
    url.each(|piece| inner.update(piece));
    inner.update(key);
    let mut inner_hex = [0; 32];
    hex_into(&inner.finish(), &mut inner_hex);
    let mut outer = Md5::new();
    outer.update(key);
    outer.update(&inner_hex);
    outer.finish()
}
