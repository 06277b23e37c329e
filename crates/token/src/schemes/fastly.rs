//! Fastly's URL token validation in VCL: `EXPIRY_HEX`, where the hex is `HMAC-SHA1(key, url + expiry)`.
//!
//! The url is the raw request target without the token. The key is the text in base64 that Fastly's example begins
//! with. The expiry has ten digits: url and expiry are signed with nothing between, so that eleven, which Fastly's own
//! pattern admits, could be taken from the end of a url.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::{Encoding, hex_from};

use crate::claims::Claims;
use crate::error::Error;
use crate::keys::KeyEncoding;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Scheme, Signing, Verifier};

pub(super) const SCHEME: Scheme = Scheme {
    name: "fastly",
    carriers: &[Carrier::TOKEN],
    key_encoding: KeyEncoding::Base64,
    statuses: &[(Reason::Expired, 410)],
    form: "10 digits for the expiry, \"_\" and 40 lower-case hexadecimal digits",
    build: |config| {
        let macs = Macs::prepare(config, Algorithm::Sha1, Keyed::Hmac)?;
        Ok(Box::new(Fastly { macs }))
    },
    sign,
    ..Scheme::USUAL
};

struct Fastly {
    macs: Macs,
}

/// Gives `sink` what is signed.
fn each(url: &SignedUrl<'_>, expiry: &[u8], sink: &mut Sink<'_>) -> Option<()> {
    url.each(&mut *sink);
    sink(expiry);
    Some(())
}

/// The expiry and the MAC of a token.
fn split(token: &[u8]) -> Option<(&[u8], [u8; 20])> {
    let (expiry, rest) = token.split_at_checked(10)?;
    let mut raw = [0; 20];
    hex_from(rest.strip_prefix(b"_")?, &mut raw).then_some((expiry, raw))
}

impl Verifier for Fastly {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let (expiry, presented) = split(token.token()).ok_or(Reason::Malformed)?;
        let expires = mac::parse_epoch_of_ten(expiry).ok_or(Reason::Malformed)?;
        claims.key = self.macs.find(request, &presented, |_, sink| {
            each(&token.url, expiry, sink)
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
        sink(&split(token.token())?.1);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        let expiry = token.token().get(..10).unwrap_or_default();
        macs::shown(|_, sink| each(&token.url, expiry, sink))
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        split(segment).is_some_and(|(expiry, _)| mac::parse_epoch_of_ten(expiry).is_some())
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let macs = Macs::prepare(&signing.config(), Algorithm::Sha1, Keyed::Hmac)?;
    let expiry = signing.expires.to_string();
    let mac = macs.sign(Encoding::Hex, |_, sink| {
        each(&signing.url, expiry.as_bytes(), sink)
    })?;
    Ok(vec![format!("{expiry}_{mac}")])
}
