//! The keys of JSON Web Tokens: which are taken, and which token each of them verifies.

use std::collections::BTreeMap;

use super::fake::{Fake, NOW};
use crate::{Key, KeyEncoding, Profile, ProfileBuilder, Reason, Secret, Wanted};

pub(super) fn file(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/keys");
    std::fs::read(format!("{path}/{name}.pem")).unwrap()
}

/// `id`, bytes and encoding of a `key` line.
pub(super) type Line<'k> = (Option<&'k str>, &'k [u8], &'k str);

pub(super) fn profile(lines: &[Line<'_>], more: &[&[&str]]) -> Result<Profile, String> {
    struct NoHost;
    impl crate::Host for NoHost {
        fn seconds(&self, _: &str) -> Option<u64> {
            None
        }
        fn key_file(&self, path: &str) -> Result<(String, Secret), crate::Error> {
            Err(crate::Error::new(path))
        }
        fn warn(&self, _: &str) {}
    }
    let mut builder = ProfileBuilder::new();
    builder.line("format", &["jwt"], &NoHost).unwrap();
    for line in more {
        let done = builder.line(line[0], &line[1..], &NoHost);
        done.map_err(|error| format!("{error:?}"))?;
    }
    for (id, bytes, encoding) in lines {
        let bytes = Secret::new(bytes.to_vec());
        let done = builder.key("key", *id, bytes, Some(encoding));
        done.map_err(|error| error.to_string())?;
    }
    builder.finish().map_err(|error| error.to_string())
}

/// A token by the first key of a file.
pub(super) fn signed(
    id: Option<&str>,
    bytes: &[u8],
    encoding: &str,
    algorithm: Option<&str>,
) -> String {
    let more: Vec<[&str; 2]> = algorithm
        .into_iter()
        .map(|name| ["algorithm", name])
        .collect();
    let more: Vec<&[&str]> = more.iter().map(<[&str; 2]>::as_slice).collect();
    let profile = profile(&[(id, bytes, encoding)], &more).unwrap();
    let encoding = KeyEncoding::parse(encoding).unwrap();
    let key = Key::read(bytes, encoding, id).unwrap().remove(0);
    let claims = [("sub".to_owned(), "a \"b\"\n".to_owned())];
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 60,
        claims: &claims,
    };
    let signed = profile.sign(&key, &Fake::new("/"), &wanted);
    signed.unwrap().values.remove(0)
}

pub(super) fn refused(profile: &Profile, token: &str) -> Option<Reason> {
    let request = Fake::new("/").header("Authorization", &format!("Bearer {token}"));
    profile.verify(&request, NOW).refused
}

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Each algorithm, and the keys for it.
const ALGORITHMS: &[(&str, &str)] = &[
    ("RS256", "rsa"),
    ("RS384", "rsa"),
    ("RS512", "rsa"),
    ("PS256", "rsa"),
    ("PS384", "rsa"),
    ("PS512", "rsa"),
    ("ES256", "p256"),
    ("ES384", "p384"),
    ("ES512", "p521"),
    ("EdDSA", "ed25519"),
    ("HS256", ""),
    ("HS384", ""),
    ("HS512", ""),
];

/// The private and the public key of a name, as `key` lines have them.
fn pair(name: &str) -> (Vec<u8>, Vec<u8>, &'static str) {
    if name.is_empty() {
        return (SECRET.to_vec(), SECRET.to_vec(), "text");
    }
    (file(name), file(&format!("{name}.pub")), "pem")
}

#[test]
fn every_algorithm_is_that_of_its_key_and_no_other() {
    let mut tokens = BTreeMap::new();
    for (algorithm, name) in ALGORITHMS {
        let (private, _, encoding) = pair(name);
        tokens.insert(
            *algorithm,
            signed(None, &private, encoding, Some(algorithm)),
        );
    }
    for (algorithm, name) in ALGORITHMS {
        let (_, public, encoding) = pair(name);
        let one = profile(&[(None, &public, encoding)], &[&["algorithm", algorithm]]).unwrap();
        let usual = profile(&[(None, &public, encoding)], &[]).unwrap();
        for (by, token) in &tokens {
            let wanted = (by != algorithm).then_some(Reason::Invalid);
            assert_eq!(refused(&one, token), wanted, "{by} at {algorithm}");
            let is_usual = ["RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"].contains(by);
            let of_this = ALGORITHMS.iter().any(|row| row.0 == *by && row.1 == *name);
            let wanted = (!is_usual || !of_this).then_some(Reason::Invalid);
            assert_eq!(
                refused(&usual, token),
                wanted,
                "{by} at the usual of {name:?}"
            );
        }
    }
    let (_, public, _) = pair("rsa");
    let both = profile(
        &[(None, &public, "pem")],
        &[&["algorithm", "PS384", "RS512", "HS256"]],
    )
    .unwrap();
    for (by, token) in &tokens {
        let wanted = (!["PS384", "RS512"].contains(by)).then_some(Reason::Invalid);
        assert_eq!(refused(&both, token), wanted, "{by}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let public = file("rsa.pub");
    let profile_of_public = profile(&[(None, &public, "pem")], &[]).unwrap();
    let without_newline = public.strip_suffix(b"\n").unwrap();
    let body: Vec<u8> = public
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"-"))
        .flatten()
        .copied()
        .collect();
    let der = data_encoding::BASE64.decode(&body).unwrap();
    for secret in [public.as_slice(), without_newline, &body, &der] {
        // As an attacker makes them, who has the public key.
        let forged = super::jwt_keys::hs256(secret);
        assert_eq!(refused(&profile_of_public, &forged), Some(Reason::Invalid));
    }
    for text in [
        public.as_slice(),
        br#"{"kty":"oct","k":"AA"}"#,
        br#"{"keys":[]}"#,
    ] {
        let error = profile(&[(None, text, "text")], &[]).unwrap_err();
        assert!(error.contains("give its line \"encoding="), "{error}");
    }
}

/// The DER of a PEM file.
pub(super) fn der(name: &str) -> Vec<u8> {
    let text = String::from_utf8(file(name)).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    data_encoding::BASE64.decode(body.as_bytes()).unwrap()
}

#[test]
fn a_public_key_without_armour_is_no_secret() {
    use data_encoding::{BASE64, BASE64_MIME, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
    let names = [
        "rsa.pub",
        "rsa.pkcs1.pub",
        "rsa.crt",
        "weak.pub",
        "k1.pub",
        "p256.pub",
        "p384.pub",
        "p521.pub",
        "ed25519.pub",
    ];
    let is_refused = |name: &str, bytes: &[u8], encoding: &str| {
        let error = profile(&[(None, bytes, encoding)], &[]).err();
        let error = error.unwrap_or_default();
        let wanted = "is no secret but the text of a key: give its line \"encoding=";
        assert!(error.contains(wanted), "{name} {encoding}: {error:?}");
    };
    let colons = |der: &[u8]| {
        let bytes: Vec<String> = der.iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    };
    for name in names {
        let der = der(name);
        let base64 = BASE64.encode(&der);
        for text in [
            base64.clone(),
            format!("{base64}\n\n"),
            format!(" {base64}"),
            base64.trim_end_matches('=').to_owned(),
            BASE64_MIME.encode(&der),
            BASE64URL.encode(&der),
            BASE64URL_NOPAD.encode(&der),
            HEXLOWER.encode(&der),
            HEXUPPER.encode(&der) + "\n\n",
            colons(&der),
            BASE64.encode(&file(name)),
            BASE64.encode(base64.as_bytes()),
        ] {
            is_refused(name, text.as_bytes(), "text");
        }
        is_refused(name, base64.as_bytes(), "base64");
        is_refused(name, BASE64URL.encode(&der).as_bytes(), "base64url");
        is_refused(name, HEXLOWER.encode(&der).as_bytes(), "hex");
        is_refused(name, &der, "text");
        is_refused(name, &[&der[..], b"\r\n\n"].concat(), "text");
        let jwk = format!(
            "{{\"kty\":\"oct\",\"k\":\"{}\"}}",
            BASE64URL_NOPAD.encode(&der)
        );
        is_refused(name, jwk.as_bytes(), "jwks");
    }
    // A key file loses a newline at its end, and a key may end so by chance.
    let mut ends_so = der("rsa.crt");
    *ends_so.last_mut().unwrap() = b'\n';
    is_refused("cut", &ends_so, "text");
    let point = |name: &str, len: usize| der(name)[der(name).len() - len..].to_vec();
    for (name, len) in [("p256.pub", 65), ("p384.pub", 97), ("p521.pub", 133)] {
        is_refused(name, BASE64.encode(&point(name, len)).as_bytes(), "base64");
    }
    for text in [
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 me@example",
        "AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUDtaDq2z4uGVhxF8zWQ5bWcZ4v1xSYJLZmJsDcq",
        "-----BEGIN PUBLIC KEY-----\\nMIIB\\n",
        "eyJrdHkiOiJSU0EiLCJuIjoiQUFBQSJ9",
    ] {
        is_refused("", text.as_bytes(), "text");
    }
    for secret in [
        &b"0123456789abcdef0123456789abcdef"[..],
        b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        b"0\x1e\x02\x01xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b"ssh-secret-of-the-edge-0123456789abcdef",
        b"04c0ffee04c0ffee04c0ffee04c0ffee04c0ffee04c0ffee04c0ffee04c0ffee04",
        &[0x30; 48],
    ] {
        assert!(
            profile(&[(None, secret, "text")], &[]).is_ok(),
            "{secret:?}"
        );
    }
}

/// A token by HS256, made another way than by the code that is tested.
pub(super) fn hs256(secret: &[u8]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let encode = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let claims = format!("{{\"exp\":{}}}", NOW + 9);
    let text = format!("{}.{}", encode("{\"alg\":\"HS256\"}"), encode(&claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    let mac = mac.finalize().into_bytes();
    format!("{text}.{}", data_encoding::BASE64URL_NOPAD.encode(&mac))
}

#[test]
fn a_kid_chooses_the_key() {
    let jwks = br#"{"keys":[
        {"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
        {"kty":"oct","kid":"b","k":"YWJjZGVmYWJjZGVmYWJjZGVmYWJjZGVmYWJjZGVmYWI"},
        {"kty":"oct","k":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"}]}"#;
    let profile = profile(&[(None, jwks, "jwks")], &[]).unwrap();
    let of =
        |kid: Option<&str>, secret: &[u8]| refused(&profile, &signed(kid, secret, "text", None));
    let (a, b, c) = (
        b"0123456789abcdef0123456789abcdef",
        b"abcdefabcdefabcdefabcdefabcdefab",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    );
    assert_eq!(of(Some("a"), a), None);
    assert_eq!(of(Some("b"), b), None);
    assert_eq!(of(Some("a"), b), Some(Reason::Invalid), "another one's kid");
    assert_eq!(of(Some("z"), a), Some(Reason::Invalid), "unknown");
    for secret in [a, b, c] {
        assert_eq!(of(None, secret), None, "without a kid every key is tried");
    }
    assert_eq!(of(Some("z"), c), None, "a key without a name has no say");
    let request = |token: &str| Fake::new("/").header("Authorization", &format!("Bearer {token}"));
    let verdict = profile.verify(&request(&signed(Some("b"), b, "text", None)), NOW);
    assert_eq!(
        verdict.key.and_then(|key| profile.key_id(key, |_| None)),
        Some("b")
    );
}

#[test]
fn key_files_that_are_refused() {
    let refused =
        |text: &str, encoding: &str| match profile(&[(None, text.as_bytes(), encoding)], &[]) {
            Ok(_) => "taken".to_owned(),
            Err(error) => error,
        };
    let n = "y".repeat(341) + "w";
    for (text, wanted) in [
        ("", "key is empty in \"key\" directive"),
        ("x", "key is not jwks in \"key\" directive"),
        ("{}", "has a bad key: key holds no key for signatures"),
        ("[]", "has a bad key: key holds no key for signatures"),
        (
            "{\"keys\":[]}",
            "has a bad key: key holds no key for signatures",
        ),
        (
            "{\"keys\":{}}",
            "has a bad key: key holds no key for signatures",
        ),
        (
            "{\"kty\":\"oct\",\"k\":\"\"}",
            "has a bad key: key holds a key that is empty",
        ),
        (
            "{\"kty\":\"oct\"}",
            "has a bad key: key holds a key that has no good \"k\"",
        ),
        (
            "{\"kty\":\"oct\",\"k\":\"A=\"}",
            "has a bad key: key holds a key that has no good \"k\"",
        ),
        (
            "{\"kty\":\"oct\",\"k\":\"AA\"}",
            "has a key that is shorter than the hash of HS256",
        ),
        (
            "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AA\"}",
            "has a key \"a\" that is shorter than the hash of HS256",
        ),
        (
            "{\"kty\":\"oct\",\"k\":\"AA\",\"use\":\"enc\"}",
            "has a bad key: key holds no key for signatures",
        ),
        (
            "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
            "has a bad key: key holds a key that is an RSA key of 17 bits, it must have 2048 to 8192",
        ),
        (
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
            "has a bad key: key holds a key that has no good \"x\"",
        ),
        (
            "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
            "has a bad key: key holds no key for signatures",
        ),
        (
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
            "has a bad key: key holds a key that has no good \"x\"",
        ),
        (
            "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
            "has a bad key: key holds no key for signatures",
        ),
    ] {
        assert_eq!(refused(text, "jwks"), wanted, "{text}");
    }
    let with = |e: &str, more: &str| {
        refused(
            &format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\"{more}}}"),
            "jwks",
        )
    };
    assert_eq!(with("AQAB", ""), "taken");
    assert_eq!(
        with("AQ", ""),
        "has a bad key: key holds a key that is no RSA key"
    );
    assert_eq!(
        with("AQAB", ",\"alg\":\"RSA-OAEP\""),
        "has a bad key: key holds no key for signatures"
    );
    assert_eq!(
        with("AQAB", ",\"alg\":\"HS256\""),
        "has a key that is not one for its own \"alg\", \"HS256\""
    );
    assert_eq!(
        with("AQAB", ",\"alg\":7"),
        "has a bad key: key holds a key that has no good \"alg\""
    );
    let weak = String::from_utf8(file("weak.pub")).unwrap();
    assert_eq!(
        refused(&weak, "pem"),
        "has a bad key: key is an RSA key of 1024 bits, it must have 2048 to 8192"
    );
    assert_eq!(refused("x", "pem"), "key is not pem in \"key\" directive");
    let public = file("p256.pub");
    let error = profile(
        &[(None, &public, "pem")],
        &[&["algorithm", "RS256", "HS256"]],
    )
    .unwrap_err();
    assert_eq!(
        error,
        "has a key that is for none of the algorithms in \"algorithm\""
    );
    let set = br#"{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}"#;
    let error = profile(&[(Some("b"), set, "jwks")], &[]).unwrap_err();
    assert!(error.contains("named by their \"kid\""), "{error}");
}

#[test]
fn the_algorithms_of_a_jwt_block_are_listed_alone() {
    let legal = "it must be \"HS256\", \"HS384\", \"HS512\", \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"ES512\" or \"EdDSA\"";
    let error = profile(&[], &[&["algorithm", "none"]]).err().unwrap();
    let text = format!("unknown algorithm \"none\" in \"algorithm\" directive, {legal}");
    assert!(error.contains(&format!("{text:?}")), "{error}");
    let error = profile(&[(None, SECRET, "text")], &[&["algorithm", "sha256"]])
        .err()
        .unwrap();
    assert!(
        error.contains("no such algorithm") && error.ends_with(legal),
        "{error}"
    );
}

#[test]
fn other_formats_take_no_public_key() {
    let public = String::from_utf8(file("rsa.pub")).unwrap();
    for scheme in crate::SCHEMES
        .iter()
        .filter(|one| one.has_tokens() && !one.takes("jwks"))
    {
        let mut builder = ProfileBuilder::with_scheme(scheme);
        builder
            .key("key", None, Secret::new(public.clone().into()), Some("pem"))
            .unwrap();
        let error = builder.finish().map(|_| ()).unwrap_err().to_string();
        let lacks_message = error.contains("has no \"");
        assert!(
            lacks_message || error.contains("\"encoding=pem\", its format takes none"),
            "{error}"
        );
    }
}

#[test]
fn doubts() {
    let doubts = |bytes: &[u8], encoding: &str| {
        let doubts = profile(&[(None, bytes, encoding)], &[]).unwrap().doubts();
        doubts
            .iter()
            .map(|one| (one.word, one.text))
            .collect::<Vec<_>>()
    };
    assert!(doubts(&SECRET[..32], "text").is_empty());
    assert!(
        doubts(&SECRET[..31], "text")[0]
            .1
            .contains("shorter than the hash")
    );
    assert!(doubts(&file("rsa.pub"), "pem").is_empty());
    assert!(doubts(&file("rsa"), "pem")[0].1.contains("private key"));
}
