//! The seam, shown with a scheme that no vendor has: three values, keys chosen by the token, and claims of
//! every kind, all judged by the profile.

use ::hmac::{Hmac, KeyInit, Mac};
use data_encoding::HEXLOWER;
use sha2::Sha256;

use super::fake::{Fake, NOW};
use crate::claims::{Claims, Paths};
use crate::error::Error;
use crate::keys::{Key, KeyEncoding, KeyRing};
use crate::request::{Presented, RequestView};
use crate::scheme::{Carrier, Repeated, Scheme, Signing, Verifier, VerifierConfig};
use crate::text::Text;
use crate::{Profile, ProfileBuilder, Reason, Secret, mac};

const fn carrier(role: &'static str, query: &'static str) -> Carrier {
    Carrier {
        role,
        query: Some(query),
        cookie: Some(query),
        header: None,
        required: true,
    }
}

/// `sig` is found first; it signs `policy` with the key that `kid` names.
static SCHEME: Scheme = Scheme {
    name: "three_values",
    carriers: &[
        carrier("signature", "sig"),
        carrier("policy", "policy"),
        carrier("key id", "kid"),
    ],
    places: &["query", "cookie"],
    joined: 1,
    repeated: Repeated::Malformed,
    options: &[],
    key_encoding: KeyEncoding::Hex,
    always_expires: false,
    requires_exp: false,
    claims_address: true,
    statuses: &[(Reason::Expired, 410)],
    form: "three values",
    example: &[],
    path: None,
    build,
    sign,
    ..Scheme::USUAL
};

/// A key that is parsed once, as a public key would be.
struct Prepared {
    id: String,
    mac: Hmac<Sha256>,
}

struct ThreeValues {
    keys: KeyRing<Prepared>,
}

fn prepare(key: &Key) -> Result<Prepared, Error> {
    let id = key.id.clone();
    Ok(Prepared {
        id: id.ok_or_else(|| Error::new("has a key without \"id\""))?,
        mac: Hmac::new_from_slice(key.secret.as_bytes()).unwrap(),
    })
}

fn build(config: &VerifierConfig<'_>) -> Result<Box<dyn Verifier>, Error> {
    let keys = KeyRing::prepare(config.keys, prepare)?;
    Ok(Box::new(ThreeValues { keys }))
}

fn sign(_: &Signing<'_>) -> Result<Vec<String>, Error> {
    Err(Error::new("signs nothing"))
}

impl Verifier for ThreeValues {
    fn verify<'r>(
        &self,
        token: &Presented<'r>,
        _: &'r dyn RequestView,
        claims: &mut Claims<'r>,
    ) -> Result<(), Reason> {
        let (Some(policy), Some(id)) = (token.value(1), token.value(2)) else {
            return Err(Reason::Malformed);
        };
        let signature = HEXLOWER.decode(token.token());
        let signature = signature.map_err(|_| Reason::Malformed)?;
        claims.key = self.keys.find(|key| {
            let mac = key.mac.clone().chain_update(policy).finalize();
            key.id.as_bytes() == id && mac::same(&mac.into_bytes(), &signature)
        })?;
        for field in policy.split(|byte| *byte == b'~') {
            let number = || mac::parse_epoch(field.get(4..).unwrap_or_default());
            match field.get(..4) {
                Some(b"exp:") => claims.expires = number(),
                Some(b"nbf:") => claims.not_before = number(),
                Some(b"ips:") => claims.addresses = field.get(4..).map(Text::Plain),
                Some(b"acl:") => {
                    claims.paths = field.get(4..).map(|patterns| Paths::Patterns {
                        patterns,
                        separators: b"!",
                    });
                }
                _ => return Err(Reason::Malformed),
            }
        }
        Ok(())
    }

    fn identify(
        &self,
        token: &Presented<'_>,
        _: &dyn RequestView,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        sink(token.value(1)?);
        Some(())
    }

    fn signed_text(&self, token: &Presented<'_>, _: &dyn RequestView) -> Vec<u8> {
        token.value(1).unwrap_or_default().to_vec()
    }

    fn signs_target(&self) -> bool {
        false
    }
}

fn profile(leeway: i64, require_exp: bool) -> Profile {
    let mut builder = ProfileBuilder::with_scheme(&SCHEME);
    builder.terms(leeway, require_exp);
    for (id, key) in [("a", "6b31"), ("b", "6b32")] {
        let key = Secret::new(key.into());
        builder.key("key", Some(id), key, None).unwrap();
    }
    builder.finish().unwrap()
}

fn token(key: &str, policy: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(policy.as_bytes());
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn request(policy: &str, id: &str) -> Fake {
    let signature = token(if id == "a" { "k1" } else { "k2" }, policy);
    let mut request = Fake::new(&format!("/v?sig={signature}&policy={policy}&kid={id}"));
    request.path = Some(b"/v/1.ts".to_vec());
    request.address = Some("192.0.2.7".parse().unwrap());
    request
}

fn reason(policy: &str) -> Option<Reason> {
    profile(0, false).verify(&request(policy, "b"), NOW).refused
}

#[test]
fn three_arguments_are_one_token() {
    let good = request("exp:1700000600", "b");
    let verdict = profile(0, false).verify(&good, NOW);
    assert_eq!(verdict.refused, None);
    assert_eq!((verdict.key, verdict.expires), (Some(1), Some(NOW + 600)));
    let profile = profile(0, false);
    assert_eq!(profile.carriers().args, ["sig", "policy", "kid"]);
    let changed = |from: &str, to: &str| {
        let target = String::from_utf8(good.target.clone()).unwrap();
        let changed = Fake::new(&target.replace(from, to));
        profile.verify(&changed, NOW).as_str()
    };
    assert_eq!(changed("kid=b", "kid=a"), "invalid");
    assert_eq!(changed("exp:1700000600", "exp:1700000601"), "invalid");
    assert_eq!(changed("&kid=b", ""), "malformed");
    assert_eq!(changed("&kid=b", "&kid=b&kid=b"), "malformed");
    assert_eq!(changed("sig=", "sigs="), "missing");
    let cookie = Fake::new("/v").cookie(&format!(
        "policy=exp:1700000600; kid=a; sig={}",
        token("k1", "exp:1700000600")
    ));
    assert!(profile.verify(&cookie, NOW).is_ok());
}

#[test]
fn claims_are_judged_in_the_profile() {
    for (policy, wanted) in [
        ("exp:1700000000", None),
        ("exp:1699999999", Some(Reason::Expired)),
        ("nbf:1700000000", None),
        ("nbf:1700000001", Some(Reason::NotYetValid)),
        ("ips:192.0.2.0/24", None),
        ("ips:192.0.3.0/24,192.0.2.8", Some(Reason::WrongIp)),
        ("acl:/x/*!/v/*", None),
        ("acl:/x/*!/v/?", Some(Reason::WrongPath)),
        // One order of reasons for all schemes.
        ("exp:1~nbf:1700000001~ips:~acl:", Some(Reason::Expired)),
        ("nbf:1700000001~ips:~acl:", Some(Reason::NotYetValid)),
        ("ips:~acl:", Some(Reason::WrongIp)),
        ("what", Some(Reason::Malformed)),
    ] {
        assert_eq!(reason(policy), wanted, "{policy}");
    }
    let nobody = Fake {
        address: None,
        ..request("ips:0.0.0.0/0", "a")
    };
    let refused = profile(0, false).verify(&nobody, NOW).refused;
    assert_eq!(
        refused,
        Some(Reason::WrongIp),
        "a unix socket has no address"
    );
    let refused = |leeway, require_exp, policy: &str| {
        let profile = profile(leeway, require_exp);
        profile.verify(&request(policy, "a"), NOW).refused
    };
    assert_eq!(refused(5, false, "exp:1699999995~nbf:1700000005"), None);
    assert_eq!(refused(4, false, "exp:1699999995"), Some(Reason::Expired));
    assert_eq!(
        refused(4, false, "nbf:1700000005"),
        Some(Reason::NotYetValid)
    );
    assert_eq!(refused(0, true, "nbf:1"), Some(Reason::Malformed));
}
