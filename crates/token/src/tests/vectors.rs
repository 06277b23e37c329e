//! The vectors of t/data/token.json.

use serde_json::Value;

use super::fake::{Fake, profile};
use crate::target::Target;

fn group(name: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../t/data/token.json");
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let group = all[name].as_array().unwrap().clone();
    assert!(!group.is_empty());
    group
}

fn text<'a>(case: &'a Value, member: &str) -> Option<&'a str> {
    case[member].as_str()
}

/// The verdict a strict verifier gives.
fn wanted(case: &Value) -> bool {
    case["strict_valid"]
        .as_bool()
        .or(case["valid"].as_bool())
        .unwrap()
}

#[test]
fn scalesimple() {
    for case in group("scalesimple") {
        let name = text(&case, "name").unwrap();
        let location = text(&case, "location").unwrap();
        let place = if location == "url" { "query" } else { location };
        let key = format!("key {}", text(&case, "key").unwrap());
        let profile = profile(&["format scalesimple", &key, &format!("from {place}")]).unwrap();
        let mut rx = Fake::new(text(&case, "request_uri").unwrap());
        let mut cookies = Vec::new();
        for (index, member) in ["token", "expiration"].into_iter().enumerate() {
            let Some(value) = text(&case, member) else {
                continue;
            };
            let carrier = case["names"][index].as_str().unwrap();
            match location {
                "header" => rx = rx.header(carrier, value),
                "cookie" => cookies.push(format!("{carrier}={value}")),
                other => panic!("{other}"),
            }
        }
        let rx = rx.cookie(&cookies.join("; "));
        let verdict = profile.verify(&rx, case["now"].as_i64().unwrap());
        assert_eq!(verdict.is_ok(), wanted(&case), "{name}: {verdict:?}");
        if let Some(stripped) = text(&case, "stripped_uri") {
            let mut out = vec![0; rx.target.len()];
            let args = &profile.carriers().args;
            let left = Target::of(&rx.target).strip(args, &mut out).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&out[..left.len]),
                stripped,
                "{name}"
            );
        }
    }
}

#[test]
fn secure_link() {
    let mut ran = 0;
    for case in group("nginx_secure_link") {
        // The old form, secure_link_secret, is not this scheme.
        let (Some(uri), Some(value)) = (text(&case, "uri"), text(&case, "secure_link_value"))
        else {
            continue;
        };
        let message = "message {expires}$uri$remote_addr {key}";
        let signed = format!("{uri}{} ", text(&case, "remote_addr").unwrap());
        let lines = ["format secure_link", "key secret", message];
        let two = format!(
            "/x?md5={}&expires={}",
            text(&case, "arg_md5").unwrap(),
            text(&case, "arg_expires").unwrap()
        );
        for (place, rx) in [
            ("from query", Fake::new(&two)),
            (
                "from header",
                Fake::new("/x").header("x-secure-link", value),
            ),
            (
                "from cookie=st",
                Fake::new("/x").cookie(&format!("st={value}")),
            ),
        ] {
            let profile = profile(&[lines.as_slice(), &[place]].concat()).unwrap();
            assert_eq!(
                profile.message_texts().collect::<Vec<_>>(),
                ["$uri$remote_addr "]
            );
            let verdict = profile.verify(&rx.message(&[&signed]), case["now"].as_i64().unwrap());
            assert_eq!(
                verdict.is_ok(),
                wanted(&case),
                "{} {place}: {verdict:?}",
                text(&case, "name").unwrap()
            );
        }
        ran += 1;
    }
    assert!(ran >= 7);
}
