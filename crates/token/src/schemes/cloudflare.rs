//! Cloudflare's `is_timed_hmac_valid_v0`: `TIMESTAMP-MAC`, where the MAC is `HMAC-SHA256(key, message + timestamp)`.
//!
//! The message is the raw request target up to the token, which must be the last argument. The timestamp is when the link
//! was made and has ten digits; the link is good for `lifetime` seconds, the last of them not included. The MAC is
//! base64, percent-encoded or not; with `encoding base64url` it is what the flag `s` makes: base64url without
//! padding.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Options, Scheme, SchemeOption, Signing, Verifier, VerifierConfig};

pub(super) const SCHEME: Scheme = Scheme {
    name: "cloudflare",
    carriers: &[Carrier {
        query: Some("verify"),
        cookie: Some("verify"),
        ..Carrier::TOKEN
    }],
    options: &[
        SchemeOption {
            word: "lifetime",
            default: Some("10800"),
        },
        SchemeOption {
            word: "encoding",
            default: Some("base64"),
        },
    ],
    form: "10 digits for the time of signing, \"-\" and 32 bytes in base64, or in base64url where the profile says so",
    example: &[("encoding", "base64url")],
    build: |config| Ok(Box::new(Cloudflare::new(config)?)),
    sign,
    ..Scheme::USUAL
};

struct Cloudflare {
    macs: Macs,
    encoding: Encoding,
    lifetime_s: i64,
}

impl Cloudflare {
    fn new(config: &VerifierConfig<'_>) -> Result<Self, Error> {
        Ok(Self {
            macs: Macs::prepare(config, Algorithm::Sha256, Keyed::Hmac)?,
            encoding: encoding(config.options)?,
            lifetime_s: config.options.lifetime_s,
        })
    }

    /// The timestamp and the MAC of a token.
    fn split<'t>(&self, token: &'t [u8]) -> Option<(&'t [u8], [u8; 32])> {
        let (timestamp, rest) = token.split_at_checked(10)?;
        let rest = rest.strip_prefix(b"-")?;
        let mut raw = [0; 32];
        let is_mac = match self.encoding {
            Encoding::Base64 => {
                let mut text = [0; 44];
                unescape(rest, &mut text) && self.encoding.decode(&text, &mut raw)
            }
            _ => rest.len() == 43 && self.encoding.decode(rest, &mut raw),
        };
        is_mac.then_some((timestamp, raw))
    }
}

/// Cloudflare knows two spellings.
fn encoding(options: &Options) -> Result<Encoding, Error> {
    match options.encoding.unwrap_or(Encoding::Base64) {
        Encoding::Hex => Err(Error::new(
            "has an \"encoding\" that \"cloudflare\" has not, it must be \"base64\" or \"base64url\"",
        )),
        encoding => Ok(encoding),
    }
}

/// Reads base64 in which each `+`, `/` and `=` may be percent-encoded, as `encodeURIComponent` does it. Whether it fills
/// `out`.
fn unescape(mut text: &[u8], out: &mut [u8; 44]) -> bool {
    for slot in out {
        let (byte, rest) = match text {
            [b'%', b'2', b'B', rest @ ..] => (b'+', rest),
            [b'%', b'2', b'F', rest @ ..] => (b'/', rest),
            [b'%', b'3', b'D', rest @ ..] => (b'=', rest),
            [byte, rest @ ..] => (*byte, rest),
            [] => return false,
        };
        *slot = byte;
        text = rest;
    }
    text.is_empty()
}

/// Gives `sink` what is signed.
fn each(url: &SignedUrl<'_>, timestamp: &[u8], sink: &mut Sink<'_>) -> Option<()> {
    url.each(&mut *sink);
    sink(timestamp);
    Some(())
}

impl Verifier for Cloudflare {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let (timestamp, presented) = self.split(token.token()).ok_or(Reason::Malformed)?;
        let made = mac::parse_epoch_of_ten(timestamp).ok_or(Reason::Malformed)?;
        // Nothing behind the token is signed.
        if let SignedUrl::WithoutArgs { target, .. } = token.url {
            if !target.whole().ends_with(token.token()) {
                return Err(Reason::Malformed);
            }
        }
        claims.key = self.macs.find(request, &presented, |_, sink| {
            each(&token.url, timestamp, sink)
        })?;
        let end = made.saturating_add(self.lifetime_s);
        claims.expires = Some(end.saturating_sub(1));
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(&self.split(token.token())?.1);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        let timestamp = token.token().get(..10).unwrap_or_default();
        macs::shown(|_, sink| each(&token.url, timestamp, sink))
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let found = self.split(segment);
        found.is_some_and(|(timestamp, _)| mac::parse_epoch_of_ten(timestamp).is_some())
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let verifier = Cloudflare::new(&signing.config())?;
    let end = signing.expires.saturating_add(1);
    let timestamp = end.saturating_sub(verifier.lifetime_s).to_string();
    if mac::parse_epoch_of_ten(timestamp.as_bytes()).is_none() {
        return Err(Error::new("the time of signing has not ten digits"));
    }
    let mac = verifier.macs.sign(verifier.encoding, |_, sink| {
        each(&signing.url, timestamp.as_bytes(), sink)
    })?;
    let escaped = mac.replace('+', "%2B").replace('/', "%2F");
    Ok(vec![format!("{timestamp}-{}", escaped.replace('=', "%3D"))])
}
