//! The envelope of a token.

use std::convert::Infallible;

use gatehouse_base::cbor::{self, Value};
use gatehouse_base::digest;
use minicbor::data::{Tag, Type};
use minicbor::encode::{self, Write};
use minicbor::{Decoder, Encoder};

use crate::error::Error;
use crate::jose::Algorithm;
use crate::signature::{Curve, Hash, Method};

/// The algorithms and the numbers that IANA has given them (RFC 9053, RFC 8230). Where curve and hash have a number of
/// their own (RFC 9864), it comes behind the usual one. A MAC that is cut to 64 bits is none of ours.
const NUMBERS: [(i64, Algorithm); 14] = [
    (5, Algorithm::Mac(digest::Algorithm::Sha256)),
    (6, Algorithm::Mac(digest::Algorithm::Sha384)),
    (7, Algorithm::Mac(digest::Algorithm::Sha512)),
    (-7, Algorithm::Signature(Method::Ecdsa(Curve::P256))),
    (-35, Algorithm::Signature(Method::Ecdsa(Curve::P384))),
    (-36, Algorithm::Signature(Method::Ecdsa(Curve::P521))),
    (-37, Algorithm::Signature(Method::RsaPss(Hash::Sha256))),
    (-38, Algorithm::Signature(Method::RsaPss(Hash::Sha384))),
    (-39, Algorithm::Signature(Method::RsaPss(Hash::Sha512))),
    (-8, Algorithm::Signature(Method::Ed25519)),
    (-9, Algorithm::Signature(Method::Ecdsa(Curve::P256))),
    (-51, Algorithm::Signature(Method::Ecdsa(Curve::P384))),
    (-52, Algorithm::Signature(Method::Ecdsa(Curve::P521))),
    (-19, Algorithm::Signature(Method::Ed25519)),
];

/// The algorithms of tokens; of these the first that fits a key is what it is for.
pub(crate) fn algorithms() -> [Algorithm; NUMBERS.len()] {
    NUMBERS.map(|row| row.1)
}

/// Their names, each once: some have two numbers.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let all = || NUMBERS.iter().map(|row| row.1.name());
    all()
        .enumerate()
        .filter(move |(at, name)| !all().take(*at).any(|other| other == *name))
        .map(|(_, name)| name)
}

/// Tags: a CBOR Web Token, and what it is made as.
const CWT: u64 = 61;
const MAC0: u64 = 17;
const SIGN1: u64 = 18;

/// Labels of header parameters (RFC 9052 section 3.1).
const ALG: i64 = 1;
const CRIT: i64 = 2;
const KID: i64 = 4;

/// The longest protected header in bytes: it is read before anybody is known to have made it.
const MAX_HEADER: usize = 1024;

/// A token, taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Message<'t> {
    /// All in front of the payload.
    before: &'t [u8],
    /// The map in the protected header, as it is spelled.
    protected: &'t [u8],
    /// What is signed beside it.
    pub(crate) payload: &'t [u8],
    /// The MAC or the signature.
    pub(crate) signature: &'t [u8],
    /// How it was made, as the token says.
    pub(crate) algorithm: Algorithm,
    /// Which key made it, as the token says.
    pub(crate) kid: Option<&'t [u8]>,
}

impl<'t> Message<'t> {
    /// Takes a token apart. None when it is none: see the top of this room.
    pub(crate) fn read(token: &'t [u8]) -> Option<Self> {
        let mut input = Decoder::new(token);
        let kind = read_tags(&mut input)?;
        let tags = input.position();
        if input.array().ok()?? != 4 {
            return None;
        }
        let protected = input.bytes().ok()?;
        let begin = input.position();
        input.skip().ok()?;
        let unprotected = token.get(begin..input.position())?;
        let before = token.get(..input.position())?;
        let payload = input.bytes().ok()?;
        let signature = input.bytes().ok()?;
        let strings = [protected, payload, signature].map(spelled_len);
        let shortest = strings
            .iter()
            .fold(tags, |sum, len| sum.saturating_add(*len));
        let shortest = shortest.saturating_add(1).saturating_add(unprotected.len());
        // Nothing behind it, and no length written longer than it need be.
        if token.len() != shortest || protected.len() > MAX_HEADER {
            return None;
        }
        let mut message = Self {
            before,
            protected,
            payload,
            signature,
            algorithm: algorithm_in(protected)?,
            kid: None,
        };
        let is_mac = matches!(message.algorithm, Algorithm::Mac(_));
        if kind.is_some_and(|tag| is_mac != (tag == MAC0)) {
            return None;
        }
        let named = [kid_in(protected, false)?, kid_in(unprotected, true)?];
        message.kid = match named {
            [Some(_), Some(_)] => return None,
            [one, other] => one.or(other),
        };
        Some(message)
    }

    /// Gives `sink` what is signed: the structure of RFC 9052 section 4.4 or 6.3.
    pub(crate) fn signed(&self, sink: &mut dyn FnMut(&[u8])) {
        write_signed(self.algorithm, self.protected, self.payload, sink);
    }

    /// Gives `sink` the token, with whatever its payload and its signature are now.
    pub(crate) fn write(&self, sink: &mut dyn FnMut(&[u8])) {
        sink(self.before);
        // A sink takes all.
        let _ = Encoder::new(Sink(sink))
            .bytes(self.payload)
            .and_then(|out| out.bytes(self.signature));
    }

    /// More bytes than that has.
    pub(crate) fn most_signed(&self) -> usize {
        let len = self.protected.len().saturating_add(self.payload.len());
        len.saturating_add(64)
    }
}

/// Reads the tags in front: that of RFC 8392 and one of COSE, or that one, or none. The latter is what it gives.
fn read_tags(input: &mut Decoder<'_>) -> Option<Option<u64>> {
    let mut next = || -> Option<Option<u64>> {
        if input.datatype().ok()? != Type::Tag {
            return Some(None);
        }
        let begin = input.position();
        let number = input.tag().ok()?.as_u64();
        let len = input.position().checked_sub(begin)?;
        (len == head_len(number)).then_some(Some(number))
    };
    let first = next()?;
    let kind = if first == Some(CWT) {
        Some(next()??)
    } else {
        first
    };
    matches!(kind, None | Some(MAC0 | SIGN1)).then_some(kind)
}

/// The shortest head of a value with this number.
fn head_len(number: u64) -> usize {
    match number {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// How long a byte string is in CBOR.
fn spelled_len(bytes: &[u8]) -> usize {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    head_len(len).saturating_add(bytes.len())
}

fn header(map: &[u8]) -> Option<Value<'_>> {
    cbor::parse(map).filter(|header| header.is_map())
}

/// The algorithm that a protected header names. A header that asks for what we may not do is refused (`crit`).
fn algorithm_in(protected: &[u8]) -> Option<Algorithm> {
    let header = header(protected)?;
    if header.get(CRIT).is_some() {
        return None;
    }
    let number = header.get(ALG)?.int()?;
    NUMBERS.iter().find(|row| row.0 == number).map(|row| row.1)
}

/// The name of a key in a header, which may be `alone`: then it has nothing else, and no head is longer than it need be.
fn kid_in(map: &[u8], alone: bool) -> Option<Option<&[u8]>> {
    if map.len() > MAX_HEADER {
        return None;
    }
    let kid = match header(map)?.get(KID) {
        Some(kid) => Some(kid.bytes()?),
        None => None,
    };
    // The head of the map, and the label.
    let len = kid.map_or(1, |kid| spelled_len(kid).saturating_add(2));
    (!alone || map.len() == len).then_some(kid)
}

/// The structure that is signed.
fn write_signed(
    algorithm: Algorithm,
    protected: &[u8],
    payload: &[u8],
    sink: &mut dyn FnMut(&[u8]),
) {
    let context = match algorithm {
        Algorithm::Mac(_) => "MAC0",
        Algorithm::Signature(_) => "Signature1",
    };
    let mut out = Encoder::new(Sink(sink));
    // A sink takes all.
    let _ = out
        .array(4)
        .and_then(|out| out.str(context))
        .and_then(|out| out.bytes(protected))
        .and_then(|out| out.bytes(b""))
        .and_then(|out| out.bytes(payload));
}

/// What a signer writes with.
pub(crate) type Out<'a, 's, 'f> = &'a mut Encoder<Sink<'s, 'f>>;
/// How that went.
pub(crate) type Written = Result<(), encode::Error<Infallible>>;

/// Appends what `write` writes.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_to(
    bytes: &mut Vec<u8>,
    write: impl FnOnce(Out<'_, '_, '_>) -> Written,
) -> Result<(), Error> {
    let mut push = |piece: &[u8]| bytes.extend_from_slice(piece);
    let written = write(&mut Encoder::new(Sink(&mut push)));
    written.map_err(|_| Error::new("it cannot be written"))
}

/// Takes what an encoder writes.
pub(crate) struct Sink<'s, 'f>(&'s mut (dyn FnMut(&[u8]) + 'f));

impl Write for Sink<'_, '_> {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        (self.0)(bytes);
        Ok(())
    }
}

/// A token with both tags around a payload that `sign` signs.
///
/// # Errors
/// That of `sign`.
pub(crate) fn build(
    algorithm: Algorithm,
    kid: Option<&str>,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let number = NUMBERS.iter().find(|row| row.1 == algorithm);
    let number = number.map(|row| row.0);
    let number = number.ok_or_else(|| Error::new("COSE has no such algorithm"))?;
    let mut protected = Vec::new();
    write_to(&mut protected, |out| {
        out.map(1)?.i64(ALG)?.i64(number).map(drop)
    })?;
    let mut text = Vec::new();
    write_signed(algorithm, &protected, payload, &mut |piece| {
        text.extend_from_slice(piece)
    });
    let signature = sign(&text)?;
    let tag = match algorithm {
        Algorithm::Mac(_) => MAC0,
        Algorithm::Signature(_) => SIGN1,
    };
    let mut token = Vec::new();
    write_to(&mut token, |out| {
        out.tag(Tag::new(CWT))?.tag(Tag::new(tag))?;
        out.array(4)?.bytes(&protected)?;
        match kid {
            Some(kid) => out.map(1)?.i64(KID)?.bytes(kid.as_bytes())?,
            None => out.map(0)?,
        };
        out.bytes(payload)?.bytes(&signature).map(drop)
    })?;
    Ok(token)
}
