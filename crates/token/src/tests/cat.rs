//! Common Access Tokens against profiles: what they are, and what is refused of them.

use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

use super::fake::{Fake, NOW, profile, status};
use crate::{Profile, Reason};

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn cat(more: &[&str]) -> Profile {
    let key = format!("key {SECRET}");
    profile(&[&["format cat", &key], more].concat()).unwrap()
}

pub(super) fn bytes(value: &Cbor) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

/// A token around a payload, the MAC made another way than by the code that is tested.
pub(super) fn token(payload: &[u8]) -> String {
    let protected = bytes(&Cbor::Map(vec![(1.into(), 5.into())]));
    let text = bytes(&Cbor::Array(vec![
        "MAC0".into(),
        protected.clone().into(),
        Cbor::Bytes(Vec::new()),
        payload.to_vec().into(),
    ]));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&text);
    let token = Cbor::Array(vec![
        protected.into(),
        Cbor::Map(Vec::new()),
        payload.to_vec().into(),
        mac.finalize().into_bytes().to_vec().into(),
    ]);
    BASE64URL_NOPAD.encode(&bytes(&Cbor::Tag(
        61,
        Box::new(Cbor::Tag(17, Box::new(token))),
    )))
}

pub(super) fn map(pairs: Vec<(i64, Cbor)>) -> Cbor {
    Cbor::Map(
        pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    )
}

pub(super) fn texts(list: &[&str]) -> Cbor {
    Cbor::Array(list.iter().map(|text| (*text).into()).collect())
}

/// A token that expires soon and says this, too.
pub(super) fn saying(claims: Vec<(i64, Cbor)>) -> String {
    let mut all = vec![(4, (NOW + 600).into())];
    all.extend(claims);
    token(&bytes(&map(all)))
}

/// A request for a URL of `https://cdn.test` that carries a token.
pub(super) fn asking(target: &str, token: &str) -> Fake {
    Fake::new(target)
        .header("Common-Access-Token", token)
        .message(&["https://cdn.test:443"])
}

pub(super) fn judged(claims: Vec<(i64, Cbor)>) -> Option<Reason> {
    status(&cat(&[]), &asking("/live/a.m3u8?x=1", &saying(claims)))
}

#[test]
fn places() {
    let good = saying(Vec::new());
    let profile = cat(&[]);
    for request in [
        Fake::new(&format!("/a?CAT={good}")),
        Fake::new("/a").cookie(&format!("Common-Access-Token={good}")),
        Fake::new("/a").header("common-access-token", &good),
    ] {
        assert_eq!(status(&profile, &request), None);
    }
    let bearer = Fake::new("/").header("Authorization", &format!("Bearer {good}"));
    assert_eq!(status(&profile, &bearer), Some(Reason::Missing));
    assert_eq!(status(&cat(&["from header=Authorization"]), &bearer), None);
    for other in [
        format!("{good}="),
        format!(" {good}").replace(' ', "A"),
        good.replace('A', "+"),
        good[..40].to_owned(),
        "A".repeat(8193),
        String::new(),
    ] {
        let request = Fake::new(&format!("/a?CAT={other}"));
        assert_eq!(
            status(&profile, &request),
            Some(Reason::Malformed),
            "{other}"
        );
    }
}

#[test]
fn times() {
    let at = |claims: Vec<(i64, Cbor)>, now: i64| {
        let request = asking("/", &token(&bytes(&map(claims))));
        cat(&[]).verify(&request, now).refused
    };
    let exp = |value: Cbor| vec![(4, value)];
    for (claims, now, wanted) in [
        (exp(NOW.into()), NOW - 1, None),
        (exp(NOW.into()), NOW, Some(Reason::Expired)),
        (exp((NOW as f64 + 0.5).into()), NOW, None),
        (
            exp((NOW as f64 + 0.5).into()),
            NOW + 1,
            Some(Reason::Expired),
        ),
        (exp(Cbor::from(65504.0)), 65503, None),
        (exp((-1).into()), NOW, Some(Reason::Expired)),
        (exp(u64::MAX.into()), NOW, Some(Reason::Malformed)),
        (exp(Cbor::from(1e300)), NOW, Some(Reason::Malformed)),
        (
            exp(NOW.to_string().into()),
            NOW - 1,
            Some(Reason::Malformed),
        ),
        (exp(Cbor::Null), NOW, Some(Reason::Malformed)),
        (
            exp(Cbor::Tag(1, Box::new(NOW.into()))),
            NOW - 1,
            Some(Reason::Malformed),
        ),
        (vec![], NOW, Some(Reason::Malformed)),
        (
            vec![(4, (NOW + 9).into()), (5, (NOW + 1).into())],
            NOW,
            Some(Reason::NotYetValid),
        ),
        (vec![(4, (NOW + 9).into()), (5, NOW.into())], NOW, None),
        (
            vec![(4, (NOW + 9).into()), (5, "x".into())],
            NOW,
            Some(Reason::Malformed),
        ),
        (
            vec![(4, (NOW + 9).into()), (6, "x".into())],
            NOW,
            Some(Reason::Malformed),
        ),
        (
            vec![(4, NOW.into()), (5, (NOW + 1).into()), (310, 2.into())],
            NOW,
            Some(Reason::Expired),
        ),
    ] {
        assert_eq!(at(claims.clone(), now), wanted, "{claims:?} {now}");
    }
}

#[test]
fn claims_of_all_web_tokens() {
    let profile = cat(&[
        "issuer a.test",
        "audience edge",
        "require 316 not exists",
        "require -70000 = 5",
    ]);
    let with = |more: Vec<(i64, Cbor)>| {
        let mut claims = vec![
            (1, "a.test".into()),
            (3, texts(&["x", "edge"])),
            (-70000, 5.into()),
        ];
        claims.retain(|one: &(i64, Cbor)| !more.iter().any(|other| other.0 == one.0));
        claims.extend(more);
        status(&profile, &asking("/", &saying(claims)))
    };
    assert_eq!(with(vec![]), None);
    assert_eq!(with(vec![(3, "edge".into())]), None);
    assert_eq!(with(vec![(1, "b.test".into())]), Some(Reason::Forbidden));
    assert_eq!(with(vec![(3, "x".into())]), Some(Reason::Forbidden));
    assert_eq!(with(vec![(-70000, 6.into())]), Some(Reason::Forbidden));
    for (label, value) in [
        (1, Cbor::from(5)),
        (2, Cbor::Bytes(vec![1])),
        (3, 5.into()),
        (3, Cbor::Array(vec![5.into()])),
        (7, "x".into()),
    ] {
        assert_eq!(
            with(vec![(label, value)]),
            Some(Reason::Malformed),
            "{label}"
        );
    }
    // A name in letters beside the number that means the same, whichever is looked at.
    let both = Cbor::Map(vec![
        (1.into(), "a.test".into()),
        ("iss".into(), "b.test".into()),
        (4.into(), (NOW + 9).into()),
    ]);
    assert_eq!(
        status(&cat(&[]), &asking("/", &token(&bytes(&both)))),
        Some(Reason::Malformed)
    );
    // Alone it is a claim like any other, and no issuer.
    let named = Cbor::Map(vec![
        ("exp".into(), (NOW + 9).into()),
        ("cat".into(), 1.into()),
    ]);
    assert_eq!(
        status(&cat(&[]), &asking("/", &token(&bytes(&named)))),
        Some(Reason::Malformed)
    );
}

#[test]
fn claims_as_a_document() {
    let profile = cat(&["require catm contains GET"]);
    let request = asking(
        "/",
        &saying(vec![
            (7, Cbor::Bytes(vec![0xff, 0xfe])),
            (313, texts(&["GET"])),
            (2, "o\"n\u{e9}".into()),
        ]),
    );
    let checked = profile.check(&request, NOW);
    let text = |path: &str| {
        let path = crate::ClaimPath::parse(path).unwrap();
        let found = path.text(checked.claims.unwrap(), |len| Some(vec![0; len].leak()));
        found.map(|text| String::from_utf8(text.to_vec()).unwrap())
    };
    assert_eq!(text("cti").as_deref(), Some("__4"));
    assert_eq!(text("sub").as_deref(), Some("o\"né"));
    assert_eq!(text("catm.0").as_deref(), Some("GET"));
    assert_eq!(text("exp").as_deref(), Some("1700000600"));
    assert_eq!(text("316"), None);
}

#[test]
fn versions_methods_and_unknown_claims() {
    let empty = || map(Vec::new());
    for (label, value, wanted) in [
        (310, Cbor::from(1), None),
        (310, 2.into(), Some(Reason::Forbidden)),
        (310, "1".into(), Some(Reason::Malformed)),
        (308, 0.into(), None),
        (308, 1.into(), Some(Reason::Forbidden)),
        (308, 2.into(), Some(Reason::Forbidden)),
        (308, Cbor::Null, Some(Reason::Malformed)),
        (313, texts(&["HEAD", "GET"]), None),
        (313, texts(&["get"]), Some(Reason::Forbidden)),
        (313, texts(&[]), Some(Reason::Forbidden)),
        (313, "GET".into(), Some(Reason::Malformed)),
        (9, "read".into(), None),
        (322, empty(), Some(Reason::Forbidden)),
        (323, empty(), None),
        (-65537, 1.into(), None),
        // What restricts, and nobody here can judge.
        (8, empty(), Some(Reason::Forbidden)),
        (41, empty(), Some(Reason::Forbidden)),
        (44, empty(), Some(Reason::Forbidden)),
        (282, "u33".into(), Some(Reason::Forbidden)),
        (309, 50.into(), Some(Reason::Forbidden)),
        (
            314,
            Cbor::Array(vec![Cbor::Bytes(b"h2".to_vec())]),
            Some(Reason::Forbidden),
        ),
        (317, Cbor::Array(vec![]), Some(Reason::Forbidden)),
        (319, Cbor::Bytes(vec![0; 32]), Some(Reason::Forbidden)),
        (320, empty(), Some(Reason::Forbidden)),
        (321, empty(), Some(Reason::Forbidden)),
        (324, empty(), Some(Reason::Forbidden)),
        (0, 1.into(), Some(Reason::Forbidden)),
        (-1, 1.into(), Some(Reason::Forbidden)),
        (-65536, 1.into(), Some(Reason::Forbidden)),
        (99_999, 1.into(), Some(Reason::Forbidden)),
    ] {
        assert_eq!(
            judged(vec![(label, value.clone())]),
            wanted,
            "{label} {value:?}"
        );
    }
    // Where a token is let in once, it may say that it wants this.
    for (value, wanted) in [(0, None), (1, None), (2, Some(Reason::Forbidden))] {
        let request = asking("/", &saying(vec![(308, value.into())]));
        let once = status(&cat(&["limit uses=1 zone=1048576"]), &request);
        assert_eq!(once, wanted, "{value}");
        let twice = status(&cat(&["limit uses=2 zone=1048576"]), &request);
        assert_eq!(twice.is_none(), value == 0, "{value}");
    }
    let crit = |list: &[i64]| {
        let list = list.iter().map(|label| (*label).into()).collect();
        judged(vec![
            (45, Cbor::Array(list)),
            (313, texts(&["GET"])),
            (323, empty()),
        ])
    };
    assert_eq!(crit(&[4, 313, 45]), None);
    assert_eq!(crit(&[312]), Some(Reason::Forbidden), "it is not there");
    assert_eq!(
        crit(&[323]),
        Some(Reason::Forbidden),
        "nobody renews a token"
    );
    assert_eq!(judged(vec![(45, 4.into())]), Some(Reason::Malformed));
    assert_eq!(judged(vec![(45, texts(&["exp"]))]), Some(Reason::Forbidden));
}

#[test]
fn payloads_that_are_none() {
    let refused = |payload: &[u8]| status(&cat(&[]), &asking("/", &token(payload)));
    let deep = [
        vec![0xa1, 0x04, 0x1a, 0x7f, 0xff, 0xff, 0xff],
        vec![0x81; 3000],
    ]
    .concat();
    let many = Cbor::Map(
        (0..65)
            .map(|key| ((-70_000 - key).into(), 1.into()))
            .collect(),
    );
    for payload in [
        &b""[..],
        b"{}",
        &bytes(&Cbor::Array(vec![])),
        &bytes(&Cbor::from(5)),
        &deep,
        &bytes(&many),
        &[
            0xa2, 4, 0x1a, 0x7f, 0xff, 0xff, 0xff, 4, 0x1a, 0x7f, 0xff, 0xff, 0xff,
        ],
        &[0xbf, 4, 0x1a, 0x7f, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(refused(payload), Some(Reason::Malformed), "{payload:?}");
    }
    // Keys are numbers or texts, and a text is not the name of a number: no claim passes for another one.
    let keyed = |key: &Cbor| {
        let exp = (4.into(), (NOW + 600).into());
        refused(&bytes(&Cbor::Map(vec![exp, (key.clone(), "x".into())])))
    };
    for key in [
        Cbor::Bytes(vec![2]),
        Cbor::Float(312.0),
        Cbor::Bool(true),
        Cbor::Null,
        Cbor::Tag(1, Box::new(312.into())),
        Cbor::Array(vec![]),
        "sub".into(),
        "iss".into(),
        "catu".into(),
        "312".into(),
        "-70001".into(),
    ] {
        assert_eq!(keyed(&key), Some(Reason::Malformed), "{key:?}");
    }
    for key in ["tier", "Sub", "", "-", "3-d", "1.5"] {
        assert_eq!(keyed(&key.into()), None, "{key}");
    }
    // Numbers that are written longer than they need be are numbers.
    assert_eq!(
        refused(&[0xa1, 0x18, 4, 0x1b, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]),
        None
    );
}

#[test]
fn algorithms_are_the_keys() {
    let refused = |lines: &[&str]| {
        let lines = [&["format cat"], lines].concat();
        profile(&lines).unwrap_err()
    };
    assert_eq!(
        refused(&["key k", "algorithm RS256"]),
        "format \"cat\" has no \"RS256\" as in \"algorithm\" directive, it must be \"HS256\", \"HS384\", \"HS512\", \"ES256\", \"ES384\", \"ES512\", \"PS256\", \"PS384\", \"PS512\" or \"EdDSA\""
    );
    assert!(refused(&["key k", "algorithm sha256"]).contains("takes no such algorithm"));
    let file = |name: &str| {
        let path = format!(
            "{}/../../t/data/keys/{name}.pub.pem",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::read_to_string(path).unwrap()
    };
    // Its text is known to everybody.
    assert!(
        refused(&[&format!("key {}", file("p256"))]).contains("is no secret but the text of a key")
    );
    let with_pem =
        |name: &str| profile(&["format cat", &format!("key encoding=pem {}", file(name))]).unwrap();
    for name in ["rsa", "p256", "p384", "p521", "ed25519"] {
        let good = saying(Vec::new());
        assert_eq!(
            status(&with_pem(name), &asking("/", &good)),
            Some(Reason::Invalid),
            "{name}"
        );
    }
}

proptest! {
    /// Whatever is signed, nothing panics, and what is accepted has not expired.
    #[test]
    fn any_payload_is_survived(
        keys in prop::collection::vec(prop_oneof![0_i64..12, 305_i64..326, -3_i64..3], 0..6),
        values in prop::collection::vec(prop_oneof![
            any::<i64>().prop_map(Cbor::from),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Cbor::from),
            "[ -~]{0,8}".prop_map(Cbor::from),
            Just(Cbor::Array(vec![1.into(), Cbor::Tag(52, Box::new(Cbor::Bytes(vec![1; 4])))])),
            Just(map(vec![(3, map(vec![(1, "/".into())]))])),
        ], 6),
        raw in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let claims: Vec<_> = keys.into_iter().zip(values).collect();
        let has_exp = claims.iter().any(|one| one.0 == 4);
        let _ = judged(claims.clone());
        prop_assume!(!has_exp);
        let whole = bytes(&map(claims));
        let request = asking("/a", &token(&whole));
        prop_assert!(status(&cat(&[]), &request).is_some());
        prop_assert!(status(&cat(&[]), &asking("/a", &token(&raw))).is_some());
        let text = BASE64URL_NOPAD.encode(&raw);
        prop_assert!(status(&cat(&[]), &asking("/a", &text)).is_some());
    }

    /// No byte of a token can be another one.
    #[test]
    fn signed_bytes_are_those_of_the_key(at: prop::sample::Index, bit in 0_u32..8) {
        let good = BASE64URL_NOPAD.decode(saying(vec![(1, "a".into()), (312, map(vec![(3, map(vec![(1, "/".into())]))]))]).as_bytes()).unwrap();
        let with = |token: &[u8]| status(&cat(&["from header"]), &asking("/a", &BASE64URL_NOPAD.encode(token)));
        prop_assert_eq!(with(&good), None);
        let mut other = good.clone();
        other[at.index(good.len())] ^= 1_u8 << bit;
        prop_assert!(with(&other).is_some());
    }
}
