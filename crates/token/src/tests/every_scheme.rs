//! What holds for every row of the schemes, whatever it is.

use proptest::prelude::*;

use super::fake::{Fake, NOW, profile};
use crate::{Key, KeyForm, MAX_CARRIERS, Profile, SCHEMES, Scheme, Secret, TokenLocation, Wanted};

const WANTED: Wanted<'_> = Wanted {
    now: NOW,
    expires: NOW + 600,
    claims: &[],
};

/// The schemes that have tokens.
pub(crate) fn with_tokens() -> impl Iterator<Item = &'static Scheme> {
    SCHEMES.iter().filter(|scheme| scheme.has_tokens())
}

pub(crate) fn example(scheme: &Scheme, from: &str) -> Profile {
    let mut lines = vec![
        format!("format {}", scheme.name),
        format!("key id=one encoding=text {}", key_of(scheme, "k1")),
    ];
    // A scheme may have no name of its own for a place.
    let name = match from {
        "query" if scheme.carriers[0].query.is_none() => "query=t",
        "cookie" if scheme.carriers[0].cookie.is_none() => "cookie=t",
        other => other,
    };
    lines.push(format!("from {name}"));
    let words = scheme.example.iter();
    lines.extend(words.map(|(word, value)| format!("{word} {value}")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    profile(&lines).unwrap()
}

/// A key of a scheme, by a name: a secret, or the private one of a pair.
pub(crate) fn key_of(scheme: &Scheme, name: &'static str) -> &'static str {
    match (scheme.name, name) {
        ("cloudfront", "k1") => include_str!("../../../../t/data/keys/rsa.pem"),
        ("cloudfront", _) => include_str!("../../../../t/data/keys/p256.pem"),
        _ => name,
    }
}

/// The places a token of a scheme may have.
pub(crate) fn places(scheme: &Scheme) -> impl Iterator<Item = &'static str> {
    let path = scheme.path.map(|_| "path");
    ["query", "cookie", "header"].into_iter().chain(path)
}

pub(crate) fn key(text: &str) -> Key {
    Key {
        id: Some("one".to_owned()),
        secret: Secret::new(text.into()),
        form: KeyForm::Secret,
    }
}

/// A request for `url` with the values of a token in a location.
pub(crate) fn carrying(
    profile: &Profile,
    location: &TokenLocation,
    url: &str,
    values: &[String],
) -> Fake {
    let scheme = profile.scheme();
    let pairs = location
        .names()
        .map(|names| scheme.pairs(names, values))
        .unwrap_or_default();
    let joined = |between: &str| {
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(between)
    };
    let request = match location {
        TokenLocation::Query(_) => {
            let mark = if url.contains('?') { '&' } else { '?' };
            Fake::new(&format!("{url}{mark}{}", joined("&")))
        }
        TokenLocation::Cookie(_) => Fake::new(url).cookie(&joined("; ")),
        TokenLocation::Header(_) => {
            let lines = pairs.iter();
            lines.fold(Fake::new(url), |request, (name, value)| {
                // As RFC 6750 has it.
                let before = if *name == "Authorization" {
                    "Bearer "
                } else {
                    ""
                };
                request.header(name, &format!("{before}{value}"))
            })
        }
        TokenLocation::Path => {
            let join = profile.scheme().path.unwrap().join;
            Fake::new(&format!("/{}{url}", join(values))).serving(url)
        }
    };
    let texts = vec!["text"; profile.message_texts().count()];
    request.message(&texts)
}

#[test]
fn rows_are_complete() {
    for scheme in SCHEMES {
        let name = scheme.name;
        let named = SCHEMES.iter().filter(|one| one.name == name);
        assert_eq!(named.count(), 1, "{name}");
    }
    for scheme in with_tokens() {
        let name = scheme.name;
        assert!(
            (1..=MAX_CARRIERS).contains(&scheme.carriers.len()),
            "{name}"
        );
        assert!(
            (1..=scheme.carriers.len()).contains(&scheme.joined),
            "{name}"
        );
        let first = scheme.carriers.first().unwrap();
        assert!(first.required, "{name}");
        assert!(first.header.is_some(), "{name}");
        for option in scheme.options.iter().filter(|one| one.default.is_none()) {
            let mut given = scheme.example.iter();
            assert!(
                given.any(|one| one.0 == option.word),
                "{name} {}",
                option.word
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        url in "/[a-z/]{0,9}(\\?[xy]=[a-z&]{0,5})?",
        at: prop::sample::Index,
        by in 1u8..=255,
    ) {
        for scheme in with_tokens() {
            for from in places(scheme) {
                let profile = example(scheme, from);
                let location = profile.locations().first().unwrap();
                let sign = |by: &'static str| {
                    let by = key_of(scheme, by);
                    let draft = profile.draft(&key(by), &WANTED).unwrap();
                    let request = carrying(&profile, location, &url, &draft);
                    profile.sign(&key(by), &request, &WANTED).unwrap()
                };
                let signed = sign("k1");
                let good = carrying(&profile, location, &url, &signed.values);
                let verdict = profile.verify(&good, NOW);
                prop_assert_eq!(verdict.refused, None, "{} {} {:?}", scheme.name, from, signed);
                prop_assert_eq!(verdict.expires, Some(WANTED.expires));
                let late = profile.verify(&good, WANTED.expires + 1);
                prop_assert_eq!(late.as_str(), "expired");
                let shown = profile.findings(&good, NOW).next().unwrap().signed_text();
                prop_assert_eq!(shown, Some(signed.text));

                let forged = sign("k2");
                let forged = carrying(&profile, location, &url, &forged.values);
                prop_assert_eq!(profile.verify(&forged, NOW).as_str(), "invalid");

                for index in 0..signed.values.len() {
                    if signed.values[index].is_empty() {
                        continue;
                    }
                    let mut values: Vec<Vec<u8>> =
                        signed.values.iter().map(|value| value.clone().into_bytes()).collect();
                    let value = &mut values[index];
                    let place = at.index(value.len());
                    value[place] = value[place].wrapping_add(by);
                    // White space around a cookie or a header is no part of it, and padding may be left out.
                    if value[place].is_ascii_whitespace() {
                        continue;
                    }
                    let Ok(values) = values.into_iter().map(String::from_utf8).collect::<Result<Vec<_>, _>>()
                    else { continue };
                    let changed = carrying(&profile, location, &url, &values);
                    prop_assert!(!profile.verify(&changed, NOW).is_ok(), "{} {} {:?}", scheme.name, from, values);
                }
            }
        }
    }
}
