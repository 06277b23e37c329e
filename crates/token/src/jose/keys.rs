//! The live keys of tokens that are signed with a secret or a private key: JWT (RFC 7515) and COSE (RFC 9052) alike.

use gatehouse_base::digest::{Digest, MAX_RAW};
use gatehouse_base::encoding::Encoding;

use super::algorithm::Algorithm;
use crate::error::Error;
use crate::keys::{Key, KeyForm, KeyRing, Material, is_spelled_key};
use crate::mac;
use crate::reason::Reason;
use crate::scheme::Doubt;
use crate::signature::Verify;

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
    has_weak: bool,
    /// Whether a private key is among them.
    has_private: bool,
}

impl Keys {
    /// Prepares the keys of each line for these algorithms; without any, each key for its own. Keys that are for none of
    /// them verify nothing, if another one of their line does: a provider publishes keys for all its tokens. `legal` are the
    /// algorithms that tokens of the format may have: of these the first that fits is a key's own.
    ///
    /// # Errors
    /// All keys of a line are for none of them, or one is what it is not said to be; a secret is the text of a key, which
    /// anybody may know.
    pub(crate) fn prepare<'k>(
        lines: impl Iterator<Item = &'k [Key]>,
        algorithms: &[Algorithm],
        legal: &[Algorithm],
    ) -> Result<Self, Error> {
        let mut keys = Self {
            ring: KeyRing::of(Vec::new()),
            has_weak: false,
            has_private: false,
        };
        let mut prepared = Vec::new();
        for line in lines {
            refuse_spelled(line)?;
            let before = prepared.len();
            for key in line {
                prepared.push(keys.live(key, algorithms, legal)?);
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
    fn live(
        &mut self,
        key: &Key,
        algorithms: &[Algorithm],
        legal: &[Algorithm],
    ) -> Result<Live, Error> {
        let usable = key
            .usable()
            .map_err(|fault| bad_key(key, &fault.to_string()))?;
        let of_jwk = usable.algorithm.as_deref();
        let chosen = chosen(of_jwk, &usable.material, algorithms, legal);
        let chosen = chosen.map_err(|why| bad_key(key, &why))?;
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

    /// The index of the key that made a signature of a text with the algorithm of this name. `named` says of an id whether
    /// the token names it; None: it names none. A key that has an id checks only tokens that name it or name none. `unknown`
    /// is called when no live key is the one that a token names, and none made one that names none.
    ///
    /// # Errors
    /// No live key made it.
    pub(crate) fn find(
        &self,
        algorithm: &[u8],
        named: impl Fn(&str) -> Option<bool>,
        text: &[u8],
        signature: &[u8],
        unknown: impl FnOnce(),
    ) -> Result<usize, Reason> {
        let mut is_known = false;
        let found = self.ring.find(|live| {
            let named = live.id.as_deref().and_then(&named);
            let is_meant = named != Some(false);
            is_known |= named == Some(true);
            let mut ways = live.ways.iter();
            is_meant
                && ways
                    .find(|way| way.0.as_bytes() == algorithm)
                    .is_some_and(|way| way.1.verifies(text, signature))
        });
        if found.is_err() && !is_known {
            unknown();
        }
        found
    }

    /// The MAC of another text by the secret that made this one; none where it was made otherwise.
    pub(crate) fn mac_again<'o>(
        &self,
        algorithm: &[u8],
        named: impl Fn(&str) -> Option<bool>,
        (text, signature): (&[u8], &[u8]),
        other: &[u8],
        out: &'o mut [u8; MAX_RAW],
    ) -> Option<&'o [u8]> {
        let found = self.find(algorithm, named, text, signature, || {});
        let ways = &self.ring.get(found.ok()?)?.ways;
        let way = ways.iter().find(|way| way.0.as_bytes() == algorithm)?;
        let Way::Mac(digest) = &way.1 else {
            return None;
        };
        digest.raw_into(out, |sink| {
            sink(other);
            Some(())
        })
    }

    /// What the author of a profile may not have meant.
    pub(crate) fn doubts(&self) -> Vec<Doubt> {
        let doubt = |text| Doubt { word: "key", text };
        let mut doubts = Vec::new();
        if self.has_weak {
            doubts.push(doubt(
                "a secret is shorter than the hash that is made with it (32 bytes for HS256): who has one token may find it by trying",
            ));
        }
        if self.has_private {
            doubts.push(doubt(
                "a private key is here where the public one is enough: whoever reads it can make tokens",
            ));
        }
        doubts
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
    legal: &[Algorithm],
) -> Result<Vec<Algorithm>, String> {
    let own = match of_jwk {
        Some(name) => {
            let known = Algorithm::parse(name).filter(|one| one.fits(key));
            let text = || format!("is not one for its own \"alg\", \"{name}\"");
            Some(known.ok_or_else(text)?)
        }
        // None of them: another key of its line may be for one.
        None if algorithms.is_empty() => {
            return Ok(Algorithm::of(key, legal).into_iter().collect());
        }
        None => None,
    };
    Ok(match own {
        Some(own) if !legal.contains(&own) => Vec::new(),
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

/// Anybody may know a public key: as a secret it would let everybody in.
fn refuse_spelled(keys: &[Key]) -> Result<(), Error> {
    let spelled = |key: &Key| match key.usable().ok()?.material {
        Material::Secret(secret) => is_spelled_key(secret.as_bytes()),
        _ => None,
    };
    for key in keys {
        let Some(encoding) = spelled(key) else {
            continue;
        };
        let is_whole = key
            .secret
            .as_bytes()
            .trim_ascii_start()
            .starts_with(b"-----BEGIN ");
        let armour = match encoding {
            "pem" if !is_whole => {
                " and its file the lines of PEM, as \"-----BEGIN PUBLIC KEY-----\""
            }
            _ => "",
        };
        return Err(Error::new(format!(
            "has a \"key\" that is no secret but the text of a key: give its line \"encoding={encoding}\"{armour}"
        )));
    }
    Ok(())
}
