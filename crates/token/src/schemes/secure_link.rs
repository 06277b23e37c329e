//! The tokens of nginx's own `secure_link_md5`: base64url without padding of the MD5 of an expression.
//!
//! The expression is the profile's `message`. With `{key}` in it the token is its MD5, as nginx has it
//! (`"{expires}$uri$remote_addr {key}"` is the example of nginx.org); without `{key}` the token is its
//! HMAC-MD5 under the key. As in nginx, an expiry is a positive number and of a name that comes twice the first is
//! read. Unlike in nginx, one hash has one spelling, but for the padding.

use gatehouse_base::digest::Algorithm;
use gatehouse_base::encoding::Encoding;

use crate::expression::{self, Form, HOLES};
use crate::keys::KeyEncoding;
use crate::scheme::{Carrier, Repeated, Scheme, SchemeOption};

pub(super) const SCHEME: Scheme = Scheme {
    name: "secure_link",
    carriers: &[
        Carrier {
            role: "token",
            query: Some("md5"),
            cookie: Some("md5"),
            header: Some("X-Secure-Link"),
            required: true,
        },
        Carrier {
            role: Carrier::EXPIRY,
            query: Some("expires"),
            cookie: Some("expires"),
            header: None,
            required: true,
        },
    ],
    joined: 2,
    repeated: Repeated::First,
    options: &[SchemeOption {
        word: "message",
        default: None,
    }],
    key_encoding: KeyEncoding::Text,
    always_expires: false,
    claims_address: false,
    statuses: &[],
    form: "22 characters of base64url, and for the expiry a number above 0 of at most 18 digits",
    example: &[("message", "{expires}$uri {key}")],
    build: |config| Ok(Box::new(expression::build(FORM, config)?)),
    sign: |signing| expression::sign(FORM, signing, &[signing.expires]),
    ..Scheme::USUAL
};

const FORM: Form = Form {
    algorithm: Algorithm::Md5,
    encoding: Encoding::Base64Url,
    holes: HOLES,
    hmac_doubt: Some("\"message\" has no \"{key}\": it is the text of an HMAC-MD5"),
};
