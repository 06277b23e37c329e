//! Opening a JWS: which live key made it, and what it carries.

use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::digest::{Digest, MAX_RAW};
use gatehouse_base::encoding::Encoding;
use gatehouse_base::json::{self, Kind, Text, Value};
use memchr::memchr;

use super::algorithm::Algorithm;
use crate::error::Error;
use crate::keys::{Key, KeyForm, KeyRing, Material};
use crate::mac;
use crate::reason::Reason;
use crate::signature::{MAX_SIGNATURE, Verify};

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

    /// Whether an HMAC under this secret is its signature, by one of these algorithms. A `kid` does not matter.
    pub(crate) fn is_made_with(&self, secret: &[u8], algorithms: &[Algorithm]) -> bool {
        let mut header = [0; MAX_HEADER];
        let header = decode(self.header, &mut header).and_then(Header::read);
        let name = header.and_then(|header| header.algorithm.plain());
        let mut known = algorithms.iter();
        let known = known.find(|one| name == Some(one.name().as_bytes()));
        let mut signature = [0; MAX_SIGNATURE];
        match (known, decode(self.signature, &mut signature)) {
            (Some(Algorithm::Mac(hash)), Some(signature)) => {
                let mut expected = [0; MAX_RAW];
                let expected = hash.hmac_into(secret, &mut expected, |sink| {
                    sink(self.signed);
                    Some(())
                });
                expected.is_some_and(|expected| mac::same(expected, signature))
            }
            _ => false,
        }
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
        let value = json::parse(header)?;
        let (mut algorithm, mut kid) = (None, None);
        for (name, value) in value.members() {
            match name.plain() {
                Some(b"alg") => algorithm = Some(value.text()?),
                Some(b"kid") => kid = Some(value.text()?),
                Some(b"typ") if is_type(value, b"JWE") => return None,
                Some(b"crit" | b"b64" | b"enc" | b"zip") => return None,
                // Written with escapes it may be one of these.
                None if ["alg", "kid", "typ", "crit", "b64", "enc", "zip"]
                    .iter()
                    .any(|known| name.is(known.as_bytes())) =>
                {
                    return None;
                }
                _ => {}
            }
        }
        Some(Self {
            algorithm: algorithm?,
            kid,
        })
    }
}

fn is_type(value: Value<'_>, wanted: &[u8]) -> bool {
    let plain = value.text().and_then(Text::plain);
    value.kind() == Kind::Text && plain.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}

/// One live key.
struct Live {
    id: Option<String>,
    ways: Vec<(&'static str, Way)>,
}

/// How a key checks.
enum Way {
    Mac(Box<Digest>),
    Public(Box<dyn Verify>),
}

/// The live keys of a profile, each with the algorithms it is for.
pub(crate) struct Keys {
    ring: KeyRing<Live>,
    /// Whether a secret is shorter than the hash that is made with it.
    pub(crate) has_weak: bool,
    /// Whether a private key is among them.
    pub(crate) has_private: bool,
}

impl Keys {
    /// Prepares the keys of each line for these algorithms; without any, each key for its own. Keys that are for none of
    /// them verify nothing, if another one of their line does: a provider publishes keys for all its tokens.
    ///
    /// # Errors
    /// All keys of a line are for none of them, or one is what it is not said to be.
    pub(crate) fn prepare<'k>(
        lines: impl Iterator<Item = &'k [Key]>,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        let mut keys = Self {
            ring: KeyRing::of(Vec::new()),
            has_weak: false,
            has_private: false,
        };
        let mut prepared = Vec::new();
        for line in lines {
            let before = prepared.len();
            for key in line {
                prepared.push(keys.live(key, algorithms)?);
            }
            let mut of_line = prepared.iter().skip(before);
            if let (Some(first), true) = (line.first(), of_line.all(|key| key.ways.is_empty())) {
                let text = "is for none of the algorithms in \"algorithm\"";
                return Err(bad_key(first, text));
            }
        }
        keys.ring = KeyRing::of(prepared);
        Ok(keys)
    }

    /// Prepares a key, and notes what is to be said about it.
    fn live(&mut self, key: &Key, algorithms: &[Algorithm]) -> Result<Live, Error> {
        let usable = key
            .usable()
            .map_err(|fault| bad_key(key, &fault.to_string()))?;
        let of_jwk = usable.algorithm.as_deref();
        let chosen =
            chosen(of_jwk, &usable.material, algorithms).map_err(|why| bad_key(key, &why))?;
        let mut ways = Vec::new();
        for algorithm in chosen {
            let way = way(algorithm, &usable.material).map_err(|why| bad_key(key, &why))?;
            ways.push((algorithm.name(), way));
            let is_short = is_short(algorithm, &usable.material);
            // RFC 7518 section 3.2; a text is what many an issuer has, a JWK is made by a program.
            if is_short && key.form == KeyForm::Jwk {
                let text = format!("is shorter than the hash of {}", algorithm.name());
                return Err(bad_key(key, &text));
            }
            self.has_weak |= is_short;
        }
        self.has_private |= matches!(usable.material, Material::Private(_));
        let id = key.id.clone();
        Ok(Live { id, ways })
    }

    /// The index of the key that made a token. A key that has an id checks only tokens that name it or name none.
    /// `unknown` is called when no live key is the one that a token names, and none made one that names none.
    ///
    /// # Errors
    /// It is no JWS, or no live key made it.
    pub(crate) fn find(&self, jws: &Jws<'_>, unknown: impl FnOnce()) -> Result<usize, Reason> {
        let mut header = [0; MAX_HEADER];
        let header = decode(jws.header, &mut header).and_then(Header::read);
        let header = header.ok_or(Reason::Malformed)?;
        let mut signature = [0; MAX_SIGNATURE];
        let signature = decode(jws.signature, &mut signature).ok_or(Reason::Malformed)?;
        let algorithm = match header.algorithm.plain().ok_or(Reason::Invalid)? {
            // RFC 9864 names the curve, too.
            b"Ed25519" => b"EdDSA",
            other => other,
        };
        let mut is_known = false;
        let found = self.ring.find(|live| {
            let named = header.kid.zip(live.id.as_deref());
            let is_meant = named.is_none_or(|(kid, id)| kid.is(id.as_bytes()));
            is_known |= is_meant && named.is_some();
            let mut ways = live.ways.iter();
            is_meant
                && ways
                    .find(|way| way.0.as_bytes() == algorithm)
                    .is_some_and(|way| way.1.verifies(jws.signed, signature))
        });
        if found.is_err() && !is_known {
            unknown();
        }
        found
    }
}

impl Way {
    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Mac(digest) => {
                let mut expected = [0; MAX_RAW];
                let expected = digest.raw_into(&mut expected, |sink| {
                    sink(text);
                    Some(())
                });
                expected.is_some_and(|expected| mac::same(expected, signature))
            }
            Self::Public(key) => key.verifies(text, signature),
        }
    }
}

/// The algorithms that a key is for: what its JWK says, and of that what the profile says; there may be none.
fn chosen(
    of_jwk: Option<&str>,
    key: &Material,
    algorithms: &[Algorithm],
) -> Result<Vec<Algorithm>, String> {
    let own = match of_jwk {
        Some(name) => {
            let known = Algorithm::parse(name).filter(|one| one.fits(key));
            let text = || format!("is not one for its own \"alg\", \"{name}\"");
            Some(known.ok_or_else(text)?)
        }
        None if algorithms.is_empty() => Some(Algorithm::of(key)),
        None => None,
    };
    Ok(match own {
        Some(own) if algorithms.is_empty() || algorithms.contains(&own) => vec![own],
        Some(_) => Vec::new(),
        None => algorithms
            .iter()
            .copied()
            .filter(|one| one.fits(key))
            .collect(),
    })
}

fn way(algorithm: Algorithm, key: &Material) -> Result<Way, String> {
    let public = match (algorithm, key) {
        (Algorithm::Mac(hash), Material::Secret(secret)) => {
            let digest = Digest::new(hash, Encoding::Base64Url, Some(secret.as_bytes()));
            let digest = digest.map_err(|fault| fault.to_string())?;
            return Ok(Way::Mac(Box::new(digest)));
        }
        (Algorithm::Signature(method), Material::Public(key)) => key.verifier(method),
        (Algorithm::Signature(method), Material::Private(key)) => {
            let public = key.public().map_err(|fault| fault.to_string())?;
            public.verifier(method)
        }
        _ => None,
    };
    let public = public.ok_or("is of another kind")?;
    public.map(Way::Public).map_err(|fault| fault.to_string())
}

fn is_short(algorithm: Algorithm, key: &Material) -> bool {
    match (algorithm, key) {
        (Algorithm::Mac(hash), Material::Secret(secret)) => {
            secret.as_bytes().len() < hash.raw_len()
        }
        _ => false,
    }
}

fn bad_key(key: &Key, fault: &str) -> Error {
    let name = key.id.as_ref().map(|id| format!(" \"{id}\""));
    Error::new(format!(
        "has a key{} that {fault}",
        name.unwrap_or_default()
    ))
}
