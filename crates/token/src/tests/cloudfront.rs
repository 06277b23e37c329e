//! CloudFront: policies, and what no vector says.

use data_encoding::BASE64;
use proptest::prelude::*;

use super::fake::{Fake, NOW, profile, status};
use crate::signature::{Hash, Method, PrivateKey};
use crate::{Profile, Reason};

const RSA: &str = include_str!("../../../../t/data/keys/rsa.pem");
const PUBLIC: &str = include_str!("../../../../t/data/keys/rsa.pub.pem");
const EC: &str = include_str!("../../../../t/data/keys/p256.pem");
const ORIGIN: &str = "https://a.test";

fn cloudfront(more: &[&str]) -> Profile {
    let key = format!("key id=K1 {PUBLIC}");
    profile(&[&["format cloudfront", key.as_str()], more].concat()).unwrap()
}

fn spelled(raw: &[u8]) -> String {
    let text = BASE64.encode(raw);
    text.replace('+', "-").replace('=', "_").replace('/', "~")
}

/// The signature of a text, made the long way.
fn signature(key: &str, text: &str) -> String {
    let key = PrivateKey::from_pem(key.as_bytes()).unwrap();
    let methods = [
        Method::RsaPkcs1(Hash::Sha256),
        Method::EcdsaDer(Hash::Sha256),
    ];
    let made = methods
        .into_iter()
        .find_map(|method| key.sign(method, text.as_bytes()));
    spelled(&made.unwrap().unwrap())
}

fn canned(url: &str, expires: &str) -> String {
    format!(
        "{{\"Statement\":[{{\"Resource\":\"{url}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{expires}}}}}}}]}}"
    )
}

fn ask(target: &str) -> Option<Reason> {
    let client = Fake::new(target).of_client("192.0.2.1");
    status(&cloudfront(&["from query"]), &client.message(&[ORIGIN]))
}

/// A link to a target with a custom policy.
fn custom(target: &str, policy: &str) -> String {
    let mark = if target.contains('?') { '&' } else { '?' };
    let (text, signed) = (spelled(policy.as_bytes()), signature(RSA, policy));
    format!("{target}{mark}Policy={text}&Signature={signed}&Key-Pair-Id=K1&Hash-Algorithm=SHA256")
}

fn policy(resource: &str, conditions: &str) -> String {
    format!("{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{{conditions}}}}}]}}")
}

const UNTIL: &str = "\"DateLessThan\":{\"AWS:EpochTime\":1700000600}";

#[test]
fn a_canned_policy_is_that_of_the_url() {
    let signed = signature(RSA, &canned("https://a.test/v/1?u=2", "1700000600"));
    let end = format!("Signature={signed}&Key-Pair-Id=K1&Hash-Algorithm=SHA256");
    let link = format!("/v/1?u=2&Expires=1700000600&{end}");
    assert_eq!(ask(&link), None);
    assert_eq!(
        ask(&format!("/v/1?Expires=1700000600&u=2&{end}")),
        None,
        "wherever they stand"
    );
    for (from, to) in [
        ("u=2", "u=3"),
        ("/v/1", "/v/2"),
        ("=1700000600", "=1700000601"),
        ("u=2&", ""),
    ] {
        assert_eq!(ask(&link.replace(from, to)), Some(Reason::Invalid), "{to}");
    }
    for (from, to) in [
        ("Key-Pair-Id=K1", "Key-Pair-Id=K2"),
        ("Hash-Algorithm=SHA256", "Hash-Algorithm=SHA1"),
        ("&Hash-Algorithm=SHA256", ""),
    ] {
        assert_eq!(ask(&link.replace(from, to)), Some(Reason::Invalid), "{to}");
    }
    for (from, to) in [
        ("Key-Pair-Id=K1", "x=1"),
        ("Hash-Algorithm=SHA256", "Hash-Algorithm=MD5"),
        ("Expires=1700000600", "x=1"),
        ("Signature=", "Signature=*"),
        ("__&", "_&"),
        ("__&", "==&"),
        (
            "Expires=1700000600",
            "Expires=1700000600&Expires=1700000600",
        ),
        ("Expires=1700000600", "Expires=1700000600&Policy=e30_"),
    ] {
        assert_eq!(
            ask(&link.replace(from, to)),
            Some(Reason::Malformed),
            "{to}"
        );
    }
    let profile = cloudfront(&["from query"]);
    let at = |now| {
        profile
            .verify(&Fake::new(&link).message(&[ORIGIN]), now)
            .refused
    };
    assert_eq!(
        [at(1_700_000_599), at(1_700_000_600)],
        [None, Some(Reason::Expired)],
        "less than"
    );
}

#[test]
fn what_a_custom_policy_says_is_judged() {
    let wrong_path = Some(Reason::WrongPath);
    for (target, resource, wanted) in [
        ("/v/1.ts", "https://a.test/v/*", None),
        ("/v/1.ts", "https://a.test/v/?.ts", None),
        ("/v/1.ts", "http*://a.test/v/*", None),
        ("/v/1.ts", "*", None),
        ("/v/1.ts", "https:\\/\\/a.test\\/v\\/*", None),
        ("/v/1?u=2", "https://a.test/v/1?u=2", None),
        ("/v/1?u=2", "https://a.test/v/1", wrong_path),
        ("/v/a%20b", "https://a.test/v/a%20b", None),
        ("/v/a%20b", "https://a.test/v/a b", wrong_path),
        ("/w/1.ts", "https://a.test/v/*", wrong_path),
        ("/v/1.ts", "https://b.test/v/*", wrong_path),
        ("/v/%2e%2e/w", "https://a.test/v/*", wrong_path),
        ("/v/../w", "https://a.test/v/*", wrong_path),
        ("/v%2F..%2Fw", "https://a.test/v/*", wrong_path),
        ("/w/../v/1", "https://a.test/v/*", wrong_path),
        ("/v/..;/w", "https://a.test/v/*", wrong_path),
        ("/v//1", "https://a.test/v/*", None),
        ("/w?/v/1", "https://a.test/v/*", wrong_path),
    ] {
        assert_eq!(
            ask(&custom(target, &policy(resource, UNTIL))),
            wanted,
            "{target} {resource}"
        );
    }
    for (more, wanted) in [
        ("\"DateGreaterThan\":{\"AWS:EpochTime\":1699999999}", None),
        (
            "\"DateGreaterThan\":{\"AWS:EpochTime\":1700000001}",
            Some(Reason::NotYetValid),
        ),
        ("\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.0/24\"}", None),
        (
            "\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.2/32\"}",
            Some(Reason::WrongIp),
        ),
        ("\"IpAddress\":{\"AWS:SourceIp\":\"0.0.0.0/0\"}", None),
    ] {
        let conditions = format!("{UNTIL}, {more}");
        assert_eq!(
            ask(&custom("/v/1", &policy("*", &conditions))),
            wanted,
            "{more}"
        );
    }
    let over = policy("*", "\"DateLessThan\":{\"AWS:EpochTime\":1700000000}");
    assert_eq!(ask(&custom("/v/1", &over)), Some(Reason::Expired));
}

#[test]
fn what_nobody_would_look_at_is_malformed() {
    let good = policy("*", UNTIL);
    for policy in [
        "{}".to_owned(),
        "[]".to_owned(),
        "{\"Statement\":[]}".to_owned(),
        good.replace("}]}", "},{}]}"),
        good.replace("{\"Statement\"", "{\"Version\":1,\"Statement\""),
        good.replace("\"Resource\"", "\"Resources\""),
        good.replace("\"Resource\":\"*\",", ""),
        good.replace("\"Resource\":\"*\"", "\"Resource\":[\"*\"]"),
        good.replace("\"Resource\"", "\"Resource\":\"x\",\"Resource\""),
        good.replace("1700000600", "\"1700000600\""),
        good.replace("1700000600", "1700000600.5"),
        good.replace("1700000600", "1e9"),
        good.replace("1700000600", "-1"),
        good.replace("1700000600", "99999999999999999999"),
        good.replace("DateLessThan", "DateGreaterThan"),
        good.replace(UNTIL, ""),
        good.replace(UNTIL, &format!("{UNTIL},\"StringLike\":{{\"x\":\"y\"}}")),
        good.replace("AWS:EpochTime", "AWS:Epoch"),
        format!("{good} x"),
        good.replace("]}", "]"),
        "[".repeat(2000),
    ] {
        assert_eq!(
            ask(&custom("/v/1", &policy)),
            Some(Reason::Malformed),
            "{policy:.200}"
        );
        // Who has no key learns nothing of it.
        let forged = custom("/v/1", &policy).replace("&Signature=", "&Signature=AAAA");
        assert_eq!(ask(&forged), Some(Reason::Invalid));
    }
    assert_eq!(ask(&custom("/v/1", &good)), None);
}

#[test]
fn cookies_and_curves() {
    let text = policy("https://a.test/v/*", UNTIL);
    let key = format!("key id=KEC {EC}");
    let both = cloudfront(&["from cookie", key.as_str()]);
    for (id, key, wanted) in [
        ("K1", RSA, None),
        ("KEC", EC, None),
        ("K1", EC, Some(Reason::Invalid)),
        ("KEC", RSA, Some(Reason::Invalid)),
    ] {
        let cookie = format!(
            "CloudFront-Policy={}; CloudFront-Signature={}; CloudFront-Key-Pair-Id={id}; CloudFront-Hash-Algorithm=SHA256",
            spelled(text.as_bytes()),
            signature(key, &text)
        );
        let rx = Fake::new("/v/1").cookie(&cookie).message(&[ORIGIN]);
        assert_eq!(status(&both, &rx), wanted, "{id}");
    }
}

#[test]
fn keys_are_public_ones_with_an_id() {
    let without = format!("key {PUBLIC}");
    let error = profile(&["format cloudfront", &without]).unwrap_err();
    assert!(error.contains("without \"id\""), "{error}");
    let curve = include_str!("../../../../t/data/keys/p384.pub.pem");
    for bad in ["secret", curve] {
        let key = format!("key id=K1 {bad}");
        let error = profile(&["format cloudfront", &key]).unwrap_err();
        assert!(error.starts_with("has a bad key: key "), "{error}");
    }
}

proptest! {
    #[test]
    fn no_changed_policy_is_accepted(at: prop::sample::Index, by in 1u8..=255) {
        let text = policy("https://a.test/v/*", UNTIL);
        let mut other = text.clone().into_bytes();
        let place = at.index(other.len());
        other[place] = other[place].wrapping_add(by);
        let link = custom("/v/1", &text).replace(&spelled(text.as_bytes()), &spelled(&other));
        prop_assert_eq!(ask(&link), Some(Reason::Invalid));
        prop_assert_eq!(NOW, 1_700_000_000);
    }
}
