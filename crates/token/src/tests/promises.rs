//! What a profile promises beyond the vectors.

use md5::Md5;

use super::fake::{
    EXP, Fake, NOW, profile, query, scalesimple, secure_link, sign, sign_link, status,
};
use crate::{InPath, MAX_TARGET, MAX_TOKEN, Reason, Verdict};

#[test]
fn expiry_is_inclusive_and_leeway_adds_to_it() {
    for (leeway, expiry, want) in [
        (0, NOW, None),
        (0, NOW - 1, Some(Reason::Expired)),
        (10, NOW - 10, None),
        (10, NOW - 11, Some(Reason::Expired)),
        (u64::try_from(i64::MAX).unwrap(), 0, None),
    ] {
        let expiry = expiry.to_string();
        let rx = query("/a", &sign("k1", &expiry, "/a"), &expiry);
        let profile = scalesimple(&[&format!("leeway {leeway}")]);
        assert_eq!(status(&profile, &rx), want, "{leeway} {expiry}");
    }
}

#[test]
fn a_forged_expired_token_is_invalid() {
    let profile = scalesimple(&[]);
    let forged = query("/a", &sign("other", "1", "/a"), "1");
    assert_eq!(
        profile.verify(&forged, NOW),
        Verdict {
            refused: Some(Reason::Invalid),
            key: None,
            expires: None,
            location: Some(0)
        }
    );
    let old = query("/a", &sign("k1", "1", "/a"), "1");
    let want = Verdict {
        refused: Some(Reason::Expired),
        key: Some(0),
        expires: Some(1),
        location: Some(0),
    };
    assert_eq!(profile.verify(&old, NOW), want);
}

#[test]
fn every_live_key_is_tried() {
    let profile = profile(&[
        "format scalesimple",
        "key id=a k1",
        "key k2",
        "key id=c k3\n",
    ])
    .unwrap();
    for (index, key, id) in [(0, "k1", Some("a")), (1, "k2", None), (2, "k3", Some("c"))] {
        let verdict = profile.verify(&query("/a", &sign(key, EXP, "/a"), EXP), NOW);
        let want = Verdict {
            refused: None,
            key: Some(index),
            expires: Some(NOW + 600),
            location: Some(0),
        };
        assert_eq!(verdict, want);
        assert_eq!(profile.key_id(index, |_| None), id);
    }
    assert_eq!(profile.key_id(3, |_| None), None);
    assert_eq!(
        status(&profile, &query("/a", &sign("k4", EXP, "/a"), EXP)),
        Some(Reason::Invalid)
    );
}

#[test]
fn the_first_valid_place_wins_else_the_first_reason() {
    let profile = scalesimple(&["from query cookie header"]);
    let good = sign("k1", EXP, "/a");
    let cookie = format!("ss_token={good}; ss_expiration={EXP}");
    let bad_header = |rx: Fake| {
        rx.header("X-SS-Token", &sign("x", EXP, "/a"))
            .header("x-ss-expiration", EXP)
    };
    assert_eq!(profile.verify(&Fake::new("/a"), NOW).location, None);
    assert_eq!(status(&profile, &Fake::new("/a")), Some(Reason::Missing));
    let verdict = profile.verify(&bad_header(Fake::new("/a").cookie(&cookie)), NOW);
    assert_eq!((verdict.refused, verdict.location), (None, Some(1)));
    let verdict = profile.verify(
        &bad_header(Fake::new("/a").cookie("ss_token=x; ss_expiration=1")),
        NOW,
    );
    assert_eq!(
        (verdict.refused, verdict.location),
        (Some(Reason::Malformed), Some(1))
    );
    let verdict = profile.verify(&bad_header(Fake::new("/a")), NOW);
    assert_eq!(
        (verdict.refused, verdict.location),
        (Some(Reason::Invalid), Some(2))
    );
    // A token for the whole URL stays good beside a broken one in the query, which it then signs.
    let target = "/a?ss_token=x&ss_expiration=1";
    let cookie = format!("ss_token={}; ss_expiration={EXP}", sign("k1", EXP, target));
    assert_eq!(status(&profile, &Fake::new(target).cookie(&cookie)), None);
}

#[test]
fn a_place_not_listed_is_not_read() {
    let good = sign("k1", EXP, "/a");
    assert_eq!(
        status(
            &scalesimple(&["from cookie header"]),
            &query("/a", &good, EXP)
        ),
        Some(Reason::Missing)
    );
    let rx = Fake::new("/a").cookie(&format!("ss_token={good}; ss_expiration={EXP}"));
    assert_eq!(
        status(&scalesimple(&["from query header"]), &rx),
        Some(Reason::Missing)
    );
}

#[test]
fn forms_that_are_no_scalesimple_token() {
    let profile = scalesimple(&["from query=st"]);
    let good = sign("k1", EXP, "/a");
    let status = |value: &str| status(&profile, &Fake::new(&format!("/a?st={value}")));
    assert_eq!(status(&format!("{good},{EXP}")), None);
    assert_eq!(status(&format!("{good},{EXP},")), Some(Reason::Malformed));
    assert_eq!(status(&good), Some(Reason::Malformed));
    for expiry in [
        "",
        "-1",
        "+1",
        "1700000600x",
        "%31",
        "1e9",
        "9999999999999999999",
        "18446744073709551616",
    ] {
        assert_eq!(
            status(&format!("{},{expiry}", sign("k1", expiry, "/a"))),
            Some(Reason::Malformed),
            "{expiry}"
        );
    }
    for token in [
        good.to_uppercase(),
        good[1..].to_owned(),
        format!("{good}0"),
        String::new(),
        "g".repeat(32),
    ] {
        assert_eq!(
            status(&format!("{token},{EXP}")),
            Some(Reason::Malformed),
            "{token}"
        );
    }
    assert_eq!(
        status(&format!("{},{EXP}", "0".repeat(32))),
        Some(Reason::Invalid)
    );
}

#[test]
fn half_a_token() {
    let profile = scalesimple(&["from query cookie header"]);
    assert_eq!(
        status(&profile, &Fake::new("/a?ss_token=0")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&profile, &Fake::new("/a?ss_expiration=1")),
        Some(Reason::Missing)
    );
    assert_eq!(
        status(&profile, &Fake::new("/a").cookie("ss_token=0")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&profile, &Fake::new("/a").header("X-SS-Token", "0")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&profile, &Fake::new("/a").header("X-SS-Expiration", "0")),
        Some(Reason::Missing)
    );
}

#[test]
fn a_repeated_carrier_of_scalesimple_is_malformed() {
    let good = sign("k1", EXP, "/a?x=1");
    let profile = scalesimple(&[]);
    let query = |before: &str, after: &str| {
        Fake::new(&format!(
            "/a?{before}ss_token={good}&x=1&ss_expiration={EXP}{after}"
        ))
    };
    assert_eq!(status(&profile, &query("", "")), None);
    let same = format!("ss_token={good}");
    for twice in ["ss_token=0", "ss_token=", "ss_expiration=1", &same] {
        let before = query(&format!("{twice}&"), "");
        assert_eq!(
            status(&profile, &before),
            Some(Reason::Malformed),
            "{twice}"
        );
        let after = query("", &format!("&{twice}"));
        assert_eq!(status(&profile, &after), Some(Reason::Malformed), "{twice}");
        let cookie = format!("ss_token={good}; ss_expiration={EXP}; {twice}");
        let cookie = Fake::new("/a?x=1").cookie(&cookie);
        assert_eq!(
            status(&profile, &cookie),
            Some(Reason::Malformed),
            "{twice}"
        );
    }
    let header = |name: &str| {
        let rx = Fake::new("/a?x=1").header("X-SS-Token", &good);
        rx.header("X-SS-Expiration", EXP).header(name, EXP)
    };
    assert_eq!(status(&profile, &header("X-Other")), None);
    assert_eq!(
        status(&profile, &header("x-ss-token")),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&profile, &header("X-SS-EXPIRATION")),
        Some(Reason::Malformed)
    );
}

#[test]
fn of_a_repeated_argument_of_a_secure_link_the_first_counts() {
    let link = sign_link(&format!("{EXP}/a k1"));
    let target = |first: &str, last: &str| {
        Fake::new(&format!("/a?md5={first}&md5={last}&expires={EXP}")).message(&["/a "])
    };
    assert_eq!(status(&secure_link(&[]), &target(&link, "0")), None);
    assert_eq!(
        status(&secure_link(&[]), &target("0", &link)),
        Some(Reason::Malformed)
    );
}

#[test]
fn names_are_exact_but_for_headers() {
    let good = sign("k1", EXP, "/a");
    let target = format!("/a?SS_TOKEN={good}&SS_EXPIRATION={EXP}");
    assert_eq!(
        status(&scalesimple(&[]), &Fake::new(&target)),
        Some(Reason::Missing)
    );
    let rx = Fake::new("/a").cookie(&format!("xss_token={good}; xss_expiration={EXP}"));
    assert_eq!(status(&scalesimple(&[]), &rx), Some(Reason::Missing));
    let rx = Fake::new("/a")
        .header("x-ss-TOKEN", &good)
        .header("X-Ss-Expiration", EXP);
    assert_eq!(status(&scalesimple(&[]), &rx), None);
}

#[test]
fn path_tokens_sign_the_url_without_them() {
    let profile = scalesimple(&["from path"]);
    let good = format!("{},{EXP}", sign("k1", EXP, "/live/ch1.m3u8?q=1"));
    for target in [
        format!("/{good}/live/ch1.m3u8?q=1"),
        format!("/live/{good}/ch1.m3u8?q=1"),
    ] {
        assert_eq!(status(&profile, &Fake::new(&target)), None, "{target}");
        let mut out = vec![0; target.len()];
        let len = profile.clean_path(target.as_bytes(), &mut out).unwrap();
        assert_eq!(&out[..len], b"/live/ch1.m3u8?q=1");
        assert_eq!(profile.clean_path(target.as_bytes(), &mut out[..5]), None);
    }
    for (target, want) in [
        (format!("/{good}/live/ch2.m3u8?q=1"), Some(Reason::Invalid)),
        ("/live/ch1.m3u8?q=1".to_owned(), Some(Reason::Missing)),
        (format!("/live/ch1.m3u8?q=/{good}"), Some(Reason::Missing)),
    ] {
        assert_eq!(status(&profile, &Fake::new(&target)), want, "{target}");
    }
    assert_eq!(profile.clean_path(b"/live/ch1.m3u8", &mut [0; 64]), None);
    let without = scalesimple(&["from query"]);
    assert_eq!(
        without.clean_path(format!("/{good}/a").as_bytes(), &mut [0; 64]),
        None
    );
}

#[test]
fn a_path_token_is_where_target_and_path_both_have_it() {
    let profile = scalesimple(&["from path"]);
    let t = format!("{},{EXP}", sign("k1", EXP, "/a"));
    let merged = |target: &str, path: &str| {
        let (target, path) = (target.replace('T', &t), path.replace('T', &t));
        let mut room = vec![0; target.len()];
        match profile.in_path(target.as_bytes(), path.as_bytes(), &mut room) {
            InPath::Nowhere => "nowhere".to_owned(),
            InPath::Cancelled => "cancelled".to_owned(),
            InPath::Both { target, path } => [target, path]
                .map(|found| String::from_utf8([found.before, found.after].concat()).unwrap())
                .join(" "),
        }
    };
    for (target, path, wanted) in [
        ("/T/a", "/T/a", "/a /a"),
        ("/T", "/T", "/ /"),
        ("/a/T?x", "/a/T", "/a/?x /a/"),
        ("//T//a", "/T/a", "///a /a"),
        ("//T//a", "//T//a", "///a ///a"),
        ("/./T/./a", "/T/a", "/././a /a"),
        ("/%2e%2E/T/a", "/T/a", "cancelled"),
        ("/b/%2e%2E/T/a", "/T/a", "/b/%2e%2E/a /a"),
        ("/%61%3f/T/b", "/a?/T/b", "/%61%3f/b /a?/b"),
        ("/T/../a", "/a", "cancelled"),
        ("/a/T/..", "/a/", "cancelled"),
        ("/a/T/b/../../c", "/a/c", "cancelled"),
        ("/T/b/../a", "/T/a", "/b/../a /a"),
        ("/T%2f../a", "/a", "nowhere"),
        ("/x%2FT/a", "/x/T/a", "nowhere"),
        ("/a#/T/b", "/a", "cancelled"),
        ("/T/../T/a", "/T/a", "cancelled"),
        ("/a?/T/", "/a", "nowhere"),
    ] {
        assert_eq!(merged(target, path), wanted, "{target}");
    }
}

#[test]
fn a_cancelled_path_token_opens_no_target() {
    let token = format!("{},{EXP}", sign("k1", EXP, "/u/../a"));
    let rx = Fake {
        is_cancelled: true,
        ..Fake::new(&format!("/u/{token}/../a"))
    };
    let verdict = scalesimple(&["from path"]).verify(&rx, NOW);
    assert_eq!(verdict.refused, Some(Reason::Malformed));
    // What is signed here is the path that is served.
    let token = format!("{},{EXP}", sign_link(&format!("{EXP}/u/a k1")));
    let rx = Fake {
        is_cancelled: true,
        ..Fake::new(&format!("/u/{token}/../a")).message(&["/u/a "])
    };
    let verdict = secure_link(&["from path"]).verify(&rx, NOW);
    assert_eq!(verdict.refused, None);
}

#[test]
fn secure_link_without_expiry() {
    let bare = profile(&[
        "format secure_link",
        "key k1",
        "message $uri {key}",
        "from query=st path",
    ])
    .unwrap();
    let hash = sign_link("/a k1");
    let rx = |target: &str| Fake::new(target).message(&["/a "]);
    let verdict = bare.verify(&rx(&format!("/a?st={hash}")), NOW);
    assert_eq!((verdict.refused, verdict.expires), (None, None));
    assert_eq!(status(&bare, &rx(&format!("/{hash}/a"))), None);
    assert_eq!(
        status(&bare, &rx(&format!("/a?st={hash},"))),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&bare, &rx(&format!("/a?st={hash},0"))),
        Some(Reason::Malformed)
    );
    // Two names: a link whose expiry was cut off is no link.
    assert_eq!(
        status(&secure_link(&[]), &rx(&format!("/a?md5={hash}"))),
        Some(Reason::Malformed)
    );
    let strict = secure_link(&["require_exp on", "from query=st path"]);
    assert_eq!(
        status(&strict, &rx(&format!("/a?st={hash}"))),
        Some(Reason::Malformed)
    );
    assert_eq!(
        status(&strict, &rx(&format!("/{hash}/a"))),
        Some(Reason::Missing)
    );
    let dated = sign_link(&format!("{EXP}/a k1"));
    assert_eq!(status(&strict, &rx(&format!("/{dated},{EXP}/a"))), None);
}

#[test]
fn secure_link_without_key_in_the_message_is_an_hmac() {
    use hmac::{Hmac, KeyInit, Mac};
    let lines = [
        "format secure_link",
        "key k1",
        "key k2",
        "message {expires}$uri",
    ];
    let profile = profile(&lines).unwrap();
    let mut mac = Hmac::<Md5>::new_from_slice(b"k2").unwrap();
    mac.update(format!("{EXP}/a").as_bytes());
    let hash = data_encoding::BASE64URL_NOPAD.encode(&mac.finalize().into_bytes());
    let rx = Fake::new(&format!("/a?md5={hash}&expires={EXP}")).message(&["/a"]);
    let verdict = profile.verify(&rx, NOW);
    assert_eq!((verdict.refused, verdict.key), (None, Some(1)));
    let plain = sign_link(&format!("{EXP}/a"));
    let rx = Fake::new(&format!("/a?md5={plain}&expires={EXP}")).message(&["/a"]);
    assert_eq!(status(&profile, &rx), Some(Reason::Invalid));
}

#[test]
fn a_message_without_a_value_refuses() {
    let hash = sign_link(&format!("{EXP} k1"));
    let rx = Fake::new(&format!("/a?md5={hash}&expires={EXP}"));
    assert_eq!(status(&secure_link(&[]), &rx), Some(Reason::Invalid));
}

#[test]
fn one_hash_has_one_spelling_but_for_padding() {
    let profile = secure_link(&["from query=st"]);
    let hash = sign_link(&format!("{EXP}/a k1"));
    let status = |hash: &str| {
        status(
            &profile,
            &Fake::new(&format!("/a?st={hash},{EXP}")).message(&["/a "]),
        )
    };
    for padding in ["", "=", "=="] {
        assert_eq!(status(&format!("{hash}{padding}")), None);
    }
    for junk in ["===", "=x", "A", " ", "%3D"] {
        assert_eq!(
            status(&format!("{hash}{junk}")),
            Some(Reason::Malformed),
            "{junk}"
        );
    }
    // The last character holds two bits of the hash; the other four must be zero.
    let (head, last) = hash.split_at(21);
    let others = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['-', '_'])
        .filter(|c| !last.contains(*c));
    for other in others {
        assert_ne!(status(&format!("{head}{other}")), None, "{other}");
    }
}

#[test]
fn overlong_is_malformed() {
    let profile = scalesimple(&["from query"]);
    let long_token = query("/a", &"0".repeat(MAX_TOKEN + 1), EXP);
    assert_eq!(status(&profile, &long_token), Some(Reason::Malformed));
    let long_expiry = query("/a", &sign("k1", EXP, "/a"), &"0".repeat(MAX_TOKEN + 1));
    assert_eq!(status(&profile, &long_expiry), Some(Reason::Malformed));
    for (room, want) in [(0, None), (1, Some(Reason::Malformed))] {
        let added = "?ss_token=&ss_expiration=".len() + 32 + EXP.len();
        let url = format!("/{}", "a".repeat(MAX_TARGET - added - 1 + room));
        let rx = query(&url, &sign("k1", EXP, &url), EXP);
        assert_eq!(rx.target.len(), MAX_TARGET + room);
        assert_eq!(status(&profile, &rx), want);
    }
}
