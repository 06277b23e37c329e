//! Project Wycheproof's vectors of JSON Web Signatures: whatever they call invalid is refused. Their payloads are no
//! claims, so that the way up to the payload is what is tested.

use serde_json::Value;

use crate::jose::{ALGORITHMS, Jws, Keys};
use crate::{Key, KeyEncoding};

/// Valid there, refused here: the number, and why.
const STRICTER: &[(&str, u64, &str)] = &[
    (
        "json_web_signature",
        346,
        "a key for PS256, a token by PS384",
    ),
    (
        "json_web_signature",
        347,
        "a key for \"ES521\", which does not exist",
    ),
    (
        "json_web_signature",
        350,
        "a key for PS256, a token by PS384",
    ),
    (
        "json_web_signature",
        351,
        "a key for \"ES521\", which does not exist",
    ),
    ("json_web_signature", 372, "a \"?\" in base64url"),
    ("json_web_signature", 373, "a \"?\" in base64url"),
];

/// Called invalid there for a padding that has got lost: letter for letter the token of 357, which is valid.
const SAME_AS_357: [u64; 2] = [367, 370];

fn groups(file: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/wycheproof");
    let bytes = std::fs::read(format!("{path}/{file}_test.json")).unwrap();
    let all: Value = serde_json::from_slice(&bytes).unwrap();
    all["testGroups"].as_array().unwrap().clone()
}

/// Whether a profile with that JWK or JWKS accepts a token.
fn accepts(keys: &Value, token: &str) -> bool {
    let text = keys.to_string();
    let Ok(keys) = Key::read(text.as_bytes(), KeyEncoding::Jwks, None) else {
        return false;
    };
    let Ok(keys) = Keys::prepare(
        [keys.as_slice()].into_iter(),
        &[],
        &ALGORITHMS.map(|row| row.1),
    ) else {
        return false;
    };
    let Some(jws) = Jws::split(token.as_bytes()) else {
        return false;
    };
    let mut room = vec![0; token.len()];
    jws.open(|jws| jws.find_key(&keys, || ())).is_ok() && jws.decode_payload(&mut room).is_some()
}

fn check(file: &str) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for group in groups(file) {
        for test in group["tests"].as_array().unwrap() {
            let number = test["tcId"].as_u64().unwrap();
            // One in JSON, and not in three parts, is no token.
            let token = test["jws"].as_str().unwrap_or("{}");
            if test.get("jws").is_none() {
                continue;
            }
            if file == "json_web_signature" && SAME_AS_357.contains(&number) {
                let valid = &group["tests"][0];
                assert!(valid["tcId"] == 357 && valid["jws"] == test["jws"]);
                continue;
            }
            let wanted = test["result"] == "valid"
                && !STRICTER.iter().any(|one| one.0 == file && one.1 == number);
            let keys = group.get("public").unwrap_or(&group["private"]);
            let name = format!("{file} {number}: {} {}", group["comment"], test["comment"]);
            assert_eq!(accepts(keys, token), wanted, "{name}");
            // Nor does the private key verify anything else.
            assert!(
                wanted || !accepts(&group["private"], token),
                "{name}, private"
            );
            *if wanted { &mut valid } else { &mut invalid } += 1;
        }
    }
    (valid, invalid)
}

#[test]
fn json_web_signature() {
    let (valid, invalid) = check("json_web_signature");
    assert_eq!((valid, invalid), (40, 359));
}

#[test]
fn json_web_key() {
    assert_eq!(check("json_web_key"), (5, 21));
}

#[test]
fn json_web_crypto() {
    let (valid, invalid) = check("json_web_crypto");
    assert!(valid >= 3 && invalid > 40, "{valid} {invalid}");
}
