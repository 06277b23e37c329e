//! No tokens: every request is let in, and nothing is taken out of it.
//!
//! It is for tenants without tokens where data chooses the profile: `token_auth $variable` knows names of profiles
//! only, so a configuration says by such a profile that data may choose to ask for nothing.

use crate::claims::Claims;
use crate::error::Error;
use crate::keys::KeyEncoding;
use crate::reason::Reason;
use crate::request::{Presented, RequestView};
use crate::scheme::{Repeated, Scheme, Verifier};

pub(super) const SCHEME: Scheme = Scheme {
    name: "open",
    carriers: &[],
    joined: 0,
    repeated: Repeated::First,
    options: &[],
    key_encoding: KeyEncoding::Text,
    always_expires: false,
    claims_address: false,
    statuses: &[],
    form: "nothing",
    example: &[],
    build: |_| Ok(Box::new(Open)),
    sign: |_| Err(Error::new("format \"open\" has no tokens")),
    path: None,
    ..Scheme::USUAL
};

struct Open;

impl Verifier for Open {
    /// Nothing asks: a profile without tokens looks for none.
    fn verify<'r>(
        &self,
        _: &Presented<'r>,
        _: &'r dyn RequestView,
        _: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        Err(Reason::Malformed)
    }

    fn identify(
        &self,
        _: &Presented<'_>,
        _: &dyn RequestView,
        _: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        None
    }

    fn signed_text(&self, _: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        Vec::new()
    }

    fn signs_target(&self) -> bool {
        false
    }

    fn signs_expiry(&self) -> bool {
        false
    }
}
