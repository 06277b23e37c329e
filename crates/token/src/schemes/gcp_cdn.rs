//! Google's Cloud CDN: signed URLs, URL prefixes and cookies, all with `base64url(HMAC-SHA1(key, …))`.
//!
//! - A signed URL: the whole of it up to `&Signature=`, which stands last, behind `Expires` and `KeyName`.
//! - With `URLPrefix`: `URLPrefix=…&Expires=…&KeyName=…`; other arguments are free.
//! - A cookie (or a header): `URLPrefix=…:Expires=…:KeyName=…:Signature=…`, of which all but the last field is signed.
//!
//! URLs begin with scheme and host: `origin` says them. A key with an id is that of this `KeyName`. A prefix is compared with
//! the path that nginx serves, decoded and without `..`.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;
use memchr::memmem;

use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::fields::Form;
use crate::keys::KeyEncoding;
use crate::mac;
use crate::macs::{self, Keyed, Macs, Sink};
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Scheme, SchemeOption, Signing, Verifier};
use crate::text::{Text, base64url};

pub(super) const SCHEME: Scheme = Scheme {
    name: "gcp_cdn",
    carriers: &[
        Carrier {
            role: "signature",
            query: Some("Signature"),
            cookie: Some("Cloud-CDN-Cookie"),
            header: Some("X-Token"),
            required: true,
        },
        argument("prefix", "URLPrefix", false),
        // Not the expiry that stands beside a token: in a cookie it is in it.
        argument("end", "Expires", true),
        argument("key name", "KeyName", true),
    ],
    options: &[SchemeOption {
        word: "origin",
        default: Some("$scheme://$host"),
    }],
    key_encoding: KeyEncoding::Base64Url,
    path: None,
    first_is_last: true,
    claims: &["URLPrefix", "KeyName"],
    form: "URLPrefix=, Expires=, KeyName= and Signature=, the last in base64url of 20 bytes",
    build: |config| {
        Ok(Box::new(GcpCdn {
            macs: Macs::prepare(config, Algorithm::Sha1, Keyed::Hmac)?,
            origin: config.options.origin.clone(),
        }))
    },
    sign,
    ..Scheme::USUAL
};

const fn argument(role: &'static str, name: &'static str, required: bool) -> Carrier {
    Carrier {
        role,
        query: Some(name),
        cookie: None,
        header: None,
        required,
    }
}

const COOKIE: Form<3> = Form {
    separator: b':',
    names: [b"URLPrefix", b"Expires", b"KeyName"],
    bare: None,
    macs: &[b"Signature"],
};

struct GcpCdn {
    macs: Macs,
    origin: String,
}

/// A token, wherever it stands.
struct Token<'t> {
    signature: [u8; 20],
    prefix: Option<&'t [u8]>,
    expires: &'t [u8],
    key_name: &'t [u8],
    signed: Signed<'t>,
}

/// What is signed.
#[derive(Clone, Copy)]
enum Signed<'t> {
    /// Scheme and host, and this target.
    Url(&'t [u8]),
    /// The three arguments.
    Arguments,
    /// The text of a cookie.
    Text(&'t [u8]),
}

impl<'t> Token<'t> {
    fn read(token: &Presented<'t>) -> Option<Self> {
        let prefix = token.value(1).filter(|prefix| !prefix.is_empty());
        let values = [prefix, token.value(2), token.value(3)];
        let (text, [prefix, expires, key_name], signed) = if values == [None; 3] {
            let fields = COOKIE.read(token.token())?;
            let values = [fields.value(0), fields.value(1), fields.value(2)];
            // A whole URL stands in no cookie.
            values.first().copied().flatten()?;
            (fields.mac, values, Signed::Text(fields.signed))
        } else if values.first().copied().flatten().is_some() {
            (token.token(), values, Signed::Arguments)
        } else {
            (
                token.token(),
                values,
                Signed::Url(without_signature(token)?),
            )
        };
        let mut signature = [0; 20];
        Encoding::Base64Url
            .decode(text, &mut signature)
            .then_some(Self {
                signature,
                prefix,
                expires: expires?,
                key_name: key_name?,
                signed,
            })
    }

    /// Gives `sink` what is signed.
    fn each(&self, request: &dyn RequestView, sink: &mut Sink<'_>) -> Option<()> {
        match self.signed {
            Signed::Url(target) => {
                sink(request.message(0)?);
                sink(target);
            }
            Signed::Text(text) => sink(text),
            Signed::Arguments => {
                sink(b"URLPrefix=");
                sink(self.prefix?);
                sink(b"&Expires=");
                sink(self.expires);
                sink(b"&KeyName=");
                sink(self.key_name);
            }
        }
        Some(())
    }
}

/// The target up to the signature, which nothing follows.
fn without_signature<'t>(token: &Presented<'t>) -> Option<&'t [u8]> {
    let SignedUrl::WithoutArgs { target, names } = token.url else {
        return None;
    };
    let (target, name) = (target.whole(), names.get(0)?.as_bytes());
    let mut found = memmem::rfind_iter(target, name);
    found.find_map(|at| {
        let before = target.get(..at)?.strip_suffix(b"&")?;
        let behind = target.get(at.checked_add(name.len())?..)?;
        let behind = behind.strip_prefix(b"=")?;
        let is_last = !behind.iter().any(|byte| matches!(byte, b'&' | b'#'));
        is_last.then_some(before)
    })
}

impl Verifier for GcpCdn {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let token = Token::read(token).ok_or(Reason::Malformed)?;
        let expires = mac::parse_epoch(token.expires).ok_or(Reason::Malformed)?;
        claims.key =
            self.macs
                .find_called(token.key_name, request, &token.signature, |_, sink| {
                    token.each(request, sink)
                })?;
        claims.expires = Some(expires);
        claims.paths = token.prefix.map(|prefix| Paths::UrlPrefix {
            prefix: Text::Base64Url(prefix),
            // Without one there is no URL to begin with it.
            origin: request.message(0),
        });
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(&Token::read(token)?.signature);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        let token = Token::read(token);
        token.map_or(Vec::new(), |token| {
            macs::shown(|_, sink| token.each(request, sink))
        })
    }

    fn message_texts(&self) -> Vec<&str> {
        vec![&self.origin]
    }
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let macs = Macs::prepare(&signing.config(), Algorithm::Sha1, Keyed::Hmac)?;
    let own = signing.key.id.as_deref();
    let key_name = signing.claim("KeyName").or(own).unwrap_or("key");
    let is_url = signing.names > 1;
    let prefix = match signing.claim("URLPrefix") {
        None if is_url => String::new(),
        Some(prefix) => base64url(prefix.as_bytes()),
        None => {
            let origin = signing.request.message(0).unwrap_or_default();
            base64url(&[origin, b"/"].concat())
        }
    };
    let expires = signing.expires.to_string();
    let url = Presented {
        url: signing.url,
        ..Presented::new()
    };
    let fields = format!("URLPrefix={prefix}:Expires={expires}:KeyName={key_name}");
    let token = Token {
        signature: [0; 20],
        prefix: Some(prefix.as_bytes()),
        expires: expires.as_bytes(),
        key_name: key_name.as_bytes(),
        signed: match without_signature(&url) {
            _ if !is_url => Signed::Text(fields.as_bytes()),
            Some(target) if prefix.is_empty() => Signed::Url(target),
            _ => Signed::Arguments,
        },
    };
    let mac = macs.sign(Encoding::Base64Url, |_, sink| {
        token.each(signing.request, sink)
    })?;
    // 20 bytes have one character of padding, which Google writes.
    let signature = format!("{mac}=");
    Ok(if is_url {
        vec![signature, prefix, expires, key_name.to_owned()]
    } else {
        vec![format!("{fields}:Signature={signature}")]
    })
}
