//! `catr`: tokens that ask to be renewed as a cookie.

use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;

use super::cat::{asking, bytes, map, saying, texts, token};
use super::every_scheme::key;
use super::fake::{Fake, NOW, profile};
use super::issue::issued;
use crate::{Profile, Wanted};

fn cat(more: &[&str]) -> Profile {
    let issuing = ["from header cookie=c", "issue_cookie c max_age=exp path=/"];
    super::cat::cat(&[&issuing[..], more].concat())
}

/// A token that ends in ten minutes and asks for an hour more when that is near.
fn asking_for(parts: Vec<(i64, Cbor)>) -> String {
    saying(vec![
        (6, NOW.into()),
        (313, texts(&["GET"])),
        (323, map(parts)),
    ])
}

fn usual() -> Vec<(i64, Cbor)> {
    vec![(0, 1.into()), (1, 3600.into()), (2, 900.into())]
}

/// The claims in the cookie of a `Set-Cookie` line.
fn claims(line: &str) -> Vec<(Cbor, Cbor)> {
    let value = line.strip_prefix("c=").unwrap().split(';').next().unwrap();
    let bytes = BASE64URL_NOPAD.decode(value.as_bytes()).unwrap();
    let Cbor::Tag(61, inner) = ciborium::from_reader(bytes.as_slice()).unwrap() else {
        panic!("no token: {line}");
    };
    let parts = inner.as_tag().unwrap().1.as_array().unwrap();
    let set = ciborium::from_reader(parts[2].as_bytes().unwrap().as_slice()).unwrap();
    Cbor::into_map(set).unwrap()
}

#[test]
fn a_token_that_asks_for_it_is_made_anew() {
    let profile = cat(&[]);
    let presented = asking_for(usual());
    let lines = issued(&profile, &asking("/a", &presented));
    let [line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert!(line.ends_with("; Path=/; Max-Age=3599"), "{line}");
    // All is as it was, but for the two times.
    let wanted = map(vec![
        (4, (NOW + 3600).into()),
        (6, NOW.into()),
        (313, texts(&["GET"])),
        (323, map(usual())),
    ]);
    assert_eq!(Cbor::Map(claims(line)), wanted);
    let renewed = line.strip_prefix("c=").unwrap().split(';').next().unwrap();
    assert_eq!(
        renewed,
        token(&bytes(&wanted)),
        "as the signer would make it"
    );
    // It is good in its place, as long as it says, and is not renewed before it is due.
    let back = |cookie: &str| {
        Fake::new("/a")
            .cookie(&format!("c={cookie}"))
            .message(&["https://cdn.test:443"])
    };
    let verdict = profile.verify(&back(renewed), NOW + 3599);
    assert!(verdict.is_ok());
    assert_eq!(verdict.expires, Some(NOW + 3600));
    assert!(!profile.verify(&back(renewed), NOW + 3600).is_ok());
    assert_eq!(issued(&profile, &back(renewed)), Vec::<String>::new());
    // In its cookie it is renewed as well.
    assert_eq!(issued(&profile, &back(&presented)), lines);
}

#[test]
fn what_asks_otherwise_is_handed_back_as_it_is() {
    let own = |presented: &str| vec![format!("c={presented}; Path=/; Max-Age=599")];
    for (what, parts) in [
        (
            "a header",
            vec![(0, 2.into()), (1, 3600.into()), (2, 900.into())],
        ),
        (
            "a redirect",
            vec![(0, 3.into()), (1, 3600.into()), (2, 900.into())],
        ),
        (
            "as it came, in a header",
            vec![(0, 0.into()), (1, 3600.into()), (2, 900.into())],
        ),
        (
            "not yet",
            vec![(0, 1.into()), (1, 3600.into()), (2, 599.into())],
        ),
        ("in the last minute", vec![(0, 1.into()), (1, 3600.into())]),
        (
            "no longer than now",
            vec![(0, 1.into()), (1, 600.into()), (2, 900.into())],
        ),
        (
            "shorter",
            vec![(0, 1.into()), (1, (-5).into()), (2, 900.into())],
        ),
        ("no time", vec![(0, 1.into()), (2, 900.into())]),
        (
            "no number",
            vec![(0, 1.into()), (1, "3600".into()), (2, 900.into())],
        ),
        (
            "too long for any clock",
            vec![(0, 1.into()), (1, i64::MAX.into()), (2, 900.into())],
        ),
        (
            "another cookie",
            vec![
                (0, 1.into()),
                (1, 3600.into()),
                (2, 900.into()),
                (3, "d".into()),
            ],
        ),
        ("nothing", vec![]),
    ] {
        let presented = asking_for(parts);
        assert_eq!(
            issued(&cat(&[]), &asking("/a", &presented)),
            own(&presented),
            "{what}"
        );
    }
    let named = [usual(), vec![(3, "c".into())]].concat();
    assert_ne!(
        issued(&cat(&[]), &asking("/a", &asking_for(named.clone()))),
        own(&asking_for(named))
    );
    // As it came, in the cookie.
    let automatic = asking_for(vec![(0, 0.into()), (1, 3600.into()), (2, 900.into())]);
    let request = Fake::new("/a")
        .cookie(&format!("c={automatic}"))
        .message(&["https://cdn.test:443"]);
    assert_eq!(issued(&cat(&[]), &request).len(), 1);
    // A link that stops after so many uses would begin anew.
    let presented = asking_for(usual());
    let limited = cat(&["limit uses=5 zone=1048576"]);
    assert_eq!(issued(&limited, &asking("/a", &presented)), own(&presented));
    // Over in the leeway: it is let in, and no more.
    let over = token(&bytes(&map(vec![(4, NOW.into()), (323, map(usual()))])));
    let lenient = cat(&["leeway 30"]);
    assert!(lenient.verify(&asking("/a", &over), NOW).is_ok());
    assert_eq!(
        issued(&lenient, &asking("/a", &over)),
        [format!("c={over}; Path=/; Max-Age=29")]
    );
}

/// Who has only the public key can make none, and who gives a wrong token gets none.
#[test]
fn only_a_secret_of_the_profile_renews() {
    let presented = asking_for(usual());
    let lines = [
        "format cat",
        "from header cookie=c",
        "issue_cookie c path=/",
    ];
    let other = profile(&[&lines[..], &["key fedcba9876543210fedcba9876543210"]].concat()).unwrap();
    assert_eq!(
        issued(&other, &asking("/a", &presented)),
        Vec::<String>::new()
    );
    let tenants = profile(&[&lines[..], &["key table=t name=n"]].concat()).unwrap();
    let mut request = asking("/a", &presented);
    request.route_keys = vec![Some(super::cat::SECRET.to_owned())];
    assert_eq!(
        issued(&tenants, &request),
        [format!("c={presented}; Path=/")]
    );
}

/// What the program signs asks for a cookie, and gets it.
#[test]
fn a_signer_is_told_how_it_is_renewed() {
    let profile = cat(&[]);
    let sign = |catr: &str| {
        let claims = [("catr".to_owned(), catr.to_owned())];
        let wanted = Wanted {
            now: NOW,
            expires: NOW + 600,
            claims: &claims,
        };
        let signed = profile.sign(&key(super::cat::SECRET), &asking("/a", ""), &wanted);
        signed.map(|signed| signed.values[0].clone())
    };
    let back = |catr: &str| {
        let presented = sign(catr).unwrap();
        let [line] = issued(&profile, &asking("/a", &presented))
            .try_into()
            .unwrap();
        let end = claims(&line).into_iter().find(|pair| pair.0 == 4.into());
        end.unwrap().1
    };
    assert_eq!(back("3600,900"), (NOW + 3600).into());
    assert_eq!(back("3600"), (NOW + 600).into(), "not in the last minute");
    for catr in ["", "x", "0", "-1", "3600,", "3600,0", "3600,900,1"] {
        assert!(sign(catr).is_err(), "{catr}");
    }
}
