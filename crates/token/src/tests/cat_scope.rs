//! Common Access Tokens against requests: networks, places, URLs, headers.

use ciborium::Value as Cbor;
use sha2::{Digest as _, Sha256, Sha512, Sha512_256};

use super::cat::{asking, cat, judged, map, saying, texts};
use super::fake::{Fake, status};
use crate::Reason;

#[test]
fn networks_and_places() {
    let tag = |tag: u64, value: Cbor| Cbor::Tag(tag, Box::new(value));
    let address = |bytes: &[u8]| {
        tag(
            if bytes.len() == 4 { 52 } else { 54 },
            Cbor::Bytes(bytes.to_vec()),
        )
    };
    let prefix = |number: u64, bits: i64, bytes: &[u8]| {
        tag(
            number,
            Cbor::Array(vec![bits.into(), Cbor::Bytes(bytes.to_vec())]),
        )
    };
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7];
    let from = |client: &str, lines: &[&str], list: Vec<Cbor>| {
        let request = asking("/", &saying(vec![(311, Cbor::Array(list))]));
        let mut request = request.of_client(client);
        request.areas = Some(vec!["AS64496"]);
        status(&cat(lines), &request)
    };
    for (client, one, is_in) in [
        ("192.0.2.7", address(&[192, 0, 2, 7]), true),
        ("192.0.2.8", address(&[192, 0, 2, 7]), false),
        ("::ffff:192.0.2.7", address(&[192, 0, 2, 7]), true),
        ("192.0.2.7", address(&mapped), true),
        ("2001:db8::1", address(&v6), true),
        ("2001:db8::2", address(&v6), false),
        ("192.0.2.7", prefix(52, 24, &[192, 0, 2]), true),
        ("192.0.3.7", prefix(52, 24, &[192, 0, 2]), false),
        ("192.0.2.7", prefix(52, 24, &[192, 0, 2, 255]), true),
        ("192.0.2.7", prefix(52, 0, &[]), true),
        ("2001:db8::9", prefix(52, 0, &[]), false),
        ("2001:db8:0:1::9", prefix(54, 48, &v6[..4]), true),
        ("2001:db9::9", prefix(54, 48, &v6[..4]), false),
        ("192.0.2.7", prefix(54, 120, &mapped), true),
        ("192.0.2.7", prefix(54, 0, &[]), false),
        ("192.0.2.7", prefix(52, 33, &[192, 0, 2, 7]), false),
        ("192.0.2.7", prefix(52, -1, &[192, 0, 2, 7]), false),
        ("192.0.2.7", prefix(52, 24, &[192, 0, 2, 7, 0]), false),
        ("192.0.2.7", tag(52, Cbor::Bytes(vec![192, 0, 2])), false),
        ("192.0.2.7", tag(53, Cbor::Bytes(vec![192, 0, 2, 7])), false),
        (
            "192.0.2.7",
            tag(
                52,
                Cbor::Array(vec![Cbor::Bytes(vec![192, 0, 2, 7]), 24.into()]),
            ),
            false,
        ),
        ("192.0.2.7", "192.0.2.7".into(), false),
        ("192.0.2.7", 64496.into(), true),
        ("192.0.2.7", 64497.into(), false),
        ("192.0.2.7", (1_u64 << 32 | 64496).into(), false),
    ] {
        let wanted = (!is_in).then_some(Reason::WrongIp);
        assert_eq!(
            from(client, &[], vec![one.clone()]),
            wanted,
            "{client} {one:?}"
        );
        assert_eq!(
            from(client, &[], vec![one.clone(), 64496.into()]),
            None,
            "one of several"
        );
        assert_eq!(from(client, &["bind_ip off"], vec![one]), None);
    }
    assert_eq!(from("192.0.2.7", &[], vec![]), Some(Reason::WrongIp));
    assert_eq!(
        from(
            "192.0.2.9",
            &["bind_ip /24,/64"],
            vec![address(&[192, 0, 2, 7])]
        ),
        None
    );
    let nobody = asking(
        "/",
        &saying(vec![(311, Cbor::Array(vec![prefix(52, 0, &[])]))]),
    );
    assert_eq!(
        status(&cat(&[]), &nobody),
        Some(Reason::WrongIp),
        "without an address"
    );

    let place = |areas: Option<Vec<&'static str>>, list: &[&str]| {
        let mut request = asking("/", &saying(vec![(316, texts(list))]));
        request.areas = areas;
        status(&cat(&[]), &request)
    };
    let here = || Some(vec!["DE", "DE-BE"]);
    assert_eq!(place(here(), &["FR", "DE"]), None);
    assert_eq!(place(here(), &["DE-BE"]), None);
    for (areas, list) in [
        (here(), &["FR"][..]),
        (here(), &["DE-BY"]),
        (here(), &[]),
        (Some(vec![]), &["DE"]),
        (None, &["DE"]),
    ] {
        assert_eq!(place(areas, list), Some(Reason::Forbidden), "{list:?}");
    }
    assert_eq!(judged(vec![(316, "DE".into())]), Some(Reason::Malformed));
    assert_eq!(judged(vec![(311, 1.into())]), Some(Reason::Malformed));
}

/// Whether a URL below `https://cdn.test` is one that a `catu` means.
fn in_scope(target: &str, origin: &str, claim: &Cbor) -> bool {
    let request = asking(target, &saying(vec![(312, claim.clone())])).message(&[origin]);
    match status(&cat(&["from header"]), &request) {
        None => true,
        Some(Reason::WrongPath) => false,
        other => panic!("{target} {claim:?}: {other:?}"),
    }
}

#[test]
fn parts_of_a_url() {
    let rule = |part: i64, kind: i64, text: &str| map(vec![(part, map(vec![(kind, text.into())]))]);
    let holds = |target: &str, claim: &Cbor| in_scope(target, "https://cdn.test:443", claim);
    for (part, kind, text, target, wanted) in [
        (0, 0, "https", "/", true),
        (0, 0, "http", "/", false),
        (1, 0, "cdn.test", "/", true),
        (1, 0, "cdn.tes", "/", false),
        (1, 2, ".test", "/", true),
        (1, 0, "CDN.test", "/", false),
        (2, 0, "443", "/", true),
        (2, 0, "", "/", true),
        (2, 0, "80", "/", false),
        (3, 0, "/live/a.m3u8", "/live/a.m3u8?x", true),
        (3, 1, "/live/", "/live/a.m3u8", true),
        (3, 1, "/live/", "/vod/a.m3u8", false),
        (3, 1, "/live/", "/live/../vod/a", false),
        (3, 1, "/live/", "/live/%2e%2e/vod/a", false),
        (3, 1, "/live/", "/live/..;/vod/a", false),
        (3, 1, "/live/", "/%6cive/a", false),
        (3, 1, "/%6cive/", "/%6cive/a", false),
        (3, 1, "/a%20b/", "/a%20b/c", true),
        (3, 1, "/a b/", "/a%20b/c", false),
        (3, 2, ".m3u8", "/live/a.m3u8", true),
        (3, 2, ".m3u8", "/live/a.ts?.m3u8", false),
        (3, 3, "/ch1/", "/live/ch1/a", true),
        (3, 3, "/ch1/", "/live/ch2/a", false),
        (3, 3, "", "/live/ch2/a", true),
        (3, 4, ".*", "/live/a", false),
        (3, 9, "/live/a", "/live/a", false),
        (4, 0, "x=1", "/a?x=1", true),
        (4, 0, "", "/a", true),
        (4, 3, "x=1", "/a?y=x=1&z", true),
        (4, 0, "x=1", "/a?x=2", false),
        // nginx ends the URL at a fragment, which no honest client sends.
        (4, 0, "x=1", "/a#?x=1", false),
        (4, 3, "x=1", "/a?x=2#x=1", false),
        (1, 0, "cdn.test", "/a#", false),
        (5, 0, "/live/ch1", "/live/ch1/a.ts", true),
        (5, 0, "/live", "/live/ch1/a.ts", false),
        (5, 0, "", "/a.ts", true),
        (6, 0, "a.b.ts", "/live/a.b.ts", true),
        (7, 0, "a.b", "/live/a.b.ts", true),
        (8, 0, ".ts", "/live/a.b.ts", true),
        (8, 0, "", "/live.d/a", true),
        (7, 0, "a", "/live.d/a", true),
        (6, 0, "", "/live/", true),
        (9, 0, "x", "/x", false),
        (-1, 0, "x", "/x", false),
    ] {
        let claim = rule(part, kind, text);
        assert_eq!(
            holds(target, &claim),
            wanted,
            "{part} {kind} {text} {target}"
        );
    }
    // All of several must hold.
    let object = |rules: Vec<(i64, Cbor)>| map(vec![(3, map(rules))]);
    let both = object(vec![(1, "/live/".into()), (2, ".ts".into())]);
    assert!(holds("/live/a.ts", &both) && !holds("/live/a", &both) && !holds("/a.ts", &both));
    let parts = map(vec![
        (1, map(vec![(0, "cdn.test".into())])),
        (8, map(vec![(0, ".ts".into())])),
    ]);
    assert!(holds("/a.ts", &parts) && !holds("/a.mp4", &parts));
    // Nothing is no scope, nor is what is none.
    for claim in [
        map(vec![]),
        object(vec![]),
        map(vec![(3, "/a".into())]),
        object(vec![(0, Cbor::Bytes(b"/a".to_vec()))]),
        object(vec![(0, Cbor::Null)]),
        Cbor::Map(vec![("path".into(), map(vec![(0, "/a".into())]))]),
    ] {
        assert!(!holds("/a", &claim), "{claim:?}");
    }
    assert_eq!(judged(vec![(312, "/a".into())]), Some(Reason::Malformed));
}

#[test]
fn hashes_of_a_url() {
    let hashed = |kind: i64, hash: &[u8]| map(vec![(3, map(vec![(kind, hash.to_vec().into())]))]);
    let holds = |claim: &Cbor| in_scope("/live/a.ts", "https://cdn.test:443", claim);
    let path = b"/live/a.ts";
    let long = Sha512::digest(path);
    for good in [
        hashed(-1, &Sha256::digest(path)),
        hashed(-2, &Sha512_256::digest(path)),
        hashed(-2, &long),
        hashed(-2, &long[..32]),
    ] {
        assert!(holds(&good));
    }
    for bad in [
        hashed(-1, &Sha256::digest(b"/live/b.ts")),
        hashed(-1, &Sha256::digest(path)[..31]),
        hashed(-1, b""),
        hashed(-2, b""),
        hashed(-2, &long[..63]),
        hashed(-2, &Sha256::digest(path)),
        hashed(-3, &Sha256::digest(path)),
    ] {
        assert!(!holds(&bad), "{bad:?}");
    }
}

#[test]
fn origins() {
    let is = |origin: &str, part: i64, text: &str| {
        in_scope(
            "/a",
            origin,
            &map(vec![(part, map(vec![(0, text.into())]))]),
        )
    };
    for (origin, part, text, wanted) in [
        ("http://a.test:8080", 2, "8080", true),
        ("http://a.test:8080", 2, "", false),
        ("http://a.test:8080", 1, "a.test", true),
        ("http://a.test", 2, "80", true),
        ("https://[2001:db8::1]:8443", 1, "[2001:db8::1]", true),
        ("https://[2001:db8::1]", 1, "[2001:db8::1]", true),
        ("https://[2001:db8::1]", 2, "443", true),
        ("a.test", 1, "a.test", false),
        ("", 1, "", false),
        ("https:a.test", 1, "a.test", false),
    ] {
        assert_eq!(is(origin, part, text), wanted, "{origin} {part} {text}");
    }
    // The origin cannot be had.
    let claim = map(vec![(1, map(vec![(0, "cdn.test".into())]))]);
    let mut request = asking("/a", &saying(vec![(312, claim)]));
    request.message.clear();
    assert_eq!(status(&cat(&[]), &request), Some(Reason::WrongPath));
    // The token's own argument is no part of the query.
    let query = saying(vec![(312, map(vec![(4, map(vec![(0, "x=1&y".into())]))]))]);
    let request = Fake::new(&format!("/a?x=1&CAT={query}&y")).message(&["https://cdn.test"]);
    assert_eq!(status(&cat(&[]), &request), None);
}

#[test]
fn headers() {
    let wanted = |object: Cbor| Cbor::Map(vec![("X-Device".into(), object)]);
    let exact = |text: &str| wanted(map(vec![(0, text.into())]));
    let with = |claim: Cbor, lines: &[&str]| {
        let request = asking("/", &saying(vec![(315, claim)]));
        let request = lines
            .iter()
            .fold(request, |request, line| request.header("x-device", line));
        status(&cat(&[]), &request)
    };
    assert_eq!(with(exact("tv"), &["tv"]), None);
    assert_eq!(with(exact("tv"), &["tv", "tv"]), None);
    for lines in [&["phone"][..], &["tv", "phone"], &[], &["tv"; 9]] {
        assert_eq!(
            with(exact("tv"), lines),
            Some(Reason::Forbidden),
            "{lines:?}"
        );
    }
    assert_eq!(with(wanted(map(vec![])), &["tv"]), Some(Reason::Forbidden));
    assert_eq!(
        with(map(vec![(1, map(vec![(0, "tv".into())]))]), &["tv"]),
        Some(Reason::Forbidden)
    );
    assert_eq!(with("tv".into(), &["tv"]), Some(Reason::Malformed));
}
