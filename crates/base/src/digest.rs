//! Digests as text: the hash or HMAC of some bytes, in hex or base64.
//!
//! MD5 (RFC 1321), SHA-1 and SHA-2 (FIPS 180-4), HMAC (RFC 2104) and the CRC-32 of zip and Ethernet
//! (ISO-HDLC). Nothing here allocates after [`Digest::new`].

use std::fmt;

use gatehouse_hash::{Hash, Hmac, Md5, Sha1, Sha256, Sha384, Sha512};

pub use crate::encoding::Encoding;

/// The longest raw digest, in bytes: SHA-512.
pub const MAX_RAW: usize = 64;

/// The longest text [`Digest::encode_into`] writes, in bytes: SHA-512 in hex.
pub const MAX_ENCODED: usize = 128;

/// A hash function, named as in the `digest` directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, RFC 1321.
    Md5,
    /// SHA-1, FIPS 180-4.
    Sha1,
    /// SHA-256, FIPS 180-4.
    Sha256,
    /// SHA-384, FIPS 180-4.
    Sha384,
    /// SHA-512, FIPS 180-4.
    Sha512,
    /// CRC-32/ISO-HDLC, as in zip; the four bytes are taken big-endian.
    Crc32,
}

impl Algorithm {
    /// Every algorithm and its name.
    pub const ALL: [(&str, Algorithm); 6] = [
        ("md5", Self::Md5),
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
        ("crc32", Self::Crc32),
    ];

    /// Finds the algorithm of a lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The length of the raw digest in bytes, at most [`MAX_RAW`].
    pub fn raw_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
            Self::Crc32 => 4,
        }
    }

    /// Hashes what `feed` gives to its sink, as if it were one string. `None` when `feed` says so, which
    /// gives up.
    #[inline]
    pub fn hash_into(
        self,
        out: &mut [u8; MAX_RAW],
        feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
    ) -> Option<&[u8]> {
        match self {
            Self::Md5 => plain::<Md5>(out, feed),
            Self::Sha1 => plain::<Sha1>(out, feed),
            Self::Sha256 => plain::<Sha256>(out, feed),
            Self::Sha384 => plain::<Sha384>(out, feed),
            Self::Sha512 => plain::<Sha512>(out, feed),
            Self::Crc32 => crc32(out, feed),
        }
    }

    /// The HMAC of what `feed` gives to its sink, under a key that is used this once: nothing of it is kept.
    /// `None` when `feed` says so, for an empty key and for CRC-32.
    pub fn hmac_into<'o>(
        self,
        key: &[u8],
        out: &'o mut [u8; MAX_RAW],
        feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
    ) -> Option<&'o [u8]> {
        if key.is_empty() {
            return None;
        }
        match self {
            Self::Md5 => once::<Md5>(key, out, feed),
            Self::Sha1 => once::<Sha1>(key, out, feed),
            Self::Sha256 => once::<Sha256>(key, out, feed),
            Self::Sha384 => once::<Sha384>(key, out, feed),
            Self::Sha512 => once::<Sha512>(key, out, feed),
            Self::Crc32 => None,
        }
    }
}

/// Why a [`Digest`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// CRC-32 is no cryptographic hash, there is no HMAC of it.
    KeyedCrc32,
    /// An empty key makes an HMAC anybody can compute.
    EmptyKey,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyedCrc32 => "\"crc32\" takes no key",
            Self::EmptyKey => "key is empty",
        })
    }
}

impl std::error::Error for Error {}

/// What is computed. An HMAC is kept with its key already hashed in; it is wiped on drop.
enum State {
    Plain(Algorithm),
    HmacMd5(Box<Hmac<Md5>>),
    HmacSha1(Box<Hmac<Sha1>>),
    HmacSha256(Box<Hmac<Sha256>>),
    HmacSha384(Box<Hmac<Sha384>>),
    HmacSha512(Box<Hmac<Sha512>>),
}

/// One configured digest: algorithm, encoding and, for an HMAC, the key.
pub struct Digest {
    state: State,
    encoding: Encoding,
    encoded_len: usize,
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest")
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl Digest {
    /// Prepares a digest, or with a key an HMAC.
    ///
    /// # Errors
    /// An empty key, and CRC-32 with a key, are refused.
    pub fn new(
        algorithm: Algorithm,
        encoding: Encoding,
        key: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let state = match key {
            None => State::Plain(algorithm),
            Some([]) => return Err(Error::EmptyKey),
            Some(key) => keyed(algorithm, key)?,
        };
        let encoded_len = encoding.encoded_len(algorithm.raw_len());
        Ok(Self {
            state,
            encoding,
            encoded_len,
        })
    }

    /// The length in bytes of every text this digest writes; at most [`MAX_ENCODED`].
    pub fn encoded_len(&self) -> usize {
        self.encoded_len
    }

    /// Hashes `parts` as if they were one string and writes the text to the start of `out`.
    ///
    /// Returns the length written, or `None` when `out` is shorter than [`Self::encoded_len`].
    pub fn encode_into(&self, parts: &[&[u8]], out: &mut [u8]) -> Option<usize> {
        let mut raw = [0; MAX_RAW];
        let raw = self.raw_into(&mut raw, |sink| {
            parts.iter().for_each(|part| sink(part));
            Some(())
        })?;
        self.encoding.encode(raw, out)
    }

    /// Hashes what `feed` gives to its sink, as if it were one string. `None` when `feed` says so, which
    /// gives up.
    #[inline]
    pub fn raw_into<'o>(
        &self,
        out: &'o mut [u8; MAX_RAW],
        feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
    ) -> Option<&'o [u8]> {
        match &self.state {
            State::Plain(algorithm) => algorithm.hash_into(out, feed),
            State::HmacMd5(mac) => tag(mac.as_ref(), out, feed),
            State::HmacSha1(mac) => tag(mac.as_ref(), out, feed),
            State::HmacSha256(mac) => tag(mac.as_ref(), out, feed),
            State::HmacSha384(mac) => tag(mac.as_ref(), out, feed),
            State::HmacSha512(mac) => tag(mac.as_ref(), out, feed),
        }
    }
}

fn keyed(algorithm: Algorithm, key: &[u8]) -> Result<State, Error> {
    fn mac<H: Hash>(key: &[u8]) -> Box<Hmac<H>> {
        Box::new(Hmac::new(key))
    }
    Ok(match algorithm {
        Algorithm::Md5 => State::HmacMd5(mac(key)),
        Algorithm::Sha1 => State::HmacSha1(mac(key)),
        Algorithm::Sha256 => State::HmacSha256(mac(key)),
        Algorithm::Sha384 => State::HmacSha384(mac(key)),
        Algorithm::Sha512 => State::HmacSha512(mac(key)),
        Algorithm::Crc32 => return Err(Error::KeyedCrc32),
    })
}

fn plain<H: Hash>(
    out: &mut [u8; MAX_RAW],
    feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
) -> Option<&[u8]> {
    let mut hash = H::new();
    feed(&mut |part| hash.update(part))?;
    begin(out, hash.finish().as_ref())
}

fn tag<'o, H: Hash>(
    prepared: &Hmac<H>,
    out: &'o mut [u8; MAX_RAW],
    feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
) -> Option<&'o [u8]> {
    finish(prepared.clone(), out, feed)
}

fn once<'o, H: Hash>(
    key: &[u8],
    out: &'o mut [u8; MAX_RAW],
    feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
) -> Option<&'o [u8]> {
    finish(Hmac::<H>::new(key), out, feed)
}

#[inline]
fn finish<H: Hash>(
    mut mac: Hmac<H>,
    out: &mut [u8; MAX_RAW],
    feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
) -> Option<&[u8]> {
    feed(&mut |part| mac.update(part))?;
    begin(out, mac.finish().as_ref())
}

fn crc32(
    out: &mut [u8; MAX_RAW],
    feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Option<()>,
) -> Option<&[u8]> {
    let mut hash = crc32fast::Hasher::new();
    feed(&mut |part| hash.update(part))?;
    begin(out, &hash.finalize().to_be_bytes())
}

/// Puts a digest at the start of `out`.
#[inline]
fn begin<'o>(out: &'o mut [u8; MAX_RAW], raw: &[u8]) -> Option<&'o [u8]> {
    let out = out.get_mut(..raw.len())?;
    out.copy_from_slice(raw);
    Some(out)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use serde_json::Value;

    use super::*;

    fn text(
        algorithm: Algorithm,
        encoding: Encoding,
        key: Option<&[u8]>,
        parts: &[&[u8]],
    ) -> String {
        let digest = Digest::new(algorithm, encoding, key).unwrap();
        let mut out = [0; MAX_ENCODED];
        let len = digest.encode_into(parts, &mut out).unwrap();
        assert_eq!(len, digest.encoded_len());
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    fn hex(algorithm: Algorithm, input: &str) -> String {
        text(algorithm, Encoding::Hex, None, &[input.as_bytes()])
    }

    #[test]
    fn names_and_errors() {
        for (name, encoding) in Encoding::ALL {
            assert_eq!(Encoding::parse(name), Some(encoding));
        }
        assert_eq!(Encoding::parse("HEX"), None);
        assert_eq!(Error::KeyedCrc32.to_string(), "\"crc32\" takes no key");
        assert_eq!(Error::EmptyKey.to_string(), "key is empty");
    }

    #[test]
    fn rfc_1321_md5() {
        for (input, want) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (
                "abcdefghijklmnopqrstuvwxyz",
                "c3fcd3d76192e4007dfb496cca67e13b",
            ),
        ] {
            assert_eq!(hex(Algorithm::Md5, input), want);
        }
    }

    #[test]
    fn fips_180_sha() {
        for (algorithm, want) in [
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                Algorithm::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Algorithm::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Algorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert_eq!(hex(algorithm, "abc"), want);
        }
        let million = "a".repeat(1_000_000);
        assert_eq!(
            hex(Algorithm::Sha1, &million),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f"
        );
    }

    #[test]
    fn rfc_2202_and_4231_hmac() {
        let jefe = |algorithm| {
            text(
                algorithm,
                Encoding::Hex,
                Some(b"Jefe"),
                &[b"what do ya want ", b"for nothing?"],
            )
        };
        assert_eq!(jefe(Algorithm::Md5), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(
            jefe(Algorithm::Sha1),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        assert_eq!(
            jefe(Algorithm::Sha256),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            jefe(Algorithm::Sha384),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e\
             8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            jefe(Algorithm::Sha512),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
        // A key longer than a block is hashed first (RFC 4231 case 6).
        let long = text(
            Algorithm::Sha256,
            Encoding::Hex,
            Some(&[0xaa; 131]),
            &[b"Test Using Larger Than Block-Size Key - Hash Key First"],
        );
        assert_eq!(
            long,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn encodings() {
        let crc = |encoding| text(Algorithm::Crc32, encoding, None, &[b"1234", b"56789"]);
        assert_eq!(crc(Encoding::Hex), "cbf43926");
        assert_eq!(crc(Encoding::Base64), "y/Q5Jg==");
        assert_eq!(crc(Encoding::Base64Url), "y_Q5Jg");
        for (_, algorithm) in Algorithm::ALL {
            for (_, encoding) in Encoding::ALL {
                assert!(text(algorithm, encoding, None, &[]).len() <= MAX_ENCODED);
            }
        }
        assert_eq!(
            text(Algorithm::Sha512, Encoding::Hex, None, &[]).len(),
            MAX_ENCODED
        );
    }

    #[test]
    fn refusals() {
        let new = |algorithm, key| Digest::new(algorithm, Encoding::Hex, key).map(|_| ());
        assert_eq!(
            new(Algorithm::Crc32, Some(b"k".as_slice())),
            Err(Error::KeyedCrc32)
        );
        assert_eq!(
            new(Algorithm::Sha256, Some(b"".as_slice())),
            Err(Error::EmptyKey)
        );
        assert_eq!(
            new(Algorithm::Crc32, Some(b"".as_slice())),
            Err(Error::EmptyKey)
        );
        assert_eq!(Algorithm::parse("MD5"), None);
        assert_eq!(Encoding::parse("base32"), None);
        let digest = Digest::new(Algorithm::Md5, Encoding::Hex, None).unwrap();
        assert_eq!(digest.encode_into(&[b"x"], &mut [0; 31]), None);
        assert_eq!(digest.encode_into(&[b"x"], &mut [0; 32]), Some(32));
    }

    /// An HMAC under a key that is used once is that of a prepared one.
    #[test]
    fn hmac_of_one_use() {
        let feed = |sink: &mut dyn FnMut(&[u8])| {
            sink(b"what do ya want ");
            sink(b"for nothing?");
            Some(())
        };
        for (name, algorithm) in Algorithm::ALL {
            let mut raw = [0; MAX_RAW];
            let once = algorithm.hmac_into(b"Jefe", &mut raw, feed);
            let Ok(prepared) = Digest::new(algorithm, Encoding::Hex, Some(b"Jefe")) else {
                assert_eq!((name, once), ("crc32", None));
                continue;
            };
            let mut out = [0; MAX_RAW];
            assert_eq!(once, prepared.raw_into(&mut out, feed), "{name}");
            assert_eq!(algorithm.hmac_into(b"", &mut [0; MAX_RAW], feed), None);
            assert_eq!(algorithm.hmac_into(b"k", &mut raw, |_| None), None);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let digest = Digest::new(Algorithm::Md5, Encoding::Hex, Some(b"hunter2")).unwrap();
        assert_eq!(format!("{digest:?}"), "Digest { encoding: Hex, .. }");
    }

    #[test]
    fn vectors() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/token.json");
        let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut ran = 0;
        for case in all["digest"].as_array().unwrap() {
            let name = case["fn"].as_str().unwrap();
            // sha224 and bare base64 are not among our digests.
            let Some(algorithm) = Algorithm::parse(name.strip_prefix("hmac_").unwrap_or(name))
            else {
                continue;
            };
            let plain = || case["key"].as_str().map(|key| key.as_bytes().to_vec());
            let key = case["key_hex"]
                .as_str()
                .map(|key| HEXLOWER.decode(key.as_bytes()).unwrap())
                .or_else(plain);
            assert_eq!(key.is_some(), name.starts_with("hmac_"), "{name}");
            let input = case["input_utf8"].as_str().unwrap();
            let got = text(
                algorithm,
                Encoding::Hex,
                key.as_deref(),
                &[input.as_bytes()],
            );
            assert_eq!(got, case["output"].as_str().unwrap(), "{name} {input:.40}");
            ran += 1;
        }
        assert!(ran >= 20, "{ran}");
    }
}
