//! Akamai's Auth Token 2.0 (EdgeAuth): fields with `~` between, and behind them their HMAC in hex.
//!
//! `ip=` `st=` `exp=` `acl=` `id=` `data=` are signed as they stand there. A token without `acl` is good for one URL:
//! then `url=` and the path are signed behind the fields, and in the end `salt=` and the salt, where there is one. With
//! `escape_early` the path is signed as Python's `quote_plus` writes it, with lower-case digits.
//!
//! What is signed as the path, and what `acl` is compared with, is the path that nginx serves: decoded, without `..`.
//! Stricter than some edges: every token expires, a field comes once, none is unknown, none stands behind the HMAC.

use gatehouse_base::digest::{Algorithm, MAX_RAW};
use gatehouse_base::encoding::{Encoding, hex_from};

use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::fields::Form;
use crate::keys::{KeyEncoding, Secret};
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Carrier, Scheme, SchemeOption, Signing, Verifier, VerifierConfig};
use crate::text::{Text, quoted_plus};

pub(super) const SCHEME: Scheme = Scheme {
    name: "edgeauth",
    carriers: &[Carrier {
        query: Some("__token__"),
        cookie: Some("__token__"),
        ..Carrier::TOKEN
    }],
    options: &[
        SchemeOption {
            word: "algorithm",
            default: Some("sha256"),
        },
        SchemeOption {
            word: "salt",
            default: Some(""),
        },
        SchemeOption {
            word: "escape_early",
            default: Some("off"),
        },
    ],
    key_encoding: KeyEncoding::Hex,
    claims_address: true,
    path: None,
    claims: &["ip", "st", "acl", "id", "data"],
    form: "fields with \"~\" between: exp=, maybe ip=, st=, acl=, id=, data=, and in the end hmac= in lower-case hexadecimal",
    build: |config| Ok(Box::new(EdgeAuth::new(config)?)),
    sign,
    ..Scheme::USUAL
};

struct EdgeAuth {
    macs: Macs,
    escape_early: bool,
    salt: Option<Secret>,
}

const FIELDS: Form<6> = Form {
    separator: b'~',
    names: [b"ip", b"st", b"exp", b"acl", b"id", b"data"],
    bare: None,
    macs: &[b"hmac"],
};
const IP: usize = 0;
const ST: usize = 1;
const EXP: usize = 2;
const ACL: usize = 3;

impl EdgeAuth {
    fn new(config: &VerifierConfig<'_>) -> Result<Self, Error> {
        let options = config.options;
        let legal = [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Md5];
        let algorithm = options.hash(SCHEME.name, &legal)?;
        let macs = Macs::prepare(config, algorithm, Keyed::Hmac)?;
        Ok(Self {
            macs,
            escape_early: options.escape_early,
            salt: options.salt.clone(),
        })
    }

    /// Gives `sink` what is signed: the fields, for a URL its path, and the salt. `None` where a path is signed and
    /// none is served.
    fn each(
        &self,
        fields: &[u8],
        is_url: bool,
        salt: &[u8],
        request: &dyn RequestView,
        sink: &mut Sink<'_>,
    ) -> Option<()> {
        sink(fields);
        if is_url {
            sink(b"~url=");
            let path = request.path()?;
            if self.escape_early {
                quoted_plus(path, sink);
            } else {
                sink(path);
            }
        }
        if self.salt.is_some() {
            sink(b"~salt=");
            sink(salt);
        }
        Some(())
    }

    fn salt(&self) -> &[u8] {
        self.salt.as_ref().map_or(b"", Secret::as_bytes)
    }

    /// Reads the MAC of a token.
    fn decode<'o>(&self, text: &[u8], out: &'o mut [u8; MAX_RAW]) -> Option<&'o [u8]> {
        let out = out.get_mut(..self.macs.raw_len())?;
        hex_from(text, out).then_some(out)
    }
}

impl Verifier for EdgeAuth {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let fields = FIELDS.read(token.token()).ok_or(Reason::Malformed)?;
        let mut presented = [0; MAX_RAW];
        let presented = self.decode(fields.mac, &mut presented);
        let presented = presented.ok_or(Reason::Malformed)?;
        let (begin, expires) = (fields.epoch(ST)?, fields.epoch(EXP)?);
        let expires = expires.ok_or(Reason::Malformed)?;
        let is_url = fields.value(ACL).is_none();
        claims.key = self.macs.find(request, presented, |_, sink| {
            self.each(fields.signed, is_url, self.salt(), request, sink)
        })?;
        claims.expires = Some(expires);
        claims.not_before = begin;
        claims.addresses = fields.value(IP).map(Text::Percent);
        claims.paths = fields.value(ACL).map(|patterns| Paths::Patterns {
            patterns,
            separators: b"!",
        });
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let fields = FIELDS.read(token.token())?;
        sink(self.decode(fields.mac, &mut [0; MAX_RAW])?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let Some(fields) = FIELDS.read(token.token()) else {
            return Vec::new();
        };
        let is_url = fields.value(ACL).is_none();
        macs::shown(|_, sink| self.each(fields.signed, is_url, b"{salt}", request, sink))
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let verifier = EdgeAuth::new(&signing.config())?;
    let escaped = |value: &str| {
        let mut text = Vec::new();
        if verifier.escape_early {
            quoted_plus(value.as_bytes(), &mut |piece| text.extend_from_slice(piece));
        } else {
            text.extend_from_slice(value.as_bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    let mut fields = Vec::new();
    for name in ["ip", "st", "exp", "acl", "id", "data"] {
        match (name, signing.claim(name)) {
            ("exp", _) => fields.push(format!("exp={}", signing.expires)),
            ("acl" | "st", Some(value)) => fields.push(format!("{name}={value}")),
            (_, Some(value)) => fields.push(format!("{name}={}", escaped(value))),
            (_, None) => {}
        }
    }
    let fields = fields.join("~");
    let is_url = signing.claim("acl").is_none();
    let hmac = verifier.macs.sign(Encoding::Hex, |_, sink| {
        let fields = fields.as_bytes();
        verifier.each(fields, is_url, verifier.salt(), signing.request, sink)
    })?;
    Ok(vec![format!("{fields}~hmac={hmac}")])
}
