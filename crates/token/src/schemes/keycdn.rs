//! KeyCDN's secure tokens: `base64url(MD5(path + key + expiry))`.
//!
//! The path is the one that nginx serves, decoded; arguments are not signed.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Carrier, Scheme, Signing, Verifier};

pub(super) const SCHEME: Scheme = Scheme {
    name: "keycdn",
    carriers: &[
        Carrier::TOKEN,
        Carrier {
            role: Carrier::EXPIRY,
            query: Some("expire"),
            cookie: Some("expire"),
            header: None,
            required: true,
        },
    ],
    joined: 2,
    statuses: &[(Reason::Expired, 410)],
    form: "22 characters of base64url, and 1 to 18 digits for the expiry",
    build: |config| {
        let macs = Macs::prepare(config, Algorithm::Md5, Keyed::InText)?;
        Ok(Box::new(KeyCdn { macs }))
    },
    sign,
    ..Scheme::USUAL
};

struct KeyCdn {
    macs: Macs,
}

/// Gives `sink` what is hashed.
fn each(expiry: &[u8], request: &dyn RequestView, key: &[u8], sink: &mut Sink<'_>) -> Option<()> {
    sink(request.path()?);
    sink(key);
    sink(expiry);
    Some(())
}

fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let mut raw = [0; 16];
    Encoding::Base64Url.decode(text, &mut raw).then_some(raw)
}

impl Verifier for KeyCdn {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let text = token.value(1).ok_or(Reason::Malformed)?;
        let expires = mac::parse_epoch(text).ok_or(Reason::Malformed)?;
        let presented = decode(token.token()).ok_or(Reason::Malformed)?;
        claims.key = self.macs.find(request, &presented, |key, sink| {
            each(text, request, key, sink)
        })?;
        claims.expires = Some(expires);
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
        macs::shown(|key, sink| each(expiry, request, key, sink))
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let comma = segment.iter().rposition(|byte| *byte == b',');
        let parts = comma.and_then(|comma| segment.split_at_checked(comma));
        parts.is_some_and(|(token, rest)| {
            decode(token).is_some() && rest.strip_prefix(b",").is_some_and(mac::is_digits)
        })
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let macs = Macs::prepare(&signing.config(), Algorithm::Md5, Keyed::InText)?;
    let expiry = signing.expires.to_string();
    let mac = macs.sign(Encoding::Base64Url, |key, sink| {
        each(expiry.as_bytes(), signing.request, key, sink)
    })?;
    Ok(vec![mac, expiry])
}
