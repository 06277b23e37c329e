//! CloudFront's signed URLs and cookies, with a canned or a custom policy.
//!
//! A canned policy is not sent: it is the text of the URL and of `Expires`, without white space. A custom one is JSON in CloudFront's
//! base64 (`-` `_` `~` for `+` `=` `/`). Signed is that text, by RSASSA-PKCS1-v1_5 or ECDSA on P-256, over SHA-1 unless
//! `Hash-Algorithm` says SHA256. `Key-Pair-Id` is the id of the key.
//!
//! URLs begin with scheme and host: `origin` says them. `Resource` of a custom policy is compared with the URL as received
//! and with that of the path which nginx serves: both must be of it. What a policy says beyond `Resource`, `DateLessThan`,
//! `DateGreaterThan` and `IpAddress` is malformed, since nobody would look at it.

use data_encoding::BASE64;
use gatehouse_base::json::{self, Value};

use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::keys::{BadKey, Key, KeyRing, RouteKeys};
use crate::mac;
use crate::normal;
use crate::reason::Reason;
use crate::request::{Presented, RequestView, SignedUrl, gathered};
use crate::scheme::{Carrier, Scheme, SchemeOption, Signing, Verifier};
use crate::signature::{Hash, MAX_SIGNATURE, Method, PrivateKey, PublicKey, Verify};
use crate::target::Target;
use crate::text::Text;

pub(super) const SCHEME: Scheme = Scheme {
    name: "cloudfront",
    carriers: &[
        carrier("signature", "Signature", "CloudFront-Signature", true),
        carrier("policy", "Policy", "CloudFront-Policy", false),
        carrier("end", "Expires", "CloudFront-Expires", false),
        carrier("key id", "Key-Pair-Id", "CloudFront-Key-Pair-Id", true),
        carrier("hash", "Hash-Algorithm", "CloudFront-Hash-Algorithm", false),
    ],
    joined: 5,
    options: &[SchemeOption {
        word: "origin",
        default: Some("$scheme://$host"),
    }],
    claims_address: true,
    path: None,
    claims: &["Resource", "DateGreaterThan", "IpAddress"],
    form: "a signature in CloudFront's base64, Key-Pair-Id and Expires or Policy",
    build: |config| {
        Ok(Box::new(CloudFront {
            keys: KeyRing::prepare(config.keys, PairKey::prepare)?,
            route_keys: config.route_keys(),
            origin: config.options.origin.clone(),
        }))
    },
    sign,
    ..Scheme::USUAL
};

const fn carrier(
    role: &'static str,
    query: &'static str,
    cookie: &'static str,
    required: bool,
) -> Carrier {
    Carrier {
        role,
        query: Some(query),
        cookie: Some(cookie),
        header: if required { Some(query) } else { None },
        required,
    }
}

const POLICY: usize = 1;
const EXPIRES: usize = 2;
const KEY_ID: usize = 3;
const HASH: usize = 4;

struct CloudFront {
    keys: KeyRing<PairKey>,
    /// Their Key-Pair-Ids are the tenants' own affair: a route has one key of a name.
    route_keys: RouteKeys,
    origin: String,
}

/// A key, and what checks signatures with it, by the hash.
struct PairKey {
    id: String,
    sha1: Box<dyn Verify>,
    sha256: Box<dyn Verify>,
}

impl PairKey {
    fn prepare(key: &Key) -> Result<Self, Error> {
        let bad = |fault: Error| Error::new(format!("has a bad key: key {fault}"));
        // The name of a key is not signed: one without would go by any.
        let id = key.id.as_ref();
        let id = id.ok_or_else(|| Error::new("has a \"key\" without \"id\", its Key-Pair-Id"))?;
        let public = PublicKey::from_pem(key.secret.as_bytes()).map_err(bad)?;
        Ok(Self {
            id: id.clone(),
            sha1: verifier(&public, Hash::Sha1).map_err(bad)?,
            sha256: verifier(&public, Hash::Sha256).map_err(bad)?,
        })
    }
}

/// What checks signatures over a hash. Errors lack a subject: `is …`.
fn verifier(key: &PublicKey, hash: Hash) -> Result<Box<dyn Verify>, Error> {
    let rsa = key.verifier(Method::RsaPkcs1(hash));
    let verifier = rsa.or_else(|| key.verifier(Method::EcdsaDer(hash)));
    verifier.unwrap_or_else(|| Err(Error::new("is neither one of RSA nor of ECDSA on P-256")))
}

/// The hash that a token names.
fn hash(text: Option<&[u8]>) -> Option<Hash> {
    match text {
        None | Some(b"SHA1") => Some(Hash::Sha1),
        Some(b"SHA256") => Some(Hash::Sha256),
        Some(_) => None,
    }
}

/// A value of a token; an empty one is none.
fn value<'t>(token: &Presented<'t>, carrier: usize) -> Option<&'t [u8]> {
    token.value(carrier).filter(|text| !text.is_empty())
}

/// Reads CloudFront's base64 into `room`.
fn decode<'o>(text: &[u8], room: &'o mut [u8]) -> Option<&'o [u8]> {
    let mut len = 0usize;
    for digits in text.chunks(4) {
        let mut group = [0; 4];
        for (slot, digit) in group.iter_mut().zip(digits) {
            *slot = match digit {
                b'-' => b'+',
                b'~' => b'/',
                b'_' => b'=',
                b'+' | b'/' | b'=' => return None,
                digit => *digit,
            };
        }
        let is_last = text.len().saturating_sub(4) <= len.saturating_mul(4).div_ceil(3);
        if digits.len() != 4 || (group.contains(&b'=') && !is_last) {
            return None;
        }
        let out = room.get_mut(len..len.checked_add(3)?)?;
        let read = BASE64.decode_mut(&group, out).ok()?;
        len = len.checked_add(read)?;
    }
    room.get(..len)
}

/// The same the other way.
fn encode(raw: &[u8]) -> String {
    let text = BASE64.encode(raw);
    text.replace('+', "-").replace('/', "~").replace('=', "_")
}

/// Gives `sink` the canned policy of a URL.
fn canned(origin: &[u8], url: &SignedUrl<'_>, expires: &[u8], sink: &mut dyn FnMut(&[u8])) {
    sink(b"{\"Statement\":[{\"Resource\":\"");
    sink(origin);
    url.each(&mut *sink);
    sink(b"\",\"Condition\":{\"DateLessThan\":{\"AWS:EpochTime\":");
    sink(expires);
    sink(b"}}}]}");
}

/// The text that is signed.
fn signed<'r>(token: &Presented<'r>, request: &'r dyn RequestView) -> Option<&'r [u8]> {
    match (value(token, POLICY), value(token, EXPIRES)) {
        (Some(policy), None) => decode(policy, request.room(policy.len())?),
        (None, Some(expires)) => {
            let origin = request.message(0)?;
            let most = request.target().len().checked_add(origin.len())?;
            let most = most.checked_add(expires.len())?.checked_add(128)?;
            gathered(request, most, |sink| {
                canned(origin, &token.url, expires, sink)
            })
        }
        _ => None,
    }
}

/// What a custom policy says.
#[derive(Default)]
struct Policy<'r> {
    resource: Option<&'r [u8]>,
    expires: Option<i64>,
    not_before: Option<i64>,
    addresses: Option<&'r [u8]>,
}

impl<'r> Policy<'r> {
    fn read(text: &'r [u8], request: &'r dyn RequestView) -> Option<Self> {
        let whole = json::parse(text)?;
        let statements = only(whole, "Statement")?;
        let mut statements = statements.items();
        let statement = statements.next()?;
        if statements.next().is_some() {
            return None;
        }
        let mut policy = Self::default();
        for (name, part) in statement.members() {
            if name.is(b"Resource") {
                policy.resource = Some(plain(part, request)?);
            } else if name.is(b"Condition") {
                policy.read_conditions(part, request)?;
            } else {
                return None;
            }
        }
        (policy.resource.is_some() && policy.expires.is_some()).then_some(policy)
    }

    fn read_conditions(&mut self, all: Value<'r>, request: &'r dyn RequestView) -> Option<()> {
        for (name, condition) in all.members() {
            let time = || mac::parse_epoch(only(condition, "AWS:EpochTime")?.number()?);
            if name.is(b"DateLessThan") {
                self.expires = Some(time()?);
            } else if name.is(b"DateGreaterThan") {
                self.not_before = Some(time()?);
            } else if name.is(b"IpAddress") {
                self.addresses = Some(plain(only(condition, "AWS:SourceIp")?, request)?);
            } else {
                return None;
            }
        }
        Some(())
    }
}

/// The only member of an object, which has that name.
fn only<'r>(object: Value<'r>, name: &str) -> Option<Value<'r>> {
    let mut members = object.members();
    let (found, value) = members.next()?;
    (found.is(name.as_bytes()) && members.next().is_none()).then_some(value)
}

/// A text without its escapes.
fn plain<'r>(value: Value<'r>, request: &'r dyn RequestView) -> Option<&'r [u8]> {
    let text = value.text()?;
    if let Some(plain) = text.plain() {
        return Some(plain);
    }
    let room = request.room(text.max_len())?;
    let len = text.write(room)?;
    room.get(..len)
}

/// The URL of a request in three spellings: as received, with the path that is served decoded, and with it encoded again.
fn spellings<'r>(
    token: &Presented<'r>,
    request: &'r dyn RequestView,
) -> Option<(&'r [u8], [&'r [u8]; 2])> {
    let (origin, path) = (request.message(0)?, request.path()?);
    let target = request.target();
    let most = origin.len().checked_add(target.len())?;
    let raw = gathered(request, most, |sink| {
        sink(origin);
        token.url.each(&mut *sink);
    })?;
    let encoded = request.room(path.len().checked_mul(3)?)?;
    let len = normal::target_of(path, encoded);
    let encoded = encoded.get(..len)?;
    // The arguments with their mark.
    let rest = Target::of(raw).args();
    let args = raw.get(raw.len().checked_sub(rest.len())?..)?;
    let mark: &[u8] = if args.is_empty() { b"" } else { b"?" };
    let with = |path: &[u8]| {
        let most = most.checked_add(path.len())?.checked_add(1)?;
        gathered(request, most, |sink| {
            [origin, path, mark, args].into_iter().for_each(sink);
        })
    };
    Some((raw, [with(path)?, with(encoded)?]))
}

impl Verifier for CloudFront {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        request: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let hash = hash(value(token, HASH)).ok_or(Reason::Malformed)?;
        let id = value(token, KEY_ID).ok_or(Reason::Malformed)?;
        let mut signature = [0; MAX_SIGNATURE];
        let signature = decode(token.token(), &mut signature).ok_or(Reason::Malformed)?;
        let text = signed(token, request).ok_or(Reason::Malformed)?;
        let found = self.keys.find(|key| {
            let is_called = key.id.as_bytes() == id;
            let verifier = match hash {
                Hash::Sha256 => &key.sha256,
                _ => &key.sha1,
            };
            is_called && verifier.verifies(text, signature)
        });
        let found = found.or_else(|_| {
            self.route_keys.find(request, |pem| {
                let key = PublicKey::from_pem(pem).and_then(|key| verifier(&key, hash));
                let key = key.map_err(|_| BadKey::OtherKind)?;
                Ok(key.verifies(text, signature))
            })
        });
        claims.key = found?;
        let Some(expires) = value(token, EXPIRES) else {
            let policy = Policy::read(text, request).ok_or(Reason::Malformed)?;
            let (raw, served) = spellings(token, request).ok_or(Reason::Malformed)?;
            claims.expires = policy.expires.map(last_second);
            claims.not_before = policy.not_before;
            // This network is how older signers write "everybody".
            let bound = policy.addresses.filter(|list| *list != b"0.0.0.0/0");
            claims.addresses = bound.map(Text::Plain);
            claims.paths = policy.resource.map(|pattern| Paths::Urls {
                pattern,
                raw,
                served,
            });
            return Ok(());
        };
        let expires = mac::parse_epoch(expires).ok_or(Reason::Malformed)?;
        claims.expires = Some(last_second(expires));
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        request: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(signed(token, request)?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, request: &dyn RequestView) -> Vec<u8> {
        signed(token, request).unwrap_or_default().to_vec()
    }

    fn message_texts(&self) -> Vec<&str> {
        vec![&self.origin]
    }
}

/// The last second that is less than a time.
fn last_second(end: i64) -> i64 {
    end.saturating_sub(1)
}

/// Signs over SHA-256: nobody should make new signatures over SHA-1.
fn sign(signing: &Signing<'_>) -> Result<Vec<String>, Error> {
    let key = PrivateKey::from_pem(signing.key.secret.as_bytes());
    let key = key.map_err(|fault| Error::new(format!("has a bad key: key {fault}")))?;
    let end = signing.expires.saturating_add(1);
    let custom = ["Resource", "DateGreaterThan", "IpAddress"];
    let is_custom = custom.iter().any(|name| signing.claim(name).is_some());
    let mut text = Vec::new();
    if is_custom {
        text = custom_policy(signing, end)?.into_bytes();
    } else {
        let origin = signing.request.message(0).unwrap_or_default();
        let end = end.to_string();
        canned(origin, &signing.url, end.as_bytes(), &mut |piece| {
            text.extend_from_slice(piece)
        });
    }
    let signature = [
        Method::RsaPkcs1(Hash::Sha256),
        Method::EcdsaDer(Hash::Sha256),
    ]
    .into_iter()
    .find_map(|method| key.sign(method, &text));
    let other = || {
        Err(Error::new(
            "the key is neither one of RSA nor of ECDSA on P-256",
        ))
    };
    let signature = signature.unwrap_or_else(other)?;
    let id = signing.key.id.as_ref();
    let id = id.ok_or_else(|| Error::new("a key has an id, its Key-Pair-Id"))?;
    let (policy, expires) = match is_custom {
        true => (encode(&text), String::new()),
        false => (String::new(), end.to_string()),
    };
    Ok(vec![
        encode(&signature),
        policy,
        expires,
        id.clone(),
        "SHA256".to_owned(),
    ])
}

fn custom_policy(signing: &Signing<'_>, end: i64) -> Result<String, Error> {
    let resource = signing
        .claim("Resource")
        .ok_or_else(|| Error::new("a custom policy has a \"Resource\""))?;
    let mut conditions = format!("\"DateLessThan\":{{\"AWS:EpochTime\":{end}}}");
    if let Some(begin) = signing.claim("DateGreaterThan") {
        conditions += &format!(",\"DateGreaterThan\":{{\"AWS:EpochTime\":{begin}}}");
    }
    if let Some(address) = signing.claim("IpAddress") {
        conditions += &format!(",\"IpAddress\":{{\"AWS:SourceIp\":\"{address}\"}}");
    }
    Ok(format!(
        "{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{{conditions}}}}}]}}"
    ))
}
