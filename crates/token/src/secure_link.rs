//! The tokens of nginx's own `secure_link_md5`: base64url without padding of the MD5 of an expression.
//!
//! The expression is the profile's `message`. With `{key}` in it the token is its MD5, as nginx has it
//! (`"{expires}$uri$remote_addr {key}"` is the example of nginx.org); without `{key}` the token is its
//! HMAC-MD5 under the key. One value may hold `hash,expires` or, for a link that never expires, the hash
//! alone; where two names are configured both must be present. As in nginx, an expiry is a positive number.
//! What a message without `{expires}` (or a variable that holds it) signs has no expiry: anybody can then
//! change the one beside the hash. Unlike nginx, one hash has one spelling, but for the padding.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest as _, Md5};

use super::key::{KeyEncoding, Secret};
use super::template::Segment;
use super::{
    Check, Claims, DefaultCarriers, Error, Presented, Received, Repeated, Scheme, Setup, Status,
    mac,
};

pub(super) const SCHEME: Scheme = Scheme {
    name: "secure_link",
    carriers: DefaultCarriers {
        query: ("md5", Some("expires")),
        cookie: ("md5", Some("expires")),
        header: ("X-Secure-Link", None),
    },
    statuses: &[],
    takes_message: true,
    key_encoding: KeyEncoding::Text,
    always_expires: false,
    repeated: Repeated::First,
    build,
};

struct SecureLink {
    macs: Macs,
    message: Vec<Segment>,
    require_exp: bool,
    signs_expiry: bool,
}

enum Macs {
    /// `{key}` is part of what is hashed.
    Md5(Vec<Secret>),
    /// The message is an HMAC's text; the keys are already hashed in.
    Hmac(Vec<Hmac<Md5>>),
}

fn build(setup: &Setup<'_>) -> Result<Box<dyn Check>, Error> {
    let message = setup
        .message
        .ok_or_else(|| Error::new("has no \"message\""))?;
    let signs_expiry = message.has_expires();
    if setup.require_exp && !signs_expiry {
        return Err(Error::new(
            "has \"require_exp on\", but no \"{expires}\" in its \"message\"",
        ));
    }
    let secrets = setup.keys.iter().map(|key| &key.secret);
    let macs = if message.has_key() {
        Macs::Md5(secrets.cloned().collect())
    } else {
        let prepared = secrets.map(|secret| Hmac::new_from_slice(secret.as_bytes()));
        Macs::Hmac(
            prepared
                .collect::<Result<_, _>>()
                .map_err(|_| Error::new("has an unusable key"))?,
        )
    };
    let message = message.segments().to_vec();
    Ok(Box::new(SecureLink {
        macs,
        message,
        require_exp: setup.require_exp,
        signs_expiry,
    }))
}

impl Check for SecureLink {
    fn check(&self, presented: &Presented<'_>, rx: &dyn Received) -> Result<Claims, Status> {
        let hash = decode(presented.token).ok_or(Status::Malformed)?;
        let expires = self.expires(presented.expiry)?;
        let expiry = presented.expiry.unwrap_or_default();
        let key = match &self.macs {
            Macs::Md5(secrets) => secrets.iter().position(|secret| {
                let mut md5 = Md5::new();
                let all = self.each(secret.as_bytes(), expiry, rx, |piece| md5.update(piece));
                all.is_some() && mac::same(&md5.finalize(), &hash)
            }),
            Macs::Hmac(prepared) => prepared.iter().position(|prepared| {
                let mut hmac = prepared.clone();
                let all = self.each(b"", expiry, rx, |piece| hmac.update(piece));
                all.is_some() && mac::same(&hmac.finalize().into_bytes(), &hash)
            }),
        };
        Ok(Claims {
            key: key.ok_or(Status::Invalid)?,
            expires,
        })
    }

    /// What is signed is an expression of the path that is served.
    fn signs_target(&self) -> bool {
        false
    }

    fn is_path_token(&self, segment: &[u8]) -> bool {
        let comma = segment.iter().position(|byte| *byte == b',');
        match comma.and_then(|comma| segment.split_at_checked(comma)) {
            Some((hash, rest)) => {
                decode(hash).is_some() && rest.strip_prefix(b",").is_some_and(mac::is_digits)
            }
            // A name of 22 letters is no token where tokens carry a signed expiry.
            None => !self.require_exp && !self.signs_expiry && decode(segment).is_some(),
        }
    }
}

impl SecureLink {
    fn expires(&self, text: Option<&[u8]>) -> Result<Option<i64>, Status> {
        match text {
            None if self.require_exp => Err(Status::Malformed),
            None => Ok(None),
            Some(text) => {
                let number = mac::parse_epoch(text).filter(|number| *number > 0);
                number.map(Some).ok_or(Status::Malformed)
            }
        }
    }

    /// Gives `emit` the pieces of the message in order; `None` when the host has no value for one.
    fn each<'a>(
        &'a self,
        key: &'a [u8],
        expiry: &'a [u8],
        rx: &'a dyn Received,
        mut emit: impl FnMut(&'a [u8]),
    ) -> Option<()> {
        let mut texts = 0..;
        for segment in &self.message {
            emit(match segment {
                Segment::Text(_) => rx.message(texts.next()?)?,
                Segment::Key => key,
                Segment::Expires => expiry,
            });
        }
        Some(())
    }
}

/// The 16 bytes of a hash: 22 characters of canonical base64url, and up to two `=`.
fn decode(text: &[u8]) -> Option<[u8; 16]> {
    let (digits, padding) = text.split_at_checked(22)?;
    let mut hash = [0; 16];
    let decoded = BASE64URL_NOPAD.decode_mut(digits, &mut hash).is_ok();
    (decoded && matches!(padding, b"" | b"=" | b"==")).then_some(hash)
}
