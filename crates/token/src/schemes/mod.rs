//! Token schemes: the seam behind which each vendor's format lives.
//!
//! # How to add a scheme
//!
//! 1. Write `schemes/NAME.rs`. It holds a `const SCHEME: Scheme`, a type that implements [`Verifier`], and a
//!    function that signs. Nobody outside of that file needs to know the scheme's name.
//! 2. Add its row to [`SCHEMES`]. The configuration, `gatehouse token sign|verify`, the reference, the fuzz
//!    target and the tests in `tests/every_scheme.rs` take it from there.
//! 3. Put vectors made by the vendor's own signer into `t/data/token.json`, and a line for them into
//!    `tests/vectors_t.rs`, which writes a block of `t/vectors.t` for each.
//! 4. Mention it in CHANGELOG.md, and write its page in docs/ with a complete configuration.
//!
//! What a row says:
//!
//! - `carriers`: the values a token consists of, in an order that the file chooses. The first one is the one
//!   by which a token is found in a request; [`Presented::value`] counts them from 0. A scheme with three
//!   query arguments has three rows there.
//! - `options`: the words of a profile that it takes beyond the common ones ([`WORDS`](crate::WORDS)), each
//!   either required or with a default. They arrive parsed, in [`VerifierConfig::options`]. A word that no
//!   scheme had before is one row of `WORDS` and one field of [`Options`].
//! - `key_encoding`: how a key file is read when its line does not say.
//! - `build`: makes the verifier when the configuration is read. Parse keys there ([`KeyRing::prepare`](crate::keys::KeyRing::prepare)), and
//!   compile whatever can be compiled: nothing may be allocated later.
//! - `sign`: makes a token. It takes what the vendor's signer takes and shares the code that builds the
//!   signed text with the verifier.
//!
//! What a verifier does: it reads the presented values strictly, proves that one of the live keys made them
//! for this request ([`KeyRing::find`](crate::keys::KeyRing::find) tries each), and writes down what the token claims. It never looks at
//! the clock and never compares an address or a path: [`Claims`] are judged once, in the profile, in the same
//! order for every scheme. So a forged token is `invalid`, whatever else it says.

mod bunny;
mod cat;
mod cdn77;
mod cloudflare;
mod cloudfront;
mod edgeauth;
mod fastly;
mod gcp_cdn;
mod gcp_media;
mod hmac;
mod jwt;
mod keycdn;
mod open;
mod scalesimple;
mod secdownload;
mod secure_link;

use crate::scheme::Scheme;

/// Every scheme.
pub static SCHEMES: &[Scheme] = &[
    scalesimple::SCHEME,
    secure_link::SCHEME,
    hmac::SCHEME,
    edgeauth::SCHEME,
    cloudflare::SCHEME,
    fastly::SCHEME,
    bunny::SCHEME,
    keycdn::SCHEME,
    cdn77::SCHEME,
    secdownload::SCHEME,
    gcp_cdn::SCHEME,
    gcp_media::SCHEME,
    cloudfront::SCHEME,
    jwt::SCHEME,
    cat::SCHEME,
    open::SCHEME,
];

/// Finds the scheme of a `format` name.
pub fn scheme(name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.name == name)
}
