//! What a scheme makes MACs with: its keys, each with the hash or the HMAC of a text.

use gatehouse_base::digest::{Algorithm, Digest, MAX_RAW};
use gatehouse_base::encoding::Encoding;

use crate::error::Error;
use crate::keys::{Key, KeyRing, RouteKeys, Secret, is_spelled_key};
use crate::mac;
use crate::reason::Reason;
use crate::request::RequestView;
use crate::scheme::VerifierConfig;

/// How a key makes a MAC of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyed {
    /// As an HMAC.
    Hmac,
    /// As a plain hash of a text that holds the key.
    InText,
}

/// Anybody may know a public key: as a secret it would let everybody in.
///
/// # Errors
/// The secret is the text of a key.
pub(crate) fn refuse_spelled(key: &Key) -> Result<(), Error> {
    let spelled = is_spelled_key(key.secret.as_bytes());
    let text = "has a \"key\" that is no secret but the text of a key";
    spelled.map_or(Ok(()), |_| Err(Error::new(text)))
}

/// The live keys of a profile.
pub(crate) struct Macs {
    algorithm: Algorithm,
    keyed: Keyed,
    keys: KeyRing<Mac>,
    route_keys: RouteKeys,
}

struct Mac {
    id: Option<String>,
    /// The hash, or the HMAC with the key already hashed in.
    digest: Digest,
    /// What the text holds; empty for an HMAC.
    key: Secret,
}

impl Mac {
    fn prepare(algorithm: Algorithm, keyed: Keyed, key: &Key) -> Result<Self, Error> {
        let secret = &key.secret;
        refuse_spelled(key)?;
        let (hashed_in, text) = match keyed {
            Keyed::InText => (None, secret.clone()),
            Keyed::Hmac => (Some(secret.as_bytes()), Secret::new(Vec::new())),
        };
        // Nobody asks this digest for its text.
        let digest = Digest::new(algorithm, Encoding::Hex, hashed_in);
        let digest = digest.map_err(|fault| Error::new(format!("has a bad key: {fault}")))?;
        Ok(Self {
            id: key.id.clone(),
            digest,
            key: text,
        })
    }
}

/// The sink of a text that is hashed.
pub(crate) type Sink<'s> = dyn FnMut(&[u8]) + 's;

impl Macs {
    /// Prepares every key once, when the configuration is read.
    pub(crate) fn prepare(
        config: &VerifierConfig<'_>,
        algorithm: Algorithm,
        keyed: Keyed,
    ) -> Result<Self, Error> {
        let prepare = |key: &Key| Mac::prepare(algorithm, keyed, key);
        Ok(Self {
            algorithm,
            keyed,
            keys: KeyRing::prepare(config.keys, prepare)?,
            route_keys: config.route_keys(),
        })
    }

    /// The length of a MAC in bytes.
    pub(crate) fn raw_len(&self) -> usize {
        self.algorithm.raw_len()
    }

    /// The index of the first key that makes this MAC of the text that `feed` gives to its sink. `feed` gets the key
    /// where the text holds it, else nothing; `None` from it makes no MAC.
    #[inline]
    pub(crate) fn find(
        &self,
        request: &dyn RequestView,
        presented: &[u8],
        feed: impl Fn(&[u8], &mut Sink<'_>) -> Option<()>,
    ) -> Result<usize, Reason> {
        let found = self.keys.find(|mac| Self::verifies(mac, presented, &feed));
        found.or_else(|_| self.find_of_route(request, presented, &feed))
    }

    /// The same for a token that names its key: those with another id are left out, but not those of its route, whose names
    /// there are the tenant's own affair.
    pub(crate) fn find_called(
        &self,
        name: &[u8],
        request: &dyn RequestView,
        presented: &[u8],
        feed: impl Fn(&[u8], &mut Sink<'_>) -> Option<()>,
    ) -> Result<usize, Reason> {
        let found = self.keys.find(|mac| {
            let is_called = mac.id.as_ref().is_none_or(|id| id.as_bytes() == name);
            is_called && Self::verifies(mac, presented, &feed)
        });
        found.or_else(|_| self.find_of_route(request, presented, &feed))
    }

    fn find_of_route(
        &self,
        request: &dyn RequestView,
        presented: &[u8],
        feed: &impl Fn(&[u8], &mut Sink<'_>) -> Option<()>,
    ) -> Result<usize, Reason> {
        self.route_keys.find_secret(request, |key| {
            let mut out = [0; MAX_RAW];
            let algorithm = self.algorithm;
            let made = match self.keyed {
                Keyed::InText => algorithm.hash_into(&mut out, |sink| feed(key, sink)),
                Keyed::Hmac => algorithm.hmac_into(key, &mut out, |sink| feed(b"", sink)),
            };
            made.is_some_and(|expected| mac::same(expected, presented))
        })
    }

    #[inline]
    fn verifies(
        mac: &Mac,
        presented: &[u8],
        feed: &impl Fn(&[u8], &mut Sink<'_>) -> Option<()>,
    ) -> bool {
        let mut out = [0; MAX_RAW];
        let made = mac
            .digest
            .raw_into(&mut out, |sink| feed(mac.key.as_bytes(), sink));
        made.is_some_and(|expected| mac::same(expected, presented))
    }

    /// The MAC of the first key, as a token spells it.
    ///
    /// # Errors
    /// The text has no value.
    pub(crate) fn sign(
        &self,
        encoding: Encoding,
        feed: impl Fn(&[u8], &mut Sink<'_>) -> Option<()>,
    ) -> Result<String, Error> {
        let made = self.keys.first().and_then(|mac| {
            let mut raw = [0; MAX_RAW];
            let raw = mac
                .digest
                .raw_into(&mut raw, |sink| feed(mac.key.as_bytes(), sink))?;
            let mut text = vec![0; encoding.encoded_len(raw.len())];
            encoding.encode(raw, &mut text)?;
            String::from_utf8(text).ok()
        });
        made.ok_or_else(|| Error::new("the message has no value"))
    }
}

/// The text that `feed` gives, with `{key}` where it holds the key.
pub(crate) fn shown(feed: impl Fn(&[u8], &mut Sink<'_>) -> Option<()>) -> Vec<u8> {
    let mut text = Vec::new();
    // What the host has no value for is left out.
    let _ = feed(b"{key}", &mut |piece| text.extend_from_slice(piece));
    text
}
