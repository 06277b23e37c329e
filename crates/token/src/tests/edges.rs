//! Forms at the edge of what is a token, and what a profile says about itself.

use super::fake::{
    EXP, Fake, NOW, profile, query, scalesimple, secure_link, sign, sign_link, status,
};
use crate::{Carriers, InPath, MAX_TARGET, Profile, Reason, TokenLocation, scheme};

#[test]
fn a_segment_is_a_token_only_as_a_whole() {
    let hash = "0123456789abcdef0123456789abcdef";
    let link = "MTIzNDU2Nzg5MDEyMzQ1Ng";
    let bare = profile(&["format secure_link", "key k", "message $uri", "from path"]).unwrap();
    for (profile, good, bad) in [
        (
            scalesimple(&["from path"]),
            hash,
            "0123456789ABCDEF0123456789abcdef",
        ),
        (secure_link(&["from path"]), link, "MTIzNDU2Nzg5MDEyMzQ1N!"),
        (bare, link, "MTIzNDU2Nzg5MDEyMzQ1N!"),
    ] {
        let is_token = |segment: &str| {
            let target = format!("/{segment}/a");
            status(&profile, &Fake::new(&target)) != Some(Reason::Missing)
        };
        assert!(is_token(&format!("{good},1")));
        for segment in [
            format!("{bad},1"),
            format!("{good},"),
            format!("{good},x"),
            format!("{good},1x"),
            format!("{good}x1"),
            bad.to_owned(),
        ] {
            assert!(!is_token(&segment), "{segment}");
        }
    }
}

#[test]
fn a_profile_says_what_it_is() {
    let profile = profile(&[
        "format scalesimple",
        "key id=i hunter2",
        "from path cookie=c",
    ])
    .unwrap();
    assert_eq!(profile.locations().len(), 2);
    assert_eq!(profile.locations().first(), Some(&TokenLocation::Path));
    assert_eq!(
        format!("{profile:?}"),
        "Profile { scheme: Scheme(\"scalesimple\"), locations: [Path, Cookie(Names([\"c\"]))], .. }"
    );
    assert_eq!(
        format!("{:?}", scheme("secure_link").unwrap()),
        "Scheme(\"secure_link\")"
    );
}

#[test]
fn a_network_in_bind_ip_is_a_value_like_exact() {
    let refused = profile(&["format scalesimple", "key k", "bind_ip /24,/64"]);
    assert_eq!(
        refused.map(|_| ()),
        Err("has \"bind_ip\", format \"scalesimple\" carries no address".to_owned())
    );
}

#[test]
fn findings_say_what_each_place_holds() {
    let profile = scalesimple(&["from query cookie header path"]);
    let good = sign("k1", EXP, "/a?b");
    let rx = query("/a?b", &good, EXP)
        .cookie("ss_token=x; ss_expiration=7")
        .header("X-SS-Token", "y");
    let findings: Vec<_> = profile.findings(&rx, NOW).collect();
    let statuses: Vec<(Option<usize>, Option<Reason>)> = findings
        .iter()
        .map(|finding| (finding.verdict.location, finding.verdict.refused))
        .collect();
    assert_eq!(
        statuses,
        [
            (Some(0), None),
            (Some(1), Some(Reason::Malformed)),
            (Some(2), Some(Reason::Malformed))
        ]
    );
    let shown: Vec<_> = findings
        .iter()
        .map(|finding| (finding.token(), finding.expiry(), finding.signed_text()))
        .collect();
    let signed = |text: &str| Some(text.as_bytes().to_vec());
    let target = String::from_utf8(rx.target.clone()).unwrap();
    assert_eq!(
        shown,
        [
            (
                Some(good.as_bytes()),
                Some(EXP.as_bytes()),
                signed(&format!("{EXP}/a?b{{key}}"))
            ),
            (
                Some(b"x".as_slice()),
                Some(b"7".as_slice()),
                signed(&format!("7{target}{{key}}"))
            ),
            (None, None, None)
        ]
    );
    let link = profile_without_expiry();
    let rx = Fake::new(&format!("/a?st={}", sign_link("/a k1"))).message(&["/a "]);
    let found = link.findings(&rx, NOW).next().unwrap();
    assert!(found.token().is_some() && found.expiry().is_none());
}

fn profile_without_expiry() -> Profile {
    let lines = [
        "format secure_link",
        "key k1",
        "message $uri {key}",
        "from query=st",
    ];
    profile(&lines).unwrap()
}

#[test]
fn a_profile_without_tokens_lets_every_request_in_and_strips_nothing() {
    let open = profile(&["format open"]).unwrap();
    for request in [
        Fake::new("/a"),
        query("/a", "x", "1"),
        Fake::new("/a").cookie("token=x").header("X-Token", "x"),
        Fake::new(&"/".repeat(MAX_TARGET + 1)),
    ] {
        let verdict = open.verify(&request, NOW);
        assert_eq!((verdict.as_str(), verdict.key), ("ok", None));
        assert_eq!((verdict.expires, verdict.location), (None, None));
    }
    assert_eq!(open.carriers(), &Carriers::default());
    assert_eq!(open.in_path(b"/a/b", b"/a/b", &mut [0; 4]), InPath::Nowhere);
}
