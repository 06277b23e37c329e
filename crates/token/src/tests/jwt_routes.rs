//! JSON Web Tokens by the secrets of routes.

use super::fake::{Fake, NOW, profile};
use super::jwt_keys::{der, file, hs256, signed};
use crate::keys::may_be_public;
use crate::{Profile, Reason};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const INVALID: Option<Reason> = Some(Reason::Invalid);

fn refused(profile: &Profile, token: &str, key: Option<&str>) -> Option<Reason> {
    let mut request = Fake::new("/").header("Authorization", &format!("Bearer {token}"));
    request.route_keys = vec![key.map(str::to_owned)];
    profile.verify(&request, NOW).refused
}

#[test]
fn the_secret_of_the_route_verifies() {
    let tenants = profile(&["format jwt", "key table=sites name=token"]).unwrap();
    let secret = std::str::from_utf8(SECRET).unwrap();
    // A `kid` is the tenant's own affair.
    for id in [None, Some("token"), Some("any")] {
        let token = signed(id, SECRET, "text", None);
        assert_eq!(refused(&tenants, &token, Some(secret)), None);
        for other in [Some("another"), Some(""), None] {
            assert_eq!(refused(&tenants, &token, other), INVALID);
        }
    }
    let longer = signed(None, SECRET, "text", Some("HS512"));
    assert_eq!(refused(&tenants, &longer, Some(secret)), INVALID);
    let lines = ["format jwt", "algorithm HS512 ES256", "key table=s name=n"];
    let both = profile(&lines).unwrap();
    assert_eq!(refused(&both, &longer, Some(secret)), None);
    let usual = signed(None, SECRET, "text", None);
    assert_eq!(refused(&both, &usual, Some(secret)), INVALID);
    let none = profile(&["format jwt", "algorithm ES256", "key table=s name=n"]).map(|_| ());
    let want = "has a \"key\" with \"table\", which is a secret, and no \"algorithm\" for one";
    assert_eq!(none, Err(want.to_owned()));
}

/// Anybody may know a public key: as a secret it would let everybody in.
#[test]
fn a_public_key_of_a_route_is_no_secret() {
    let tenants = profile(&["format jwt", "key table=sites name=token"]).unwrap();
    for name in ["rsa.pub", "p256.pub", "p384.pub", "p521.pub", "ed25519.pub"] {
        let (pem, bytes) = (String::from_utf8(file(name)).unwrap(), der(name));
        let base64 = data_encoding::BASE64.encode(&bytes);
        let url = data_encoding::BASE64URL_NOPAD.encode(&bytes);
        let hex = data_encoding::HEXLOWER.encode(&bytes);
        for text in [&pem, &base64, &url, &hex, &hex.to_uppercase()] {
            assert!(may_be_public(text.as_bytes()), "{name}: {text}");
            // An attacker signs with what the tenant has published.
            let key = text.trim_end().as_bytes();
            let token = hs256(key);
            assert_eq!(refused(&tenants, &token, Some(text)), INVALID, "{text}");
        }
        assert!(may_be_public(&bytes), "{name}");
    }
    for text in [
        "{\"kty\":\"RSA\",\"n\":\"AA\"}",
        "{\"keys\":[{\"kty\":\"EC\"}]}",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI a@b",
        "AAAAC3NzaC1lZDI1NTE5AAAAIEl0",
        &"x".repeat(1025),
    ] {
        assert!(may_be_public(text.as_bytes()), "{text}");
    }
}

#[test]
fn secrets_are_secrets() {
    let mut random = 1_u64;
    for len in 0..300_usize {
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (random >> 56) as u8
            })
            .collect();
        if bytes.first() == Some(&0x30) || bytes.first() == Some(&4) {
            continue;
        }
        for text in [
            data_encoding::BASE64.encode(&bytes),
            data_encoding::BASE64URL_NOPAD.encode(&bytes),
            data_encoding::HEXLOWER.encode(&bytes),
        ] {
            assert!(!may_be_public(text.as_bytes()), "{text}");
        }
    }
    for text in [
        "",
        "secret",
        "0123456789abcdef0123456789abcdef",
        "MIIsecret",
    ] {
        assert!(!may_be_public(text.as_bytes()), "{text}");
    }
}
