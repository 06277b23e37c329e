//! Keys that routes have: shown by the host for each request, and known to nobody else.

use super::fake::{EXP, Fake, NOW, profile, query, sign, sign_link};
use crate::{Profile, Reason, RouteKey, Verdict};
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
            "invalid parameter \"table=\" in \"key\" directive",
        ),
        (
            "key table=t name=",
            "invalid parameter \"name=\" in \"key\" directive",
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
