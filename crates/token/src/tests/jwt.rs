//! JSON Web Tokens against profiles: what a token says, and what is refused of it.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

use super::fake::{Fake, NOW, profile, status};
use crate::{ClaimPath, Profile, Reason};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn jwt(more: &[&str]) -> Profile {
    let key = format!("key {SECRET}");
    profile(&[&["format jwt", &key], more].concat()).unwrap()
}

/// A token of these parts, the MAC made another way than by the code that is tested.
fn signed(header: &str, payload: &[u8]) -> String {
    let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let text = format!("{}.{}", encode(header.as_bytes()), encode(payload));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", encode(&mac.finalize().into_bytes()))
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn token(payload: &Value) -> String {
    signed(HEADER, payload.to_string().as_bytes())
}

fn bearer(token: &str) -> Fake {
    Fake::new("/").header("Authorization", &format!("Bearer {token}"))
}

fn status_of(profile: &Profile, payload: &str) -> Option<Reason> {
    status(profile, &bearer(&signed(HEADER, payload.as_bytes())))
}

#[test]
fn a_token_is_a_bearers() {
    let good = token(&json!({"exp": NOW + 1}));
    let profile = jwt(&[]);
    for value in ["Bearer ", "bearer ", "BEARER  "] {
        let request = Fake::new("/").header("authorization", &format!("{value}{good}"));
        assert_eq!(status(&profile, &request), None, "{value}");
    }
    // Another scheme is none of ours; nothing was presented.
    for value in ["Basic dTpw", "Bearer", "", "Bearerx y", &good] {
        let request = Fake::new("/").header("Authorization", value);
        assert_eq!(status(&profile, &request), Some(Reason::Missing), "{value}");
    }
    for value in ["Bearer ", "Bearer x", "Bearer Bearer x"] {
        let request = Fake::new("/").header("Authorization", value);
        assert_eq!(
            status(&profile, &request),
            Some(Reason::Malformed),
            "{value}"
        );
    }
    let twice = bearer(&good).header("Authorization", "Bearer x");
    assert_eq!(status(&profile, &twice), Some(Reason::Malformed));
    // Places without a name of their own need one.
    let request = Fake::new(&format!("/?t={good}")).cookie(&format!("c={good}"));
    assert_eq!(status(&profile, &request), Some(Reason::Missing));
    for from in ["from query=t", "from cookie=c", "from header query=t"] {
        assert_eq!(status(&jwt(&[from]), &request), None, "{from}");
    }
    let header = Fake::new("/").header("X-Token", &good);
    assert_eq!(status(&jwt(&["from header=X-Token"]), &header), None);
    let path = Fake::new(&format!("/{good}/a"));
    assert_eq!(status(&jwt(&["from path"]), &path), None);
    let key = format!("key {SECRET}");
    let error = super::fake::profile(&["format jwt", &key, "from query"]).unwrap_err();
    assert!(
        error.contains("\"query\" in \"from\" directive needs a name"),
        "{error}"
    );
}

#[test]
fn times_are_numbers() {
    let profile = jwt(&[]);
    for (payload, wanted) in [
        (format!("{{\"exp\":{}}}", NOW + 1), None),
        (format!("{{\"exp\":{NOW}}}"), Some(Reason::Expired)),
        (format!("{{\"exp\":{NOW}.5}}"), None),
        (format!("{{\"exp\":{NOW}.0}}"), Some(Reason::Expired)),
        (format!("{{\"exp\":{NOW}e0}}"), Some(Reason::Expired)),
        ("{\"exp\":1.7000000005e9}".into(), None),
        ("{\"exp\":-1}".into(), Some(Reason::Expired)),
        ("{\"exp\":-1.5}".into(), Some(Reason::Expired)),
        ("{\"exp\":999999999999999999}".into(), None),
        (
            "{\"exp\":9999999999999999999}".into(),
            Some(Reason::Malformed),
        ),
        ("{\"exp\":1e400}".into(), Some(Reason::Malformed)),
        ("{\"exp\":1e17}".into(), Some(Reason::Malformed)),
        ("{\"exp\":-1e400}".into(), Some(Reason::Malformed)),
        ("{\"exp\":\"1800000000\"}".into(), Some(Reason::Malformed)),
        ("{\"exp\":null}".into(), Some(Reason::Malformed)),
        ("{\"exp\":true}".into(), Some(Reason::Malformed)),
        ("{\"exp\":[1800000000]}".into(), Some(Reason::Malformed)),
        ("{}".into(), Some(Reason::Malformed)),
        (format!("{{\"\\u0065xp\":{NOW}}}"), Some(Reason::Expired)),
        (format!("{{\"exp\":{},\"nbf\":{NOW}}}", NOW + 9), None),
        (
            format!("{{\"exp\":{},\"nbf\":{}}}", NOW + 9, NOW + 1),
            Some(Reason::NotYetValid),
        ),
        (
            format!("{{\"exp\":{},\"nbf\":{NOW}.5}}", NOW + 9),
            Some(Reason::NotYetValid),
        ),
        (
            format!("{{\"exp\":{},\"nbf\":\"1\"}}", NOW + 9),
            Some(Reason::Malformed),
        ),
        (
            format!("{{\"exp\":{},\"iat\":\"1\"}}", NOW + 9),
            Some(Reason::Malformed),
        ),
        (format!("{{\"exp\":{},\"iat\":{}}}", NOW + 9, NOW + 9), None),
        (
            format!("{{\"exp\":{},\"exp\":{}}}", NOW + 9, NOW - 9),
            Some(Reason::Malformed),
        ),
    ] {
        assert_eq!(status_of(&profile, &payload), wanted, "{payload}");
    }
    assert_eq!(status_of(&jwt(&["require_exp off"]), "{}"), None);
    let payload = format!("{{\"exp\":{},\"nbf\":{}}}", NOW - 29, NOW + 30);
    assert_eq!(status_of(&jwt(&["leeway 30"]), &payload), None);
    let payload = format!("{{\"exp\":{}}}", NOW - 30);
    assert_eq!(
        status_of(&jwt(&["leeway 30"]), &payload),
        Some(Reason::Expired)
    );
    let request = bearer(&token(&json!({"exp": NOW + 7})));
    assert_eq!(jwt(&[]).verify(&request, NOW).expires, Some(NOW + 7));
}

#[test]
fn headers_are_strict() {
    let profile = jwt(&[]);
    let payload = format!("{{\"exp\":{}}}", NOW + 9);
    let status_of = |header: &str| status(&profile, &bearer(&signed(header, payload.as_bytes())));
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{ "typ" : "at+jwt", "alg" : "HS256", "kid" : "any", "x" : [1, {"y":null}] }"#,
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"jku":"http:\/\/evil\/","x5u":"x","cty":"x"}"#,
    ] {
        assert_eq!(status_of(header), None, "{header}");
    }
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"\u0048S256"}"#,
    ] {
        assert_eq!(status_of(header), Some(Reason::Invalid), "{header}");
    }
    let long = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(1100));
    let deep = format!(
        r#"{{"alg":"HS256","x":{}{}}}"#,
        "[".repeat(400),
        "]".repeat(400)
    );
    for header in [
        "",
        "{}",
        "[]",
        "\"HS256\"",
        r#"{"typ":"JWT"}"#,
        r#"{"alg":1}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"HS256","crit":["x"],"x":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","cr\u0069t":["x"]}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","b64":true}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"{"alg":"HS256","enc":"A256GCM"}"#,
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"HS256","typ":"JWE"}"#,
        r#"{"alg":"HS256","typ":"jwe"}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256"}x"#,
        &long,
        &deep,
    ] {
        assert_eq!(status_of(header), Some(Reason::Malformed), "{header}");
    }
}

#[test]
fn spellings_are_one() {
    let profile = jwt(&[]);
    let good = token(&json!({"exp": NOW + 9}));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, mac] = parts[..] else {
        panic!()
    };
    for bad in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{mac}."),
        format!("{header}.{payload}.{mac}.a.b"),
        format!(".{payload}.{mac}"),
        format!("{good}="),
        format!("{header}=.{payload}.{mac}"),
        format!("{good} "),
        format!("{good}\0"),
        format!("{header}.{payload}.{mac}\u{e9}"),
        format!("{header}.{payload}.{}", mac.replace(['-', '_'], "+")) + "+",
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a".repeat(8193),
    ] {
        assert_eq!(
            status(&profile, &bearer(&bad)),
            Some(Reason::Malformed),
            "{bad}"
        );
    }
    for bad in [
        format!("{header}.{payload}."),
        format!("{header}..{mac}"),
        good[..good.len() - 3].to_owned(),
    ] {
        assert_eq!(
            status(&profile, &bearer(&bad)),
            Some(Reason::Invalid),
            "{bad}"
        );
    }
    // The last digit has two bits that mean nothing.
    let last = mac.chars().last().unwrap();
    let other = char::from(BASE64URL_NOPAD.encode(&[0, 0]).as_bytes()[0].max(last as u8) + 1);
    let bad = format!("{}{other}", &good[..good.len() - 1]);
    assert!(status(&profile, &bearer(&bad)).is_some(), "{bad}");
}

#[test]
fn payloads_are_objects() {
    let profile = jwt(&["require_exp off"]);
    assert_eq!(status(&profile, &bearer(&signed(HEADER, b" {} "))), None);
    let deep = [
        b"{\"a\":".as_slice(),
        &b"[".repeat(2000),
        &b"]".repeat(2000),
        b"}",
    ]
    .concat();
    let bad: [&[u8]; 12] = [
        b"",
        b"x",
        b"[]",
        b"1",
        b"null",
        b"{",
        b"{}{}",
        b"{}\0",
        b"{\"iss\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"{\"a\":1,\"a\":1}",
        &deep,
    ];
    for payload in bad {
        let request = bearer(&signed(HEADER, payload));
        let shown = String::from_utf8_lossy(payload);
        assert_eq!(
            status(&profile, &request),
            Some(Reason::Malformed),
            "{shown}"
        );
    }
    // The longest token there is.
    let room = 8192 - signed(HEADER, b"").len();
    let payload = format!("{{\"a\":\"{}\"}}", "x".repeat(room / 4 * 3 - 8));
    let longest = signed(HEADER, payload.as_bytes());
    assert!((8185..=8192).contains(&longest.len()), "{}", longest.len());
    assert_eq!(status(&profile, &bearer(&longest)), None);
}

#[test]
fn claims_are_required() {
    let payload = format!(
        r#"{{"exp":{},"iss":"https:\/\/me","aud":["x","edge"],"roles":["admin"]}}"#,
        NOW + 9
    );
    for lines in [
        &["issuer https://me"][..],
        &["issuer https://you https://me", "audience edge"],
        &["audience other edge", "require roles contains admin"],
        &["require roles.0 = admin", "require sub not exists"],
    ] {
        assert_eq!(status_of(&jwt(lines), &payload), None, "{lines:?}");
    }
    for lines in [
        &["issuer https://you"][..],
        &["audience edg"],
        &["require sub exists"],
        &[
            "require roles contains admin",
            "require roles contains root",
        ],
    ] {
        assert_eq!(
            status_of(&jwt(lines), &payload),
            Some(Reason::Forbidden),
            "{lines:?}"
        );
    }
    let late = format!("{{\"exp\":{}}}", NOW - 1);
    assert_eq!(status_of(&jwt(&["issuer x"]), &late), Some(Reason::Expired));
}

#[test]
fn claims_are_shown_of_valid_tokens_only() {
    let profile = jwt(&[]);
    let good = bearer(&token(&json!({"exp": NOW + 9, "sub": "a/b"})));
    let checked = profile.check(&good, NOW);
    let path = ClaimPath::parse("sub").unwrap();
    assert_eq!(
        path.text(checked.claims.unwrap(), |_| None),
        Some(&b"a/b"[..])
    );
    let late = bearer(&token(&json!({"exp": NOW, "sub": "a/b"})));
    assert!(profile.check(&late, NOW).claims.is_none());
    let forged = format!("{}x", token(&json!({"exp": NOW + 9})));
    assert!(profile.check(&bearer(&forged), NOW).claims.is_none());
}

#[test]
fn without_memory_nothing_is_valid() {
    let request = Fake {
        is_short: true,
        ..bearer(&token(&json!({"exp": NOW + 9})))
    };
    let verdict = jwt(&[]).verify(&request, NOW);
    assert_eq!(verdict.refused, Some(Reason::Malformed));
}

proptest! {
    /// Whatever is done to a token, it is refused: its bytes are what was signed, or it is none.
    #[test]
    fn no_other_bytes_are_valid(at: prop::sample::Index, byte: u8, cut in 0_usize..4, sub in ".{0,20}") {
        let profile = jwt(&[]);
        let good = token(&json!({"exp": NOW + 9, "sub": sub}));
        prop_assert_eq!(status(&profile, &bearer(&good)), None);
        let mut bytes = good.clone().into_bytes();
        let place = at.index(bytes.len());
        match cut {
            0 => bytes[place] = byte,
            1 => bytes.truncate(place),
            2 => bytes.insert(place, byte),
            _ => { bytes.remove(place); }
        }
        prop_assume!(bytes != good.as_bytes());
        let mut request = Fake::new("/");
        request.headers.push(("Authorization".into(), [b"Bearer ", bytes.as_slice()].concat()));
        // Blanks in front of a token are none of it.
        let is_same = bytes.trim_ascii_start() == good.as_bytes();
        prop_assert_eq!(status(&profile, &request).is_none(), is_same);
    }

    /// serde_json and our own reader find the same in a payload.
    #[test]
    fn texts_of_claims_are_those_of_serde_json(sub in any::<String>(), number: i64) {
        let profile = jwt(&[]);
        let request = bearer(&token(&json!({"exp": NOW + 9, "sub": sub, "n": {"m": [number]}})));
        let checked = profile.check(&request, NOW);
        let claims = checked.claims.unwrap();
        let text = |path: &str| {
            let path = ClaimPath::parse(path).unwrap();
            path.text(claims, |len| Some(vec![0; len].leak()))
        };
        let is_shown = sub.bytes().all(|byte| byte >= 0x20 && byte != 0x7f);
        prop_assert_eq!(text("sub"), is_shown.then_some(sub.as_bytes()));
        let number = number.to_string();
        prop_assert_eq!(text("n.m.0"), Some(number.as_bytes()));
    }
}
