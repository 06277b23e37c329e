//! Google's Media CDN, dual-token authentication: fields with `~` between, and behind them `hmac=` in hex or, for Ed25519,
//! `Signature=` in base64url.
//!
//! One of `FullPath`, `PathGlobs=` and `URLPrefix=` says what the token is good for; `Starts=`, `Expires=`, `SessionID=`, `Data=`,
//! `Headers=` and `IPRanges=` may follow. What is signed is what stands there, but for two: `FullPath=` and the path, and
//! `Headers=` with the value of each header that is named. The path is the one that nginx serves, decoded.
//!
//! With `algorithm ed25519` the keys are public ones: the 32 bytes in base64url that Google's console shows, or PEM.

use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_base::encoding::{Encoding, hex_from};

use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::fields::{Fields, Form};
use crate::keys::{BadKey, KeyEncoding, KeyRing, RouteKeys};
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Carrier, Scheme, SchemeOption, Signing, Verifier, VerifierConfig};
use crate::signature::{Method, PrivateKey, PublicKey, Verify, is_pem};
use crate::text::{Gathered, Text, base64url};

pub(super) const SCHEME: Scheme = Scheme {
    name: "gcp_media",
    carriers: &[Carrier {
        query: Some("edge-cache-token"),
        cookie: Some("Edge-Cache-Cookie"),
        ..Carrier::TOKEN
    }],
    options: &[
        SchemeOption {
            word: "algorithm",
            default: Some("sha256"),
        },
        SchemeOption {
            word: "origin",
            default: Some("$scheme://$host"),
        },
    ],
    key_encoding: KeyEncoding::Base64Url,
    claims_address: true,
    path: None,
    claims: &[
        "PathGlobs",
        "URLPrefix",
        "Starts",
        "SessionID",
        "Data",
        "Headers",
        "IPRanges",
    ],
    form: "fields with \"~\" between: FullPath, PathGlobs= or URLPrefix=, Expires=, and in the end hmac= or Signature=",
    build: |config| {
        Ok(Box::new(GcpMedia {
            keys: Keys::prepare(config)?,
            origin: config.options.origin.clone(),
        }))
    },
    sign,
    ..Scheme::USUAL
};

const FIELDS: Form<9> = Form {
    separator: b'~',
    names: [
        b"FullPath",
        b"PathGlobs",
        b"URLPrefix",
        b"Starts",
        b"Expires",
        b"SessionID",
        b"Data",
        b"Headers",
        b"IPRanges",
    ],
    bare: Some(FULL_PATH),
    macs: &[b"hmac", b"Signature"],
};
const FULL_PATH: usize = 0;
const PATH_GLOBS: usize = 1;
const URL_PREFIX: usize = 2;
const STARTS: usize = 3;
const EXPIRES: usize = 4;
const IP_RANGES: usize = 8;

/// The longest text that is signed with Ed25519; it must stand in one place.
const MAX_SIGNED: usize = 8192;

struct GcpMedia {
    keys: Keys,
    origin: String,
}

enum Keys {
    Hmac(Macs),
    Ed25519(KeyRing<Box<dyn Verify>>, RouteKeys),
}

impl Keys {
    fn prepare(config: &VerifierConfig<'_>) -> Result<Self, Error> {
        let options = config.options;
        if options.ed25519 {
            // In whatever form: a public key is not taken for a secret here.
            let keys = config.keys.iter().map(|key| public(key.secret.as_bytes()));
            let keys = keys.collect::<Result<_, _>>();
            let keys = keys.map_err(|fault| Error::new(format!("has a bad key: key {fault}")))?;
            return Ok(Self::Ed25519(KeyRing::of(keys), config.route_keys()));
        }
        let algorithm = options.hash(SCHEME.name, &[Algorithm::Sha256, Algorithm::Sha1])?;
        Macs::prepare(config, algorithm, Keyed::Hmac).map(Self::Hmac)
    }

    /// The index of the key that signed what `feed` gives; `Malformed` for a signature that is none of these.
    fn find(
        &self,
        fields: &Fields<'_, 9>,
        request: &dyn RequestView,
        feed: impl Fn(&mut Sink<'_>) -> Option<()>,
    ) -> Result<usize, Reason> {
        let mut raw = [0; MAX_RAW];
        let raw = self.raw(fields, &mut raw).ok_or(Reason::Malformed)?;
        match self {
            Self::Hmac(macs) => macs.find(request, raw, |_, sink| feed(sink)),
            Self::Ed25519(keys, of_routes) => {
                let mut room = [0; MAX_SIGNED];
                let mut text = Gathered::new(&mut room);
                feed(&mut |piece| text.push(piece)).ok_or(Reason::Invalid)?;
                let text = text.whole().ok_or(Reason::Malformed)?;
                let found = keys.find(|key| key.verifies(text, raw));
                found.or_else(|_| {
                    of_routes.find(request, |key| {
                        let key = public(key).map_err(|_| BadKey::OtherKind)?;
                        Ok(key.verifies(text, raw))
                    })
                })
            }
        }
    }

    /// The bytes of the MAC or the signature; none for one of the other kind.
    fn raw<'o>(&self, fields: &Fields<'_, 9>, room: &'o mut [u8; MAX_RAW]) -> Option<&'o [u8]> {
        let is_read = match (self, fields.mac_name) {
            (Self::Hmac(macs), 0) => {
                let raw = room.get_mut(..macs.raw_len())?;
                return hex_from(fields.mac, raw).then_some(raw);
            }
            (Self::Ed25519(..), 1) => Encoding::Base64Url.decode(fields.mac, room),
            _ => false,
        };
        is_read.then_some(room)
    }
}

/// The public half of a key. Errors lack a subject: `is …`.
fn public(key: &[u8]) -> Result<Box<dyn Verify>, Error> {
    let parsed = if is_pem(key) {
        PublicKey::from_pem(key)
    } else {
        Ok(PublicKey::Ed25519(key.to_vec()))
    };
    let verifier = parsed?.verifier(Method::Ed25519);
    verifier.unwrap_or_else(|| Err(Error::new("is no key of Ed25519")))
}

/// More headers than these are not signed.
const MOST_HEADERS: usize = 16;

/// Gives `sink` what is signed. `None` where a header is not there once.
fn each(signed: &[u8], request: &dyn RequestView, sink: &mut Sink<'_>) -> Option<()> {
    let mut between: &[u8] = b"";
    for field in signed.split(|byte| *byte == b'~') {
        sink(between);
        between = b"~";
        if let Some(names) = field.strip_prefix(HEADERS) {
            sink(HEADERS);
            each_header(names, request, sink)?;
            continue;
        }
        sink(field);
        if field == b"FullPath" {
            sink(b"=");
            sink(request.path()?);
        }
    }
    Some(())
}

const HEADERS: &[u8] = b"Headers=";

fn each_header(names: &[u8], request: &dyn RequestView, sink: &mut Sink<'_>) -> Option<()> {
    let mut between: &[u8] = b"";
    for (index, bytes) in names.split(|byte| *byte == b',').enumerate() {
        let name = std::str::from_utf8(bytes).ok()?;
        if index == MOST_HEADERS || request.header(name, 1).is_some() {
            return None;
        }
        sink(between);
        sink(bytes);
        sink(b"=");
        let value = request.header(name, 0)?;
        if may_be_more(value) {
            return None;
        }
        sink(value);
        between = b",";
    }
    Some(())
}

/// Whether the value of a header, which the client chooses, reads as if another header or field of the token followed:
/// what is signed would be the same as that of a token with these.
fn may_be_more(value: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|".contains(byte);
    let is_header = |rest: &[u8]| {
        let len = rest.iter().take_while(|byte| is_name(byte)).count();
        len > 0 && rest.get(len) == Some(&b'=')
    };
    let is_field = |rest: &[u8]| FIELDS.names.iter().any(|name| rest.starts_with(name));
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b',', b'~', rest) {
        let (mark, after) = (rest.get(at), rest.get(at.saturating_add(1)..));
        rest = after.unwrap_or_default();
        if mark == Some(&b',') && is_header(rest) || mark == Some(&b'~') && is_field(rest) {
            return true;
        }
    }
    false
}

impl Verifier for GcpMedia {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let fields = FIELDS.read(token.token()).ok_or(Reason::Malformed)?;
        let (begin, expires) = (fields.epoch(STARTS)?, fields.epoch(EXPIRES)?);
        let expires = expires.ok_or(Reason::Malformed)?;
        let scopes = [FULL_PATH, PATH_GLOBS, URL_PREFIX].map(|field| fields.value(field));
        let paths = match scopes {
            [Some(_), None, None] => None,
            [None, Some(patterns), None] => Some(Paths::Patterns {
                patterns,
                separators: b"!,",
            }),
            [None, None, Some(prefix)] => Some(Paths::UrlPrefix {
                prefix: Text::Base64Url(prefix),
                origin: request.message(0),
            }),
            _ => return Err(Reason::Malformed),
        };
        let feed = |sink: &mut Sink<'_>| each(fields.signed, request, sink);
        claims.key = self.keys.find(&fields, request, feed)?;
        claims.expires = Some(expires);
        claims.not_before = begin;
        claims.addresses = fields.value(IP_RANGES).map(Text::Base64Url);
        claims.paths = paths;
        Ok(())
    }

    /// The MAC, or the signature: nobody without the key can spell one of Ed25519 anew.
    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let fields = FIELDS.read(token.token())?;
        let mut raw = [0; MAX_RAW];
        sink(self.keys.raw(&fields, &mut raw)?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let fields = FIELDS.read(token.token());
        let signed = fields.map_or(&b""[..], |fields| fields.signed);
        macs::shown(|_, sink| each(signed, request, sink))
    }

    fn message_texts(&self) -> Vec<&str> {
        vec![&self.origin]
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let mut fields = Vec::new();
    for name in FIELDS.names {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let is_scoped = ["PathGlobs", "URLPrefix"]
            .iter()
            .any(|one| signing.claim(one).is_some());
        match (name, signing.claim(name)) {
            ("FullPath", _) if !is_scoped => fields.push(name.to_owned()),
            ("Expires", _) => fields.push(format!("{name}={}", signing.expires)),
            ("URLPrefix" | "IPRanges", Some(value)) => {
                fields.push(format!("{name}={}", base64url(value.as_bytes())));
            }
            (_, Some(value)) => fields.push(format!("{name}={value}")),
            (_, None) => {}
        }
    }
    let fields = fields.join("~");
    let feed = |sink: &mut Sink<'_>| each(fields.as_bytes(), signing.request, sink);
    let last = if signing.options.ed25519 {
        let key = PrivateKey::from_pem(signing.key.secret.as_bytes());
        let key = key.map_err(|fault| Error::new(format!("has a bad key: key {fault}")))?;
        let signature = key.sign(Method::Ed25519, &macs::shown(|_, sink| feed(sink)));
        let signature =
            signature.unwrap_or_else(|| Err(Error::new("the key is none of Ed25519")))?;
        format!("Signature={}", base64url(&signature))
    } else if let Keys::Hmac(macs) = Keys::prepare(&signing.config())? {
        format!("hmac={}", macs.sign(Encoding::Hex, |_, sink| feed(sink))?)
    } else {
        return Err(Error::new("has no key that signs"));
    };
    Ok(vec![format!("{fields}~{last}")])
}
