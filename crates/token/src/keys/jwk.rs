//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037): one, or a set.

use data_encoding::BASE64URL_NOPAD;
use gatehouse_base::json::{self, Value};
use gatehouse_base::secret::Secret;
use zeroize::Zeroizing;

use super::material::{Material, Usable};
use crate::error::Error;
use crate::signature::{Curve, PrivateKey, PublicKey, RsaNumbers};

/// A `kid` and the JWK it names.
pub(super) type Found = (Option<String>, Secret);

/// What `alg` may be of a key that we use: the algorithms of `jose`, and another name of one (RFC 9864).
pub(crate) const JWK_ALGORITHMS: [&str; 14] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512", "EdDSA", "Ed25519",
];

/// The keys for signatures that a JWK or a JWKS holds. Others in a set are passed over, as RFC 7517 section 5 wants it: keys
/// of kinds and for algorithms that we do not know, and RSA keys that are too short.
///
/// # Errors
/// There is none; one is broken; two of one kind have one name; a secret stands beside public keys. Errors lack a subject.
pub(super) fn find(text: &[u8]) -> Result<Vec<Found>, Error> {
    let value = json::parse(text).ok_or_else(|| Error::new("is no JSON"))?;
    let mut found: Vec<Found> = Vec::new();
    let mut names = Vec::new();
    let mut weak = None;
    let mut secrets = 0_usize;
    let keys = value.member("keys");
    let one = keys.is_none().then_some(value);
    for key in keys.into_iter().flat_map(Value::items).chain(one) {
        if !is_for_signatures(key) {
            continue;
        }
        let kid = text_of(key, "kid").filter(|kid| !kid.is_empty());
        let usable = read_value(key).map_err(|error| match &kid {
            Some(kid) => Error::new(format!("holds a key \"{kid}\" that {error}")),
            None => Error::new(format!("holds a key that {error}")),
        });
        let usable = match usable {
            Err(error) if is_short_rsa(key) => {
                weak.get_or_insert(error);
                continue;
            }
            other => other?,
        };
        // Keys of several kinds may share a name (RFC 7517 section 4.5).
        let name = (kid.clone(), text_of(key, "kty"));
        if let Some(kid) = kid.as_deref().filter(|_| names.contains(&name)) {
            return Err(Error::new(format!("holds two keys with the kid \"{kid}\"")));
        }
        names.push(name);
        secrets = secrets.saturating_add(usize::from(is_secret(&usable)));
        found.push((kid, Secret::new(key.source().to_vec())));
    }
    if found.is_empty() {
        return Err(weak.unwrap_or_else(|| Error::new("holds no key for signatures")));
    }
    if secrets > 0 && secrets < found.len() {
        return Err(Error::new(
            "holds secrets beside public keys: who may see these must not see those",
        ));
    }
    Ok(found)
}

/// The key in the text of a JWK.
///
/// # Errors
/// It is none. Errors lack a subject.
pub(super) fn read(text: &[u8]) -> Result<Usable, Error> {
    let value = json::parse(text).ok_or_else(|| Error::new("is no JSON"))?;
    read_value(value)
}

fn is_secret(usable: &Usable) -> bool {
    matches!(usable.material, Material::Secret(_))
}

/// Whether a key is one that we know and may use.
fn is_for_signatures(key: Value<'_>) -> bool {
    let is_one_of = |name: &str, legal: &[&str]| {
        text_of(key, name).is_some_and(|value| legal.contains(&value.as_str()))
    };
    let may_sign = key.member("use").is_none() || is_one_of("use", &["sig"]);
    let mut operations = key
        .member("key_ops")
        .map(Value::items)
        .into_iter()
        .flatten();
    let may_verify = key.member("key_ops").is_none()
        || operations.any(|one| {
            one.text()
                .is_some_and(|op| op.is(b"verify") || op.is(b"sign"))
        });
    let is_known = match text_of(key, "kty").as_deref() {
        Some("RSA" | "oct") => true,
        Some("EC") => is_one_of("crv", &["P-256", "P-384", "P-521"]),
        Some("OKP") => is_one_of("crv", &["Ed25519"]),
        _ => false,
    };
    let algorithm = text_of(key, "alg");
    let is_ours = algorithm.is_none_or(|name| JWK_ALGORITHMS.contains(&name.as_str()));
    may_sign && may_verify && is_known && is_ours
}

fn is_short_rsa(key: Value<'_>) -> bool {
    let is_rsa = text_of(key, "kty").as_deref() == Some("RSA");
    is_rsa && bytes_of(key, "n").is_ok_and(|n| PublicKey::is_short_rsa(&n))
}

fn read_value(key: Value<'_>) -> Result<Usable, Error> {
    let algorithm = text_of(key, "alg");
    if key.member("alg").is_some() && algorithm.is_none() {
        return Err(lacks("alg"));
    }
    let is_private = key.member("d").is_some();
    let material = match text_of(key, "kty").as_deref() {
        Some("oct") => Material::Secret(Secret::new(bytes_of(key, "k")?.to_vec())),
        Some("RSA") if is_private => Material::Private(private_rsa(key)?),
        Some("RSA") => {
            Material::Public(PublicKey::rsa(&bytes_of(key, "n")?, &bytes_of(key, "e")?)?)
        }
        Some("EC") => elliptic(key, is_private)?,
        Some("OKP") => {
            let public = bytes_of(key, "x")?;
            if public.len() != 32 {
                return Err(lacks("x"));
            }
            if is_private {
                let seed = bytes_of(key, "d")?;
                Material::Private(PrivateKey::ed25519(&seed, &public)?)
            } else {
                Material::Public(PublicKey::Ed25519(public.to_vec()))
            }
        }
        _ => return Err(lacks("kty")),
    };
    if let Material::Secret(secret) = &material {
        if secret.as_bytes().is_empty() {
            return Err(Error::new("is empty"));
        }
    }
    let is_ed25519 = text_of(key, "kty").as_deref() == Some("OKP");
    let algorithm = algorithm.map(|name| match name.as_str() {
        "Ed25519" if is_ed25519 => "EdDSA".to_owned(),
        _ => name,
    });
    Ok(Usable {
        material,
        algorithm,
    })
}

fn private_rsa(key: Value<'_>) -> Result<PrivateKey, Error> {
    let numbers = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| bytes_of(key, name));
    let [n, e, d, p, q, dp, dq, qi] = numbers;
    PrivateKey::rsa(&RsaNumbers {
        n: &n?,
        e: &e?,
        d: &d?,
        p: &p?,
        q: &q?,
        dp: &dp?,
        dq: &dq?,
        qi: &qi?,
    })
}

fn elliptic(key: Value<'_>, is_private: bool) -> Result<Material, Error> {
    let curve = match text_of(key, "crv").as_deref() {
        Some("P-256") => Curve::P256,
        Some("P-384") => Curve::P384,
        Some("P-521") => Curve::P521,
        _ => return Err(lacks("crv")),
    };
    // Coordinates have their full length (RFC 7518 section 6.2.1.2); 4 says that both follow (SEC 1).
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = bytes_of(key, name)?;
        if coordinate.len() != curve.len() {
            return Err(lacks(name));
        }
        point.extend_from_slice(&coordinate);
    }
    if is_private {
        let number = bytes_of(key, "d")?;
        return Ok(Material::Private(PrivateKey::ec(curve, &number, &point)?));
    }
    Ok(Material::Public(PublicKey::ec(curve, &point)?))
}

/// A member's text.
fn text_of(key: Value<'_>, name: &str) -> Option<String> {
    let text = key.member(name)?.text()?;
    let mut out = vec![0; text.max_len()];
    let len = text.write(&mut out)?;
    out.truncate(len);
    String::from_utf8(out).ok()
}

/// The bytes that a member spells in base64url.
fn bytes_of(key: Value<'_>, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = key.member(name).and_then(Value::text);
    let digits = text
        .and_then(json::Text::plain)
        .ok_or_else(|| lacks(name))?;
    let bytes = BASE64URL_NOPAD.decode(digits).map_err(|_| lacks(name))?;
    Ok(Zeroizing::new(bytes))
}

fn lacks(name: &str) -> Error {
    Error::new(format!("has no good \"{name}\""))
}
