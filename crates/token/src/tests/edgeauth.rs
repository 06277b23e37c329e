//! EdgeAuth: what no vector says.

use ::hmac::{Hmac, KeyInit, Mac};
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use sha2::Sha256;

use super::fake::{EXP, Fake, NOW, profile, status};
use crate::{Key, Profile, Reason, Secret, Wanted};

fn edgeauth(more: &[&str]) -> Profile {
    profile(
        &[
            &["format edgeauth", "key id=old 6b31", "key id=new 6b32"],
            more,
        ]
        .concat(),
    )
    .unwrap()
}

/// The HMAC of some text under a key, made the long way.
fn hmac(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    HEXLOWER.encode(&mac.chain_update(text).finalize().into_bytes())
}

/// A token whose fields are right.
fn token(fields: &str) -> String {
    format!("{fields}~hmac={}", hmac("k1", fields))
}

fn request(path: &str, token: &str) -> Fake {
    let at = Fake::new(&format!("{path}?__token__={token}"));
    at.of_client("192.0.2.1")
}

fn refused(path: &str, fields: &str) -> Option<Reason> {
    status(&edgeauth(&[]), &request(path, &token(fields)))
}

#[test]
fn fields_are_read_strictly() {
    for fields in [
        format!("exp={EXP}~exp={EXP}~acl=/*"),
        format!("exp={EXP}~acl=/*~acl=/b/*"),
        format!("exp={EXP}~acl=/*~ua=x"),
        format!("exp={EXP}~acl=/*~"),
        format!("exp={EXP}~acl=/*~id"),
        format!("EXP={EXP}~acl=/*"),
        format!("st={NOW}~acl=/*"),
        "exp=1000000000000000000~acl=/*".to_owned(),
        "exp=99999999999999999999999~acl=/*".to_owned(),
        "exp=-1~acl=/*".to_owned(),
        "exp=~acl=/*".to_owned(),
        format!("st=x~exp={EXP}~acl=/*"),
    ] {
        assert_eq!(refused("/a", &fields), Some(Reason::Malformed), "{fields}");
    }
    let good = token(&format!("exp={EXP}~acl=/*"));
    for token in [
        format!("{good}~data=x"),
        format!("{good}00"),
        good.to_uppercase(),
        good.replace("~hmac=", "~HMAC="),
        good[..good.len() - 1].to_owned(),
        format!("hmac={}", hmac("k1", "")),
        String::new(),
    ] {
        let rx = request("/a", &token);
        assert_eq!(
            status(&edgeauth(&[]), &rx),
            Some(Reason::Malformed),
            "{token}"
        );
    }
    assert_eq!(status(&edgeauth(&[]), &request("/a", &good)), None);
    let twice = format!("/a?__token__={good}&__token__={good}");
    assert_eq!(
        status(&edgeauth(&[]), &Fake::new(&twice)),
        Some(Reason::Malformed)
    );
}

#[test]
fn claims_are_judged() {
    for (path, fields, wanted) in [
        ("/a/b", format!("exp={EXP}~acl=/a/*"), None),
        ("/b/a", format!("exp={EXP}~acl=/a/*!/b/?"), None),
        (
            "/b/aa",
            format!("exp={EXP}~acl=/a/*!/b/?"),
            Some(Reason::WrongPath),
        ),
        (
            "/a/%2e%2e/paid",
            format!("exp={EXP}~acl=/a/*"),
            Some(Reason::WrongPath),
        ),
        (
            "/a//../../paid",
            format!("exp={EXP}~acl=/a/*"),
            Some(Reason::WrongPath),
        ),
        (
            "/a%2F..%2Fpaid",
            format!("exp={EXP}~acl=/a/*"),
            Some(Reason::WrongPath),
        ),
        (
            "/a/..;/paid",
            format!("exp={EXP}~acl=/a/*"),
            Some(Reason::WrongPath),
        ),
        (
            "/a/..%5cpaid",
            format!("exp={EXP}~acl=/a/*"),
            Some(Reason::WrongPath),
        ),
        ("/a", format!("exp={EXP}~acl="), Some(Reason::WrongPath)),
        (
            "/a",
            format!("st={EXP}~exp={EXP}~acl=/*"),
            Some(Reason::NotYetValid),
        ),
        (
            "/a",
            "exp=1699999999~acl=/*".to_owned(),
            Some(Reason::Expired),
        ),
        ("/a", format!("ip=192.0.2.1~exp={EXP}~acl=/*"), None),
        ("/a", format!("ip=::ffff:c000:201~exp={EXP}~acl=/*"), None),
        (
            "/a",
            format!("ip=192.0.2.2~exp={EXP}~acl=/*"),
            Some(Reason::WrongIp),
        ),
    ] {
        assert_eq!(refused(path, &fields), wanted, "{path} {fields}");
    }
}

/// A forged token is `invalid`, whatever else it says.
#[test]
fn the_hmac_comes_first() {
    for fields in [
        "exp=1~acl=/*".to_owned(),
        format!("ip=192.0.2.9~exp={EXP}~acl=/*"),
        format!("exp={EXP}~acl=/b"),
    ] {
        let forged = format!("{fields}~hmac={}", hmac("k0", &fields));
        let rx = request("/a", &forged);
        assert_eq!(
            status(&edgeauth(&[]), &rx),
            Some(Reason::Invalid),
            "{fields}"
        );
    }
}

#[test]
fn a_transition_key_is_a_second_key() {
    let fields = format!("exp={EXP}~acl=/*");
    let rx = request("/a", &format!("{fields}~hmac={}", hmac("k2", &fields)));
    let verdict = edgeauth(&[]).verify(&rx, NOW);
    assert_eq!((verdict.refused, verdict.key), (None, Some(1)));
}

#[test]
fn a_url_token_opens_one_path_whatever_its_arguments() {
    let fields = format!("exp={EXP}");
    let signed = |url: &str| {
        let mac = hmac("k1", &format!("{fields}~url={url}"));
        format!("{fields}~hmac={mac}")
    };
    let profile = edgeauth(&[]);
    for (target, url, wanted) in [
        ("/a%20b", "/a b", None),
        ("/a%20b", "/a%20b", Some(Reason::Invalid)),
        ("/x/../a", "/a", None),
        ("/x/../a", "/x/../a", Some(Reason::Invalid)),
    ] {
        let rx = request(target, &signed(url));
        assert_eq!(status(&profile, &rx), wanted, "{target} {url}");
    }
    let rx = Fake::new(&format!("/a?x=1&__token__={}", signed("/a")));
    assert_eq!(status(&profile, &rx), None);
}

#[test]
fn salt_and_early_escapes() {
    let fields = format!("ip=192.0.2.1~exp={EXP}~data=a%2fb");
    let text = format!("{fields}~url=%2fa+b~salt=pepper");
    let token = format!("{fields}~hmac={}", hmac("k1", &text));
    let rx = request("/a%20b", &token);
    let both = edgeauth(&["salt pepper", "escape_early on"]);
    assert_eq!(status(&both, &rx), None);
    let shown = both.findings(&rx, NOW).next().unwrap().signed_text();
    let shown = String::from_utf8(shown.unwrap()).unwrap();
    assert_eq!(shown, text.replace("pepper", "{salt}"));
    for other in [
        &["salt pepper"][..],
        &["escape_early on"],
        &["salt Pepper", "escape_early on"],
    ] {
        assert_eq!(
            status(&edgeauth(other), &rx),
            Some(Reason::Invalid),
            "{other:?}"
        );
    }
}

#[test]
fn what_a_signer_is_told() {
    let profile = edgeauth(&["escape_early on"]);
    let key = Key {
        id: None,
        secret: Secret::new(b"k1".to_vec()),
        form: crate::KeyForm::Secret,
    };
    let sign = |claims: &[(&str, &str)]| {
        let claims: Vec<_> = claims
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let wanted = Wanted {
            now: NOW,
            expires: NOW + 600,
            claims: &claims,
        };
        let signed = profile.sign(&key, &Fake::new("/a"), &wanted);
        signed.map(|signed| signed.values[0].clone())
    };
    let all = [
        ("data", "a/b"),
        ("acl", "/a/*"),
        ("ip", "::1"),
        ("st", "1699999999"),
        ("id", "x y"),
    ];
    let fields = format!("ip=%3a%3a1~st=1699999999~exp={EXP}~acl=/a/*~id=x+y~data=a%2fb");
    assert_eq!(sign(&all).unwrap(), token(&fields));
    let unknown = sign(&[("url", "/a")]).unwrap_err().to_string();
    assert_eq!(
        unknown,
        "format \"edgeauth\" has no claim \"url\", it must be \"ip\", \"st\", \"acl\", \"id\" or \"data\""
    );
    let twice = sign(&[("id", "a"), ("id", "b")]).unwrap_err().to_string();
    assert_eq!(twice, "duplicate claim \"id\"");
}

#[test]
fn other_hashes_are_refused() {
    let error = profile(&["format edgeauth", "key 6b31", "algorithm sha512"]).unwrap_err();
    assert!(
        error.contains("it must be \"md5\", \"sha1\" or \"sha256\""),
        "{error}"
    );
    let error = profile(&["format edgeauth", "key 6b31", "from path"]).unwrap_err();
    assert_eq!(
        error,
        "invalid place \"path\" in \"from\" directive, format \"edgeauth\" has no tokens in a path"
    );
}

proptest! {
    /// Whatever stands in the fields and behind them, a token that is accepted is one whose text the signer's formula
    /// gives.
    #[test]
    fn what_is_accepted_is_what_the_formula_gives(
        before in "(ip=192[.]0[.]2[.]1~|st=1~|id=[a-z=]{0,3}~|data=[a-z~=]{0,3}~|~){0,3}",
        acl in "(~acl=/[a-z*?!/]{0,4})?",
        path in "/[a-z]{0,3}",
        salted: bool,
    ) {
        let fields = format!("{before}exp={EXP}{acl}");
        let salt = if salted { "~salt=s" } else { "" };
        let url = if acl.is_empty() { format!("~url={path}") } else { String::new() };
        let right = format!("{fields}~hmac={}", hmac("k1", &format!("{fields}{url}{salt}")));
        let wrong = format!("{fields}~hmac={}", hmac("k1", &format!("{fields}{salt}{url}x")));
        let more: &[&str] = if salted { &["salt s"] } else { &[] };
        let profile = edgeauth(more);
        prop_assert!(status(&profile, &request(&path, &wrong)).is_some());
        let known = fields.split('~').map(|field| field.split_once('=').map_or("", |field| field.0));
        let known: Vec<_> = known.collect();
        let is_read = known.iter().enumerate().all(|(at, name)| {
            ["ip", "st", "exp", "acl", "id", "data"].contains(name) && !known[..at].contains(name)
        });
        let verdict = status(&profile, &request(&path, &right));
        if is_read {
            prop_assert!(matches!(verdict, None | Some(Reason::WrongPath)), "{verdict:?}");
        } else {
            prop_assert_eq!(verdict, Some(Reason::Malformed), "{}", fields);
        }
    }
}
