//! Sets of keys as identity providers publish them: what is taken of them, and what is passed over.

use super::fake::NOW;
use super::jwt_keys::{der, file, profile, refused, signed};
use crate::Reason;

/// A member of a JWK with the bytes in base64url.
fn member(name: &str, bytes: &[u8]) -> String {
    let value = data_encoding::BASE64URL_NOPAD.encode(bytes);
    format!("\"{name}\":\"{value}\"")
}

#[test]
fn a_jwk_may_name_every_algorithm() {
    let names = crate::jose::ALGORITHMS.iter().map(|row| row.0);
    let names: Vec<&str> = names.chain(["Ed25519"]).collect();
    assert_eq!(names, crate::keys::JWK_ALGORITHMS);
}

#[test]
fn unusual_keys_of_a_set_are_passed_over() {
    let ed25519 = der("ed25519.pub");
    let x = member("x", &ed25519[ed25519.len() - 32..]);
    let ed25519 = format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",{x},\"kid\":\"ours\"");
    let p256 = der("p256.pub");
    let (x, y) = p256[p256.len() - 64..].split_at(32);
    let (x, y) = (member("x", x), member("y", y));
    let p256 = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",{x},{y},\"kid\":\"ours\"");
    let rsa = |bytes: usize| {
        let n = member("n", &vec![0xff; bytes]);
        format!("{{\"kty\":\"RSA\",{n},\"e\":\"AQAB\",\"kid\":\"ours\"")
    };
    let take = |keys: &str| profile(&[(None, keys.as_bytes(), "jwks")], &[]);
    let by = |key: &str| signed(Some("ours"), &file(key), "pem", None);
    for other in [
        rsa(256) + ",\"alg\":\"RSA-OAEP-256\"}",
        rsa(256) + ",\"alg\":\"RSA-OAEP\",\"use\":\"sig\"}",
        rsa(256) + ",\"use\":\"enc\"}",
        rsa(128) + "}",
        rsa(128) + ",\"alg\":\"RS256\",\"use\":\"sig\"}",
        p256.clone() + ",\"alg\":\"ECDH-ES\"}",
        p256.clone() + ",\"alg\":\"none\"}",
        "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\",\"kid\":\"ours\"}".to_owned(),
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\",\"kid\":\"ours\"}".to_owned(),
        "{}".to_owned(),
        "7".to_owned(),
    ] {
        let alone = take(&format!("{{\"keys\":[{other}]}}")).unwrap_err();
        assert!(alone.contains("has a bad key: key holds "), "{alone}");
        for keys in [
            format!("{other},{ed25519}}}"),
            format!("{ed25519}}},{other}"),
        ] {
            let profile = take(&format!("{{\"keys\":[{keys}]}}")).unwrap();
            assert_eq!(refused(&profile, &by("ed25519")), None, "{keys}");
            assert_eq!(refused(&profile, &by("p256")), Some(Reason::Invalid));
        }
    }
    // Keys of two kinds may have one name (RFC 7517 section 4.5).
    let profile = take(&format!("{{\"keys\":[{ed25519}}},{p256}}}]}}")).unwrap();
    assert_eq!(refused(&profile, &by("ed25519")), None);
    assert_eq!(refused(&profile, &by("p256")), None);
    assert_eq!(refused(&profile, &by("rsa")), Some(Reason::Invalid));
    let twice = take(&format!("{{\"keys\":[{p256}}},{p256}}}]}}")).unwrap_err();
    assert!(
        twice.contains("holds two keys with the kid \"ours\""),
        "{twice}"
    );
    // A broken key is still refused: it may be the one that matters.
    let broken = take(&format!(
        "{{\"keys\":[{ed25519}}},{{\"kty\":\"RSA\",\"n\":\"A\"}}]}}"
    ));
    assert!(broken.unwrap_err().contains("has no good \"n\""));
}

/// A provider has keys for tokens of other algorithms, too; a line without any key that counts is a mistake.
#[test]
fn keys_that_algorithm_leaves_out_are_passed_over() {
    let p256 = der("p256.pub");
    let (x, y) = p256[p256.len() - 64..].split_at(32);
    let (x, y) = (member("x", x), member("y", y));
    let p256 = format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",{x},{y},\"kid\":\"ours\"}}");
    let ed25519 = der("ed25519.pub");
    let x = member("x", &ed25519[ed25519.len() - 32..]);
    let ed25519 = format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",{x},\"kid\":\"theirs\"}}");
    let by = |id: &str, key: &str| signed(Some(id), &file(key), "pem", None);
    for keys in [format!("{p256},{ed25519}"), format!("{ed25519},{p256}")] {
        let keys = format!("{{\"keys\":[{keys}]}}");
        let profile = profile(
            &[(None, keys.as_bytes(), "jwks")],
            &[&["algorithm", "ES256"]],
        );
        let profile = profile.unwrap();
        let (good, other) = (by("ours", "p256"), by("theirs", "ed25519"));
        assert_eq!(refused(&profile, &good), None);
        assert_eq!(refused(&profile, &other), Some(Reason::Invalid));
        let request =
            super::fake::Fake::new("/").header("Authorization", &format!("Bearer {good}"));
        let key = profile.verify(&request, NOW).key.unwrap();
        assert_eq!(profile.key_id(key, |_| None), Some("ours"));
    }
    for lines in [
        vec![(None, ed25519.as_bytes(), "jwks")],
        vec![
            (None, p256.as_bytes(), "jwks"),
            (None, ed25519.as_bytes(), "jwks"),
        ],
    ] {
        assert_eq!(
            profile(&lines, &[&["algorithm", "ES256"]]).unwrap_err(),
            "has a key \"theirs\" that is for none of the algorithms in \"algorithm\""
        );
    }
}

#[test]
fn ed25519_has_two_names() {
    let key = der("ed25519.pub");
    let x = member("x", &key[key.len() - 32..]);
    for alg in ["EdDSA", "Ed25519"] {
        let jwk = format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",{x},\"alg\":\"{alg}\"}}");
        for more in [&[][..], &[&["algorithm", "EdDSA"][..]]] {
            let profile = profile(&[(None, jwk.as_bytes(), "jwks")], more).unwrap();
            for of_token in ["EdDSA", "Ed25519"] {
                let token = ed25519(of_token);
                assert_eq!(refused(&profile, &token), None, "{alg} {of_token}");
            }
            for of_token in ["ed25519", "Ed448", "none", "HS256"] {
                assert_eq!(refused(&profile, &ed25519(of_token)), Some(Reason::Invalid));
            }
        }
    }
    let of_rsa = format!(
        "{{\"kty\":\"RSA\",{},\"e\":\"AQAB\",\"alg\":\"Ed25519\"}}",
        member("n", &[0xff; 256])
    );
    let error = profile(&[(None, of_rsa.as_bytes(), "jwks")], &[]).unwrap_err();
    assert!(error.contains("is not one for its own \"alg\""), "{error}");
}

/// A token by the Ed25519 key with this `alg` in its header.
fn ed25519(alg: &str) -> String {
    let encode = |text: &[u8]| data_encoding::BASE64URL_NOPAD.encode(text);
    let header = format!("{{\"alg\":\"{alg}\"}}");
    let claims = format!("{{\"exp\":{}}}", NOW + 9);
    let text = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let key = crate::signature::PrivateKey::from_pem(&file("ed25519")).unwrap();
    let signature = key.sign(crate::signature::Method::Ed25519, text.as_bytes());
    format!("{text}.{}", encode(&signature.unwrap().unwrap()))
}
