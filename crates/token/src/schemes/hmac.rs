//! The general scheme: a MAC over an expression, with the hash and the spelling that the profile names.
//!
//! The expression is the profile's `message`. Without `{key}` in it the token is its HMAC under the key; with
//! `{key}` it is a plain hash of the message, as many signers have it. A token is `mac,expiry` in one value,
//! or has two names; an expiry is a positive number.
//!
//! A message with `{timestamp}` and `{lifetime}` is for signers that say when a link was made and for how many
//! seconds it is good, as the http_hmac_secure_link module of nginx does: the second value is then the time
//! of signing and the third the lifetime, 0 for a link that never expires.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::claims::Claims;
use crate::error::Error;
use crate::expression::{self, EXPIRES, Expression, Form, HOLES};
use crate::keys::KeyEncoding;
use crate::mac;
use crate::message::{Hole, Message, Segment};
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{
    Carrier, Doubt, Options, Repeated, Scheme, SchemeOption, Signing, Verifier, VerifierConfig,
};

pub(super) const SCHEME: Scheme = Scheme {
    name: "hmac",
    carriers: &[
        Carrier::TOKEN,
        Carrier {
            role: Carrier::EXPIRY,
            query: Some("expires"),
            cookie: Some("expires"),
            header: None,
            required: true,
        },
        Carrier {
            role: "lifetime",
            query: None,
            cookie: None,
            header: None,
            required: true,
        },
    ],
    joined: 3,
    repeated: Repeated::Malformed,
    options: &[
        SchemeOption {
            word: "message",
            default: None,
        },
        SchemeOption {
            word: "algorithm",
            default: Some("sha256"),
        },
        SchemeOption {
            word: "encoding",
            default: Some("base64url"),
        },
    ],
    key_encoding: KeyEncoding::Text,
    always_expires: false,
    claims_address: false,
    statuses: &[],
    form: "a MAC in the encoding of the profile, and for the expiry a number above 0 of at most 18 digits",
    example: &[("message", "{expires}|$uri")],
    build,
    sign,
    ..Scheme::USUAL
};

/// What a message may hold that says when a link was made.
const WITH_LIFETIME: &[Hole] = &[
    ("key", Segment::Key),
    ("timestamp", EXPIRES),
    ("lifetime", LIFETIME),
];

/// `{lifetime}`: the third value of a token.
const LIFETIME: Segment = Segment::Value(2);

struct Hmac {
    expression: Expression,
    has_lifetime: bool,
}

fn build(config: &VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error> {
    let has_lifetime = has_lifetime(config.options)?;
    let expression = expression::build(form(config.options, has_lifetime)?, config)?;
    let fits = |names: &usize| match has_lifetime {
        true => matches!(names, 1 | 3),
        false => *names <= 2,
    };
    if !config.names.iter().all(fits) {
        return Err(Error::new(if has_lifetime {
            "has \"{lifetime}\" in its \"message\", but no three names in \"from\", such as \"query=token,timestamp,lifetime\""
        } else {
            "has three names in \"from\", but no \"{lifetime}\" in its \"message\""
        }));
    }
    Ok(Box::new(Hmac {
        expression,
        has_lifetime,
    }))
}

fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let has_lifetime = has_lifetime(signing.options)?;
    let form = form(signing.options, has_lifetime)?;
    let lifetime = signing.expires.saturating_sub(signing.now);
    if has_lifetime {
        expression::sign(form, signing, &[signing.now, lifetime])
    } else {
        expression::sign(form, signing, &[signing.expires])
    }
}

fn form(options: &Options, has_lifetime: bool) -> Result<Form, Error> {
    let rows = Algorithm::ALL.iter().map(|row| row.1);
    let mut legal: Vec<_> = rows.filter(|one| *one != Algorithm::Crc32).collect();
    legal.sort_unstable_by_key(|one| *one != Algorithm::Sha256);
    Ok(Form {
        algorithm: options.hash(SCHEME.name, &legal)?,
        encoding: options.encoding.unwrap_or(Encoding::Base64Url),
        holes: if has_lifetime { WITH_LIFETIME } else { HOLES },
        hmac_doubt: None,
    })
}

/// Whether the message signs a time of signing and a lifetime.
fn has_lifetime(options: &Options) -> Result<bool, Error> {
    let Ok(message) = Message::parse(&options.message, WITH_LIFETIME) else {
        return Ok(false);
    };
    let says = |has: &str, lacks: &str| {
        format!("has \"{{{has}}}\", but no \"{{{lacks}}}\" in its \"message\"")
    };
    match (message.has(&EXPIRES), message.has(&LIFETIME)) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        (true, false) => Err(Error::new(says("timestamp", "lifetime"))),
        (false, true) => Err(Error::new(says("lifetime", "timestamp"))),
    }
}

impl Verifier for Hmac {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let lifetime = match (self.has_lifetime, token.value(2)) {
            (false, None) => None,
            (true, Some(text)) => Some(mac::parse_epoch(text).ok_or(Reason::Malformed)?),
            _ => return Err(Reason::Malformed),
        };
        self.expression.verify(token, request, claims)?;
        if let Some(lifetime) = lifetime {
            let made = claims.expires.ok_or(Reason::Malformed)?;
            claims.expires = (lifetime != 0).then_some(made.saturating_add(lifetime));
        }
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        self.expression.identify(token, request, sink)
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        self.expression.signed_text(token, request)
    }

    fn signs_target(&self) -> bool {
        self.expression.signs_target()
    }

    fn signs_expiry(&self) -> bool {
        self.expression.signs_expiry()
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        if !self.has_lifetime {
            return self.expression.is_path_token(segment);
        }
        let comma = segment.iter().rposition(|byte| *byte == b',');
        let parts = comma.and_then(|comma| segment.split_at_checked(comma));
        parts.is_some_and(|(rest, lifetime)| {
            lifetime.strip_prefix(b",").is_some_and(mac::is_digits)
                && rest.contains(&b',')
                && self.expression.is_path_token(rest)
        })
    }

    fn message_texts(&self) -> Vec<&str> {
        self.expression.message_texts()
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.expression.doubts()
    }
}
