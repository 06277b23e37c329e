//! What the scheme `hmac` promises beyond its vectors.

use ::hmac::{Hmac, KeyInit, Mac};
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest as _, Sha256, Sha512};

use super::fake::{EXP, Fake, NOW, profile, status};
use crate::{Profile, Reason};

fn hmac(more: &[&str]) -> Profile {
    profile(&[&["format hmac", "key k1"], more].concat()).unwrap()
}

fn tag(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_message_is_the_text_of_an_hmac_sha256_in_base64url() {
    let profile = hmac(&["key id=b k2", "message {expires}|$uri"]);
    let token = BASE64URL_NOPAD.encode(&tag("k2", &format!("{EXP}|/a")));
    let rx = |token: &str| Fake::new(&format!("/a?token={token}&expires={EXP}")).message(&["|/a"]);
    let verdict = profile.verify(&rx(&token), NOW);
    assert_eq!((verdict.refused, verdict.key), (None, Some(1)));
    assert_eq!(verdict.expires, Some(NOW + 600));
    assert_eq!(status(&profile, &rx(&format!("{token}="))), None);
    for other in [
        format!("{token}=="),
        token.to_lowercase() + "x",
        String::new(),
    ] {
        assert_eq!(
            status(&profile, &rx(&other)),
            Some(Reason::Malformed),
            "{other}"
        );
    }
    let later = Fake::new(&format!("/a?token={token}&expires=1700000601")).message(&["|/a"]);
    assert_eq!(status(&profile, &later), Some(Reason::Invalid));
    let header = Fake::new("/a").header("X-Token", &format!("{token},{EXP}"));
    assert_eq!(status(&profile, &header.message(&["|/a"])), None);
    let twice = Fake::new(&format!("/a?token={token}&expires={EXP}&expires=1"));
    assert_eq!(
        status(&profile, &twice.message(&["|/a"])),
        Some(Reason::Malformed)
    );
}

#[test]
fn with_the_key_in_it_a_message_is_hashed() {
    let words = [
        "message {key}$uri{expires}",
        "algorithm sha512",
        "encoding hex",
    ];
    let profile = hmac(&words);
    let token = HEXLOWER.encode(&Sha512::digest(format!("k1/a{EXP}")));
    let rx = |token: &str| Fake::new(&format!("/a?token={token}&expires={EXP}")).message(&["/a"]);
    assert_eq!(status(&profile, &rx(&token)), None);
    assert_eq!(
        status(&profile, &rx(&token.to_uppercase())),
        Some(Reason::Malformed)
    );
    let base64 = hmac(&[
        "message {key}$uri{expires}",
        "algorithm sha256",
        "encoding base64",
    ]);
    let token = BASE64.encode(&Sha256::digest(format!("k1/a{EXP}")));
    assert_eq!(status(&base64, &rx(&token)), None);
    assert_eq!(
        status(&base64, &rx(token.trim_end_matches('='))),
        Some(Reason::Malformed)
    );
}

/// A profile as http_hmac_secure_link's own example has it.
fn with_lifetime(more: &[&str]) -> Profile {
    let lines = [
        "message $uri|{timestamp}|{lifetime}",
        "from query=st,ts,e header=X-T path",
    ];
    hmac(&[&lines, more].concat())
}

fn lasting(made: i64, lifetime: &str) -> String {
    let mac = BASE64URL_NOPAD.encode(&tag("k1", &format!("/a|{made}|{lifetime}")));
    format!("st={mac}&ts={made}&e={lifetime}")
}

fn query(args: &str) -> Fake {
    Fake::new(&format!("/a?{args}")).message(&["/a|", "|"])
}

#[test]
fn a_lifetime_counts_from_the_time_of_signing() {
    let profile = with_lifetime(&[]);
    for (made, lifetime, wanted) in [
        (NOW - 10, "10", None),
        (NOW - 11, "10", Some(Reason::Expired)),
        (1, "0", None),
        (NOW, "999999999999999999", None),
        (0, "999999999999999999", Some(Reason::Malformed)),
        (NOW, "-1", Some(Reason::Malformed)),
        (NOW, "", Some(Reason::Malformed)),
    ] {
        let rx = query(&lasting(made, lifetime));
        assert_eq!(status(&profile, &rx), wanted, "{made} {lifetime}");
    }
    let good = lasting(NOW, "60");
    assert_eq!(profile.verify(&query(&good), NOW).expires, Some(NOW + 60));
    assert_eq!(
        profile.verify(&query(&lasting(NOW, "0")), NOW).expires,
        None
    );
    let longer = good.replace("&e=60", "&e=600");
    assert_eq!(status(&profile, &query(&longer)), Some(Reason::Invalid));
    let cut = good.replace("&e=60", "");
    assert_eq!(status(&profile, &query(&cut)), Some(Reason::Malformed));
    let strict = with_lifetime(&["require_exp on"]);
    assert_eq!(status(&strict, &query(&good)), None);
    assert_eq!(
        status(&strict, &query(&lasting(1, "0"))),
        Some(Reason::Malformed)
    );
}

#[test]
fn all_three_values_may_share_one() {
    let profile = with_lifetime(&[]);
    let mac = BASE64URL_NOPAD.encode(&tag("k1", &format!("/a|{NOW}|60")));
    let header = |value: &str| Fake::new("/a").header("X-T", value).message(&["/a|", "|"]);
    assert_eq!(status(&profile, &header(&format!("{mac},{NOW},60"))), None);
    for value in [
        format!("{mac},{NOW}"),
        format!("{mac},{NOW},60,"),
        mac.clone(),
    ] {
        assert_eq!(
            status(&profile, &header(&value)),
            Some(Reason::Malformed),
            "{value}"
        );
    }
    let path = |token: &str| Fake::new(&format!("/{token}/a")).message(&["/a|", "|"]);
    assert_eq!(status(&profile, &path(&format!("{mac},{NOW},60"))), None);
    for no_token in [
        format!("{mac},{NOW}"),
        format!("{mac},60"),
        format!("{mac},{NOW},"),
    ] {
        assert_eq!(status(&profile, &path(&no_token)), Some(Reason::Missing));
    }
    // Where the message has no lifetime, none is believed.
    let plain = hmac(&["message $uri|{expires}", "from query=st"]);
    let mac = BASE64URL_NOPAD.encode(&tag("k1", &format!("/a|{EXP}")));
    let rx = |value: &str| Fake::new(&format!("/a?st={value}")).message(&["/a|"]);
    assert_eq!(status(&plain, &rx(&format!("{mac},{EXP}"))), None);
    assert_eq!(
        status(&plain, &rx(&format!("{mac},{EXP},9999"))),
        Some(Reason::Malformed)
    );
}

#[test]
fn configurations_that_cannot_be_meant() {
    for (lines, wanted) in [
        (&[][..], "has no \"message\", format \"hmac\" needs one"),
        (
            &["message x", "algorithm crc32"],
            "unknown algorithm \"crc32\" in \"algorithm\" directive, it must be \"md5\", \"sha1\", \"sha256\", \"sha384\", \"sha512\", \"ed25519\", \"HS256\", \"HS384\", \"HS512\", \"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"ES512\" or \"EdDSA\"",
        ),
        (
            &["message x", "algorithm HS256"],
            "format \"hmac\" takes no such algorithm as in \"algorithm\" directive",
        ),
        (
            &["message x", "algorithm sha256 md5"],
            "invalid number of arguments in \"algorithm\" directive",
        ),
        (
            &["message x", "issuer me"],
            "has an \"issuer\", format \"hmac\" takes none",
        ),
        (
            &["message x", "encoding rot13"],
            "unknown encoding \"rot13\" in \"encoding\" directive, it must be \"hex\", \"base64\" or \"base64url\"",
        ),
        (
            &["message x", "encoding hex", "encoding hex"],
            "\"encoding\" directive is duplicate",
        ),
        (
            &["message {timestamp}$uri"],
            "has \"{timestamp}\", but no \"{lifetime}\" in its \"message\"",
        ),
        (
            &["message {lifetime}$uri"],
            "has \"{lifetime}\", but no \"{timestamp}\" in its \"message\"",
        ),
        (
            &["message {timestamp}|{lifetime}", "from query=a,b"],
            "has \"{lifetime}\" in its \"message\", but no three names in \"from\", such as \"query=token,timestamp,lifetime\"",
        ),
        (
            &["message {expires}", "from query=a,b,c"],
            "has three names in \"from\", but no \"{lifetime}\" in its \"message\"",
        ),
        (
            &["message {expires}$uri", "encoding base64", "from path"],
            "has \"from path\", but a token with \"encoding base64\" may have a \"/\", which ends it in a path: use \"base64url\"",
        ),
        (
            &["message {expires}{lifetime}", "from query=a,b,c"],
            "unknown \"{lifetime}\" in \"message\" directive, it must be \"{key}\" or \"{expires}\"",
        ),
        (
            &["message x", "from query=a,b,c,d"],
            "invalid names \"query=a,b,c,d\" in \"from\" directive",
        ),
        (
            &["message $uri", "require_exp on"],
            "has \"require_exp on\", but no \"{expires}\" in its \"message\"",
        ),
    ] {
        let refused = profile(&[&["format hmac", "key k"], lines].concat());
        assert_eq!(refused.map(|_| ()), Err(wanted.to_owned()), "{lines:?}");
    }
    let foreign = profile(&["format scalesimple", "key k", "algorithm md5"]);
    assert_eq!(
        foreign.map(|_| ()),
        Err("has an \"algorithm\", format \"scalesimple\" takes none".to_owned())
    );
    let doubts = |message: &str| {
        let doubts = hmac(&[&format!("message {message}")]).doubts();
        doubts
            .iter()
            .map(|doubt| doubt.text)
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(doubts("{expires}$uri"), "");
    assert_eq!(doubts("{key}{expires}$uri"), "");
    assert!(doubts("$uri").starts_with("\"message\" has no \"{expires}\""));
    assert!(doubts("{expires}").starts_with("\"message\" has no variable"));
}
