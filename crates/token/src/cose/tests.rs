//! The examples of RFC 8392 and those of the COSE working group, with their own keys.

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{Message, algorithms};
use crate::jose::Keys;
use crate::{Key, KeyEncoding};

/// Good there, refused here, and why.
const STRICTER: &[(&str, &str)] = &[
    ("CWT/A_4", "a MAC of 64 bits"),
    ("CWT/A_7", "a MAC of 64 bits"),
    ("hmac-examples/HMac-enc-05", "a MAC of 64 bits"),
    ("mac0-tests/mac-pass-01", "nobody has signed the algorithm"),
    ("mac0-tests/mac-pass-02", "nobody has signed the algorithm"),
    ("mac0-tests/mac-pass-03", "nobody has signed the algorithm"),
    (
        "sign1-tests/sign-pass-01",
        "nobody has signed the algorithm",
    ),
    (
        "sign1-tests/sign-pass-02",
        "signed with text that no token has",
    ),
    ("ecdsa-examples/ecdsa-sig-04", "the hash of another curve"),
];

fn examples() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/cose.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bytes(example: &Value, member: &str) -> Vec<u8> {
    HEXLOWER
        .decode(example[member].as_str().unwrap().as_bytes())
        .unwrap()
}

/// A key for all its algorithms. A secret may be shorter than one in a JWK has to be.
fn keys(key: &Value) -> Keys {
    let (text, encoding) = match key["k"].as_str() {
        Some(secret) => (secret.to_owned(), KeyEncoding::Base64Url),
        None => (key.to_string(), KeyEncoding::Jwks),
    };
    let keys = Key::read(text.as_bytes(), encoding, None).unwrap();
    Keys::prepare([keys.as_slice()].into_iter(), &algorithms(), &algorithms()).unwrap()
}

fn signed(message: &Message<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    message.signed(&mut |piece| text.extend_from_slice(piece));
    assert!(text.len() <= message.most_signed());
    text
}

fn verifies(keys: &Keys, token: &[u8]) -> bool {
    Message::read(token).is_some_and(|message| {
        let named = |id: &str| message.kid.map(|kid| kid == id.as_bytes());
        let algorithm = message.algorithm.name().as_bytes();
        let found = keys.find(
            algorithm,
            named,
            &signed(&message),
            message.signature,
            || (),
        );
        found.is_ok()
    })
}

#[test]
fn examples_of_the_working_group() {
    let (mut good, mut bad) = (0, 0);
    for example in examples() {
        let name = example["name"].as_str().unwrap();
        let token = bytes(&example, "cbor");
        let wanted = example["fail"] == false && !STRICTER.iter().any(|row| row.0 == name);
        let keys = keys(&example["key"]);
        assert_eq!(verifies(&keys, &token), wanted, "{name}");
        if !wanted {
            bad += 1;
            continue;
        }
        good += 1;
        let message = Message::read(&token).unwrap();
        let of_example = bytes(&example, "signed");
        assert!(
            of_example.is_empty() || of_example == signed(&message),
            "{name}"
        );
        // Another bit anywhere, and it is none.
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut other = token.clone();
                other[at] ^= 1 << bit;
                assert!(!verifies(&keys, &other), "{name} {at} {bit}");
            }
        }
        // Nor is a part of it, or more.
        for len in 0..token.len() {
            assert!(Message::read(&token[..len]).is_none(), "{name} {len}");
        }
        assert!(
            Message::read(&[&token[..], &[0]].concat()).is_none(),
            "{name}"
        );
    }
    assert_eq!((good, bad), (10, 22));
}

#[test]
fn envelopes() {
    let example = |name: &str| {
        let all = examples();
        let found = all.iter().find(|one| one["name"] == name).unwrap();
        HEXLOWER.encode(&bytes(found, "cbor"))
    };
    let reads = |hex: &str| Message::read(&HEXLOWER.decode(hex.as_bytes()).unwrap()).is_some();
    let mac = example("hmac-examples/HMac-enc-01");
    let body = mac.strip_prefix("d18443a10105a0").unwrap();
    let with = |head: &str| format!("{head}{body}");
    for (head, why) in [
        ("d18443a10105a0", "tagged"),
        ("8443a10105a0", "without a tag"),
        ("d83dd18443a10105a0", "as a CBOR Web Token"),
        ("d18443a10105a1044161", "the name of a key"),
        ("d18446a20105044161a0", "the same, signed"),
        (
            "d18445a201050300a0",
            "a signed header that says nothing to us",
        ),
    ] {
        assert!(reads(&with(head)), "{why}");
    }
    for (head, why) in [
        ("d28443a10105a0", "a MAC that is said to be a signature"),
        ("d18443a10126a0", "a signature that is said to be a MAC"),
        ("d83d8443a10105a0", "a CBOR Web Token that is nothing"),
        ("d83dd83dd18443a10105a0", "twice a CBOR Web Token"),
        ("d83d8443a10105a0", "a CBOR Web Token of no kind"),
        ("d1d18443a10105a0", "twice a MAC"),
        ("d0d18443a10105a0", "a tag of something else"),
        ("d8118443a10105a0", "a tag that is longer than it is"),
        ("d8628443a10105a0", "many signatures"),
        ("d1980443a10105a0", "a length that is longer than it is"),
        ("d1845803a10105a0", "a length that is longer than it is"),
        ("d19f43a10105a0", "no length"),
        ("d18343a10105a0", "another length"),
        ("d18440a0", "no algorithm"),
        ("d18441a0a0", "no algorithm"),
        ("d18443a10104a0", "a MAC that is cut"),
        ("d18446a10165484d4143a0", "an algorithm in letters"),
        ("d18443a10100a0", "an unknown algorithm"),
        ("d18446a2010501 05a0", "twice an algorithm"),
        ("d18444a1018105a0", "more than one algorithm"),
        ("d18446a2010502810aa0", "something critical"),
        ("d18443a10105a10105", "an algorithm that nobody signed"),
        ("d18443a10105a10540", "a header that nobody signed"),
        (
            "d18443a10105a2044161054162",
            "a header beside the key's name",
        ),
        ("d18443a10105a1046161", "a name that is a text"),
        ("d18443a10105a104580161", "a name that is longer than it is"),
        (
            "d18443a10105a118044161",
            "a label that is longer than it is",
        ),
        ("d18446a20105044161a1044161", "two names"),
        ("d18443a10105bfff", "no length"),
        ("d18443a1010580", "a header that is no map"),
        ("d18443a10105f6", "no header"),
        ("d1844381010 5a0", "a header that is no map"),
    ] {
        assert!(!reads(&with(head).replace(' ', "")), "{why}");
    }
    // The payload somewhere else.
    assert!(!reads(&with("d18443a10105a0").replace(&body[..42], "f6")));
    assert!(!reads(""));
}
