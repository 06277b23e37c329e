//! A token has one identity, whatever its spelling and its place, and no two tokens have the same.

use std::collections::HashMap;

use super::every_scheme::{carrying, example, key, key_of, places, with_tokens};
use super::fake::{Fake, NOW};
use crate::ledger::Identity;
use crate::{Profile, Wanted};

fn identity(profile: &Profile, request: &Fake) -> Option<Identity> {
    let verdict = profile.verify(request, NOW);
    let location = verdict.location.filter(|_| verdict.is_ok())?;
    profile.identity("p", request, (location, 0))
}

/// Other spellings that a verifier might take for the same.
fn respelled(value: &str) -> Vec<String> {
    let mut all = vec![
        format!("{value}="),
        format!("{value}=="),
        format!("{value}%3D"),
        format!("{value}_"),
        format!("0{value}"),
        format!(" {value} "),
        value.trim_end_matches('=').to_owned(),
        value.trim_end_matches("%3D").to_owned(),
        value.to_ascii_uppercase(),
        value.to_ascii_lowercase(),
        value
            .replace("%2B", "+")
            .replace("%2F", "/")
            .replace("%3D", "="),
        value
            .replace("%2B", "%2b")
            .replace("%2F", "%2f")
            .replace("%3D", "%3d"),
        value.replace('-', "+").replace('_', "/"),
        value.replace('+', "-").replace('/', "_"),
    ];
    all.retain(|other| other != value);
    all
}

#[test]
fn it_is_the_tokens_and_not_its_spellings() {
    let mut respelled_and_good = 0;
    for scheme in with_tokens() {
        for from in places(scheme) {
            let profile = example(scheme, from);
            let location = profile.locations().first().unwrap();
            let mut seen = HashMap::new();
            let same_text = scheme.name == "jwt";
            for (url, later) in [("/a/x", 600), ("/b/x", 600), ("/a/x", 601)] {
                let key = key(key_of(scheme, "k1"));
                let wanted = Wanted {
                    now: NOW,
                    expires: NOW + later,
                    claims: &[],
                };
                let draft = profile.draft(&key, &wanted).unwrap();
                let request = carrying(&profile, location, url, &draft);
                let values = profile.sign(&key, &request, &wanted).unwrap().values;
                let good = carrying(&profile, location, url, &values);
                let own = identity(&profile, &good).unwrap();
                // The text of a message is always the same here, and a policy or a JWT names no URL.
                let before = seen.insert(own, (url, later));
                let names_url =
                    profile.signs_target() && !matches!(scheme.name, "edgeauth" | "gcp_cdn");
                assert!(
                    before.is_none() || !names_url || same_text,
                    "{} {from}",
                    scheme.name
                );
                assert!(
                    before.is_none_or(|before| before.1 == later || !profile.signs_expiry()),
                    "{}",
                    scheme.name
                );
                for index in 0..values.len() {
                    for other in respelled(&values[index]) {
                        let mut values = values.clone();
                        values[index] = other;
                        let request = carrying(&profile, location, url, &values);
                        if let Some(found) = identity(&profile, &request) {
                            respelled_and_good += 1;
                            assert_eq!(found, own, "{} {from} {values:?}", scheme.name);
                        }
                    }
                }
                // The same values in another place.
                for other in places(scheme).filter(|other| *other != from) {
                    let elsewhere = example(scheme, other);
                    let location = elsewhere.locations().first().unwrap();
                    let request = carrying(&elsewhere, location, url, &values);
                    let found = identity(&elsewhere, &request);
                    assert!(
                        found.is_none_or(|found| found == own),
                        "{} {from} {other}",
                        scheme.name
                    );
                }
            }
        }
    }
    // Padding, and the ways to escape it.
    assert!(respelled_and_good > 10, "{respelled_and_good}");
}

#[test]
fn a_signature_spelled_anew_is_no_new_token() {
    // Whoever has an ECDSA signature (r, s) can write (r, n - s), which verifies as well.
    use data_encoding::BASE64URL_NOPAD as BASE64;
    let pem = include_str!("../../../../t/data/keys/p256.pem");
    let profile = super::fake::profile(&[
        "format jwt",
        &format!("key encoding=pem {pem}"),
        "from query=t",
    ]);
    let profile = profile.unwrap();
    let private = crate::Key {
        id: None,
        secret: crate::Secret::new(pem.into()),
        form: crate::KeyForm::Pem,
    };
    let wanted = Wanted {
        now: NOW,
        expires: NOW + 600,
        claims: &[],
    };
    let values = profile
        .sign(&private, &Fake::new("/"), &wanted)
        .unwrap()
        .values;
    let (text, signature) = values[0].rsplit_once('.').unwrap();
    let mut raw = BASE64.decode(signature.as_bytes()).unwrap();
    let order = data_encoding::HEXLOWER
        .decode(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
        .unwrap();
    let mut borrow = 0;
    for (s, n) in raw[32..].iter_mut().zip(&order).rev() {
        let difference = i16::from(*n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = difference.rem_euclid(256) as u8;
    }
    let other = format!("{text}.{}", BASE64.encode(&raw));
    assert_ne!(other, values[0]);
    let by = |token: &str| identity(&profile, &Fake::new(&format!("/?t={token}")));
    assert!(by(&other).is_some());
    assert_eq!(by(&other), by(&values[0]));
}
