//! CDN77's secure tokens: `base64url(MD5(expiry + path + key))` with its padding, `HASH,EXPIRY` in one value.
//!
//! In the argument `secure`, a cookie or a header the path is the whole one; in a path (`/HASH,EXPIRY/images/a.png`)
//! it is that of the folder, without its last slash. Both are those that nginx serves, decoded. Without an expiry
//! the hash stands alone, and the link never ends.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Scheme, Signing, Verifier};

pub(super) const SCHEME: Scheme = Scheme {
    name: "cdn77",
    carriers: &[
        Carrier {
            query: Some("secure"),
            cookie: Some("secure"),
            ..Carrier::TOKEN
        },
        Carrier {
            role: Carrier::EXPIRY,
            query: None,
            cookie: None,
            header: None,
            required: false,
        },
    ],
    joined: 2,
    always_expires: false,
    form: "22 characters of base64url with \"==\", and behind a comma 1 to 18 digits for the expiry",
    build: |config| {
        Ok(Box::new(Cdn77 {
            macs: Macs::prepare(config, Algorithm::Md5, Keyed::InText)?,
            require_exp: config.require_exp,
        }))
    },
    sign,
    ..Scheme::USUAL
};

struct Cdn77 {
    macs: Macs,
    require_exp: bool,
}

/// Gives `sink` what is hashed.
fn each(
    expiry: &[u8],
    url: &SignedUrl<'_>,
    request: &dyn RequestView,
    key: &[u8],
    sink: &mut Sink<'_>,
) -> Option<()> {
    let path = request.path()?;
    let signed = match url {
        SignedUrl::WithoutSegment(_) => path.get(..path.iter().rposition(|byte| *byte == b'/')?)?,
        _ => path,
    };
    sink(expiry);
    sink(signed);
    sink(key);
    Some(())
}

fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let mut raw = [0; 16];
    Encoding::Base64Url.decode(text, &mut raw).then_some(raw)
}

impl Verifier for Cdn77 {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let text = token.value(1);
        let expires = text.map(|text| mac::parse_epoch(text).ok_or(Reason::Malformed));
        let expires = expires.transpose()?;
        let presented = decode(token.token()).ok_or(Reason::Malformed)?;
        let expiry = text.unwrap_or_default();
        claims.key = self.macs.find(request, &presented, |key, sink| {
            each(expiry, &token.url, request, key, sink)
        })?;
        claims.expires = expires;
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(&decode(token.token())?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let expiry = token.value(1).unwrap_or_default();
        macs::shown(|key, sink| each(expiry, &token.url, request, key, sink))
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let comma = segment.iter().position(|byte| *byte == b',');
        match comma.and_then(|comma| segment.split_at_checked(comma)) {
            Some((token, rest)) => {
                decode(token).is_some() && rest.strip_prefix(b",").is_some_and(mac::is_digits)
            }
            // A name as long as a hash is no token unless it has the padding.
            None => !self.require_exp && segment.ends_with(b"==") && decode(segment).is_some(),
        }
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let macs = Macs::prepare(&signing.config(), Algorithm::Md5, Keyed::InText)?;
    let expiry = signing.expires.to_string();
    let mac = macs.sign(Encoding::Base64Url, |key, sink| {
        each(expiry.as_bytes(), &signing.url, signing.request, key, sink)
    })?;
    Ok(vec![format!("{mac}=="), expiry])
}
