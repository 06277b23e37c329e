//! Keys that routes have: shown by the host for each request, and known to nobody else.

use super::every_scheme::{carrying, key, key_of, with_tokens};
use super::fake::{EXP, Fake, NOW, profile, query, sign, sign_link};
use crate::{Profile, Reason, RouteKey, Verdict, Wanted};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

fn with_key(mut request: Fake, keys: &[Option<&str>]) -> Fake {
    request.route_keys = keys.iter().map(|key| key.map(str::to_owned)).collect();
    request
}

/// A request with a ScaleSimple token that a key has signed.
fn signed_by(key: &str) -> Fake {
    query("/a", &sign(key, EXP, "/a"), EXP)
}

fn tenants(more: &[&str]) -> Profile {
    profile(&[&["format scalesimple", "key table=sites name=token"], more].concat()).unwrap()
}

fn refused(profile: &Profile, request: Fake, keys: &[Option<&str>]) -> Option<Reason> {
    profile.verify(&with_key(request, keys), NOW).refused
}

#[test]
fn the_key_of_the_requests_route_verifies_and_no_other() {
    let profile = tenants(&[]);
    let keys = [RouteKey {
        table: "sites".to_owned(),
        name: "token".to_owned(),
    }];
    assert_eq!(profile.route_keys(), keys);
    let good = with_key(signed_by("a"), &[Some("a")]);
    let want = Verdict {
        refused: None,
        key: Some(0),
        expires: Some(NOW + 600),
        location: Some(0),
    };
    assert_eq!(profile.verify(&good, NOW), want);
    assert_eq!(profile.key_id(0, |_| None), Some("token"));
    let invalid = Some(Reason::Invalid);
    for keys in [&[Some("b")][..], &[Some("")], &[None], &[]] {
        assert_eq!(refused(&profile, signed_by("a"), keys), invalid, "{keys:?}");
        assert_eq!(refused(&profile, signed_by(""), keys), invalid, "{keys:?}");
    }
    // One newline at its end is no part of a key, as in a key file.
    assert_eq!(refused(&profile, signed_by("a"), &[Some("a\n")]), None);
    let missing = refused(&profile, Fake::new("/a"), &[Some("a")]);
    assert_eq!(missing, Some(Reason::Missing));
}

#[test]
fn keys_of_files_come_first_and_each_line_is_tried() {
    let profile = tenants(&["key id=all f", "key id=old table=sites name=before"]);
    let keys = [Some("new"), Some("old")];
    for (key, index, id) in [("f", 0, "all"), ("new", 1, "token"), ("old", 2, "old")] {
        let verdict = profile.verify(&with_key(signed_by(key), &keys), NOW);
        assert_eq!((verdict.refused, verdict.key), (None, Some(index)), "{key}");
        assert_eq!(profile.key_id(index, |_| None), Some(id));
    }
    assert_eq!(profile.key_id(3, |_| None), None);
}

#[test]
fn every_scheme_with_route_keys_uses_them() {
    let lines = ["key table=sites name=token", "message {expires}|text"];
    let with = |format: &str| profile(&[&[format], &lines[..]].concat()).unwrap();
    let text = format!("{EXP}|text");
    let mac = Hmac::<Sha256>::new_from_slice(b"a").unwrap();
    let mac = mac.chain_update(&text).finalize().into_bytes();
    let hmac = data_encoding::BASE64URL_NOPAD.encode(&mac);
    let request = |name: &str, token: &str| {
        Fake::new(&format!("/a?{name}={token}&expires={EXP}")).message(&["|text"])
    };
    let profile = with("format hmac");
    let good = request("token", &hmac);
    assert_eq!(refused(&profile, good.clone(), &[Some("a")]), None);
    let other = refused(&profile, good, &[Some("b")]);
    assert_eq!(other, Some(Reason::Invalid));

    let lines = ["key table=sites name=token", "message {expires}|text{key}"];
    let profile = super::fake::profile(&[&["format secure_link"], &lines[..]].concat()).unwrap();
    let good = request("md5", &sign_link(&format!("{text}a")));
    assert_eq!(refused(&profile, good.clone(), &[Some("a")]), None);
    let other = refused(&profile, good, &[Some("b")]);
    assert_eq!(other, Some(Reason::Invalid));
}

/// Every scheme with tokens, signed with one of two keys: the tenant's own lets in, the other's does not, whichever the
/// token names.
#[test]
fn a_token_of_every_scheme_is_that_of_its_tenant() {
    for scheme in with_tokens() {
        let texts = scheme.example.iter();
        let texts = texts.map(|(word, value)| format!("{word} {value}"));
        let name = if scheme.carriers[0].query.is_some() {
            "query"
        } else {
            "query=t"
        };
        let own = [
            format!("format {}", scheme.name),
            format!("from {name}"),
            "key table=t name=n encoding=text".to_owned(),
        ];
        let lines: Vec<String> = own.into_iter().chain(texts).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let tenants = profile(&lines).unwrap();
        let location = tenants.locations().first().unwrap();
        let wanted = Wanted {
            now: NOW,
            expires: NOW + 600,
            claims: &[],
        };
        let [mine, theirs] = ["k1", "k2"].map(|name| key_of(scheme, name));
        let signed_by = |text: &str| {
            let key = key(text);
            let draft = tenants.draft(&key, &wanted).unwrap();
            let draft = carrying(&tenants, location, "/a/x", &draft);
            let signed = tenants.sign(&key, &draft, &wanted).unwrap();
            carrying(&tenants, location, "/a/x", &signed.values)
        };
        let (good, other) = (signed_by(mine), signed_by(theirs));
        assert_eq!(
            refused(&tenants, good.clone(), &[Some(mine)]),
            None,
            "{}",
            scheme.name
        );
        assert_eq!(
            refused(&tenants, other.clone(), &[Some(theirs)]),
            None,
            "{}",
            scheme.name
        );
        for request in [good, other] {
            let wrong = if refused(&tenants, request.clone(), &[Some(mine)]).is_none() {
                theirs
            } else {
                mine
            };
            for key in [Some(wrong), Some(""), Some("\0\0"), Some("x"), None] {
                let refused = refused(&tenants, request.clone(), &[key]);
                assert_eq!(refused, Some(Reason::Invalid), "{} {key:?}", scheme.name);
            }
        }
    }
}

/// A tenant's tokens use up nobody else's, though they say the same.
#[test]
fn tokens_of_two_tenants_are_two() {
    for format in ["jwt", "cat", "gcp_media", "gcp_cdn", "hmac"] {
        let lines = [
            &format!("format {format}"),
            "from query=t",
            "key table=t name=n encoding=text",
        ];
        let message = if format == "hmac" {
            &["message text"][..]
        } else {
            &[]
        };
        let tenants = profile(&[&lines[..], message].concat()).unwrap();
        let location = tenants.locations().first().unwrap();
        let wanted = Wanted {
            now: NOW,
            expires: NOW + 600,
            claims: &[],
        };
        let identity = |text: &str| {
            let key = key(text);
            let draft = tenants.draft(&key, &wanted).unwrap();
            let draft = carrying(&tenants, location, "/a/x", &draft);
            let signed = tenants.sign(&key, &draft, &wanted).unwrap();
            let request = carrying(&tenants, location, "/a/x", &signed.values);
            tenants.identity("p", &request, (0, 0)).unwrap()
        };
        assert_eq!(identity("k1"), identity("k1"), "{format}");
        assert_ne!(identity("k1"), identity("k2"), "{format}");
    }
}

/// Media CDN's public keys, as Google shows them and in PEM.
#[test]
fn a_public_key_of_ed25519_is_that_of_a_route() {
    let pem = include_str!("../../../../t/data/keys/ed25519.pem");
    let public = include_str!("../../../../t/data/keys/ed25519.pub.pem");
    let lines = ["format gcp_media", "algorithm ed25519", "from query"];
    let with = |encoding: &str| {
        let line = format!("key table=t name=n {encoding}");
        profile(&[&lines[..], &[line.as_str()]].concat()).unwrap()
    };
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 600,
        claims: &[],
    };
    let bare = "3MuvGpqqfVve14wQQqT5n_itA_xweiWC8m-RBLvsHe0=";
    let tenants = with("");
    let token = tenants.sign(&key(pem), &Fake::new("/v"), &wanted).unwrap();
    let request = Fake::new(&format!("/v?edge-cache-token={}", token.values[0]));
    let request = request.message(&["https://a.test"]);
    assert_eq!(refused(&tenants, request.clone(), &[Some(bare)]), None);
    assert_eq!(
        refused(&with("encoding=text"), request.clone(), &[Some(public)]),
        None
    );
    for key in [Some("AAAA"), Some(&bare[1..]), Some(""), None] {
        assert_eq!(
            refused(&tenants, request.clone(), &[key]),
            Some(Reason::Invalid),
            "{key:?}"
        );
    }
}

#[test]
fn a_key_is_spelled_as_its_line_says() {
    let lines = ["format scalesimple", "key table=t name=n encoding=hex"];
    let profile = profile(&lines).unwrap();
    assert_eq!(refused(&profile, signed_by("a"), &[Some("61")]), None);
    for key in ["a", "6", "", "\n"] {
        let verdict = refused(&profile, signed_by("a"), &[Some(key)]);
        assert_eq!(verdict, Some(Reason::Invalid), "{key:?}");
    }
}

#[test]
fn lines_that_are_refused() {
    let ss = "format scalesimple";
    for (line, want) in [
        (
            "key table=t",
            "\"key\" with \"table\" must have \"name\" parameter",
        ),
        (
            "key table= name=n",
            "invalid parameter \"table=\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            "key table=t name=",
            "invalid parameter \"name=\" in \"key\" directive, it takes [id=ID] (file=PATH [reload=time] | table=TABLE name=NAME) [encoding=text|hex|base64|base64url|pem|jwks]",
        ),
        (
            "key table=t name=n file=k",
            "\"key\" takes one of \"file\" and \"table\"",
        ),
        (
            "key table=t name=n name=m",
            "duplicate parameter \"name\" in \"key\" directive",
        ),
        (
            "key table=t name=n encoding=rot13",
            "unknown encoding \"rot13\" in \"key\" directive, it must be \"text\", \"hex\", \"base64\", \"base64url\", \"pem\" or \"jwks\"",
        ),
        (
            "key id=a table=t name=n",
            "duplicate key id \"a\" in \"key\" directive",
        ),
    ] {
        let refused = profile(&[ss, "key id=a k", line]).map(|_| ());
        assert_eq!(refused, Err(want.to_owned()), "{line}");
    }
    let open = profile(&["format open", "key table=t name=n"]).map(|_| ());
    let want = "has a \"key\", format \"open\" takes none";
    assert_eq!(open, Err(want.to_owned()));
}

/// Who has the wrong half of a key in the wrong profile would let in everybody who knows that half.
#[test]
fn the_text_of_a_public_key_makes_no_mac() {
    let public = "MCowBQYDK2VwAyEA3MuvGpqqfVve14wQQqT5n/itA/xweiWC8m+RBLvsHe0=";
    let made_by = |key: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        let mac = mac.chain_update(format!("{EXP}|text")).finalize();
        let mac = data_encoding::BASE64URL_NOPAD.encode(&mac.into_bytes());
        Fake::new(&format!("/a?token={mac}&expires={EXP}")).message(&["|text"])
    };
    let lines = ["format hmac", "message {expires}|text"];
    let of = |key| profile(&[&lines[..], &[key]].concat());
    let tenants = of("key table=sites name=token").unwrap();
    let secret = "example";
    assert_eq!(refused(&tenants, made_by(secret), &[Some(secret)]), None);
    let invalid = Some(Reason::Invalid);
    assert_eq!(refused(&tenants, made_by(public), &[Some(public)]), invalid);
    let text = of(&format!("key {public}")).unwrap_err().to_string();
    assert!(text.contains("no secret but the text of a key"), "{text}");
}
