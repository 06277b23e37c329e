//! Opening a JWS: which live key made it, and what it carries.

use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::json::{self, Kind, Text, Value};
use memchr::memchr;

use super::algorithm::Algorithm;
use super::keys::Keys;
use super::of_routes::RouteSecrets;
use crate::reason::Reason;
use crate::request::RequestView;
use crate::signature::MAX_SIGNATURE;

/// The longest header in bytes: it is read before anybody is known to have made it.
const MAX_HEADER: usize = 1024;

/// The parts of a compact JWS, as they are spelled.
pub(crate) struct Jws<'t> {
    header: &'t [u8],
    /// In base64url.
    pub(crate) payload: &'t [u8],
    signature: &'t [u8],
    /// Header and payload: what is signed.
    pub(crate) signed: &'t [u8],
}

impl<'t> Jws<'t> {
    /// Takes a token apart: three parts with a point between. With five it is encrypted, and none of ours.
    pub(crate) fn split(token: &'t [u8]) -> Option<Self> {
        let first = memchr(b'.', token)?;
        let (header, rest) = cut(token, first)?;
        let second = memchr(b'.', rest)?;
        let (payload, signature) = cut(rest, second)?;
        if memchr(b'.', signature).is_some() || header.is_empty() {
            return None;
        }
        let end = first.saturating_add(1).saturating_add(second);
        Some(Self {
            header,
            payload,
            signature,
            signed: token.get(..end)?,
        })
    }

    /// The payload's bytes at the start of `out`; None when it is not spelled in the one way there is.
    pub(crate) fn decode_payload<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        decode(self.payload, out)
    }

    /// Decodes header and signature, once for all keys that `see` tries.
    ///
    /// # Errors
    /// It is no JWS, or that of `see`.
    pub(crate) fn open<T>(
        &self,
        see: impl FnOnce(&Opened<'_>) -> Result<T, Reason>,
    ) -> Result<T, Reason> {
        let mut header = [0; MAX_HEADER];
        let header = decode(self.header, &mut header).and_then(Header::read);
        let header = header.ok_or(Reason::Malformed)?;
        let mut signature = [0; MAX_SIGNATURE];
        let signature = decode(self.signature, &mut signature).ok_or(Reason::Malformed)?;
        see(&Opened {
            header,
            signature,
            signed: self.signed,
        })
    }

    /// Gives `sink` what tells it from all others: what is signed, and where it is a MAC, which has one value for a key, that
    /// as well, so that two tenants' tokens that say the same are two.
    pub(crate) fn identify(&self, sink: &mut dyn FnMut(&[u8])) -> Option<()> {
        sink(self.signed);
        let is_mac = self.open(|jws| Ok(jws.is_mac()));
        if is_mac.ok()? {
            sink(self.signature);
        }
        Some(())
    }

    /// How many bytes the payload has.
    pub(crate) fn payload_len(&self) -> Option<usize> {
        BASE64URL_NOPAD.decode_len(self.payload.len()).ok()
    }
}

/// What is before and what is behind a place.
fn cut(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

fn decode<'o>(text: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let len = BASE64URL_NOPAD.decode_len(text.len()).ok()?;
    let out = out.get_mut(..len)?;
    BASE64URL_NOPAD.decode_mut(text, out).ok()?;
    Some(out)
}

/// What a header says that matters.
struct Header<'h> {
    algorithm: Text<'h>,
    kid: Option<Text<'h>>,
}

impl<'h> Header<'h> {
    /// Reads a header. One that asks for what we do not do is refused (RFC 7515 section 4.1.11), and so is that of an
    /// encrypted token.
    fn read(header: &'h [u8]) -> Option<Self> {
        let (mut algorithm, mut kid, mut is_ours) = (None, None, true);
        json::parse_object(header, |name, value| match name.plain() {
            Some(b"alg") => algorithm = Some(value.text()),
            Some(b"kid") => kid = Some(value.text()),
            Some(b"typ") => is_ours &= !is_type(value, b"JWE"),
            Some(b"crit" | b"b64" | b"enc" | b"zip") => is_ours = false,
            // Written with escapes it may be one of these.
            None => {
                let known = ["alg", "kid", "typ", "crit", "b64", "enc", "zip"];
                is_ours &= !known.iter().any(|known| name.is(known.as_bytes()));
            }
            _ => {}
        })?;
        if !is_ours {
            return None;
        }
        // One that is there is a text.
        let kid = match kid {
            Some(kid) => Some(kid?),
            None => None,
        };
        Some(Self {
            algorithm: algorithm??,
            kid,
        })
    }
}

fn is_type(value: Value<'_>, wanted: &[u8]) -> bool {
    let plain = value.text().and_then(Text::plain);
    value.kind() == Kind::Text && plain.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}

/// A JWS with its header read.
pub(crate) struct Opened<'o> {
    header: Header<'o>,
    signature: &'o [u8],
    signed: &'o [u8],
}

impl Opened<'_> {
    /// The index of the key that made it. A key that has an id checks only tokens that name it or name none. `unknown` is
    /// called when no live key is the one that it names, and none made one that names none.
    ///
    /// # Errors
    /// No live key made it.
    pub(crate) fn find_key(&self, keys: &Keys, unknown: impl FnOnce()) -> Result<usize, Reason> {
        let algorithm = match self.header.algorithm.plain().ok_or(Reason::Invalid)? {
            // RFC 9864 names the curve, too.
            b"Ed25519" => b"EdDSA",
            other => other,
        };
        let named = |id: &str| self.header.kid.map(|kid| kid.is(id.as_bytes()));
        keys.find(algorithm, named, self.signed, self.signature, unknown)
    }

    fn is_mac(&self) -> bool {
        let name = self.header.algorithm.plain().unwrap_or_default();
        let algorithm = std::str::from_utf8(name).ok().and_then(Algorithm::parse);
        matches!(algorithm, Some(Algorithm::Mac(_)))
    }

    /// The index of the secret of the request's route that made it.
    ///
    /// # Errors
    /// None made it.
    pub(crate) fn find_of_route(
        &self,
        secrets: &RouteSecrets,
        request: &dyn RequestView,
    ) -> Result<usize, Reason> {
        let algorithm = self.header.algorithm.plain().ok_or(Reason::Invalid)?;
        secrets.find(request, algorithm, self.signed, self.signature)
    }
}
