//! Requests to the API, as strangers may send them.

use super::{
    ETag, Place, Query, Report, Tags, has_text, is_foreign, is_json, may_be_rebound, place,
};
use crate::table::Owner;
use proptest::prelude::*;

fn at(uri: &str, target: &str) -> Place {
    place(b"/_apps/", uri.as_bytes(), target.as_bytes())
}

fn route(key: &str) -> Place {
    Place::Route(key.into())
}

#[test]
fn a_key_is_one_segment_decoded_once() {
    assert_eq!(at("/_apps/", "/_apps/"), Place::All);
    assert_eq!(at("/_apps/", "/_apps/?limit=1"), Place::All);
    assert_eq!(at("/_apps/a.test", "/_apps/a.test"), route("a.test"));
    assert_eq!(at("/_apps/*.test", "/%5fapps/%2A.test"), route("*.test"));
    assert_eq!(at("/_apps/a/b", "/_apps/a%2Fb"), route("a/b"));
    assert_eq!(at("/_apps/a/b", "/_apps/a%2F%2fb"), route("a//b"));
    assert_eq!(at("/_apps/a%2Fb", "/_apps/a%252Fb"), route("a%2Fb"));
    assert_eq!(
        at("/_apps/a/backends", "/_apps/a%2Fbackends"),
        route("a/backends")
    );
    assert_eq!(
        at("/_apps/a/backends", "/_apps/a/backends?url=x"),
        Place::Backends("a".into())
    );
    assert_eq!(
        at("/_apps/a/backends/reset", "/_apps/a/backends/reset"),
        Place::Reset("a".into())
    );
    // Also with arguments, and below a location of short names.
    assert_eq!(at("/_apps/a/b", "/_apps/a%2Fb?x=/"), route("a/b"));
    assert_eq!(at("/_apps/a/b", "/_apps/a%2Fb#x"), route("a/b"));
    assert_eq!(place(b"/a/", b"/a/b/c", b"/a/b%2Fc"), route("b/c"));
    assert_eq!(at("/_apps/-/events", "/_apps/-/events"), Place::Events);
    assert_eq!(at("/_apps/-/health", "/_apps/-/health"), Place::Health);
    for (name, report) in [
        ("version", Report::Version),
        ("ready", Report::Ready),
        ("metrics", Report::Metrics),
    ] {
        let path = format!("/_apps/-/{name}");
        assert_eq!(at(&path, &path), Place::Report(report));
        let below = format!("{path}/x");
        assert_eq!(at(&below, &below), Place::Unknown);
    }
}

#[test]
fn what_leads_nowhere_is_unknown() {
    for path in [
        "-",
        "-/",
        "-/x",
        "a/",
        "a/b",
        "a/backends/",
        "a/backends/x",
        "a/backends/reset/",
        "%2D/x",
    ] {
        let uri = format!("/_apps/{}", path.replace("%2D", "-"));
        assert_eq!(
            at(&uri, &format!("/_apps/{path}")),
            Place::Unknown,
            "{path}"
        );
    }
}

#[test]
fn nginx_decides_which_location_it_is() {
    // Rewritten: the target says nothing.
    assert_eq!(at("/_apps/a", "/api/v1/a"), route("a"));
    // Another spelling of the same path must not lead elsewhere.
    assert_eq!(at("/_apps/b", "/_apps/a/../b"), route("b"));
    assert_eq!(at("/_apps/b", "/x/..//_apps/b"), route("b"));
    assert_eq!(at("/_apps/b", "//_apps/b"), route("b"));
    assert_eq!(at("/other/b", "/_apps/b"), Place::Unknown);
}

#[test]
fn arguments_are_known_and_come_once() {
    let known = ["after", "limit", "owner", "search", "state"];
    let parse = |text: &str| Query::parse(text.as_bytes(), &known).map_err(|e| e.0);
    let query = parse("after=a%2Eb&limit=20&owner=api").unwrap();
    assert_eq!(query.after.as_deref(), Some(&b"a.b"[..]));
    assert_eq!((query.limit, query.owner), (Some(20), Some(Owner::Api)));
    let backends = Query::parse(b"backends=a", &["backends"]).unwrap();
    assert_eq!(backends.backends.as_deref(), Some(&b"a"[..]));
    assert_eq!(parse("").unwrap(), Query::default());
    for text in [
        "limit=0",
        "limit=-1",
        "limit=",
        "limit=1x",
        "limit=99999999999999999999",
        "limit=%",
    ] {
        assert_eq!(
            parse(text).unwrap_err(),
            "invalid argument \"limit\"",
            "{text}"
        );
    }
    assert_eq!(parse("owner=me").unwrap_err(), "invalid argument \"owner\"");
    let query = parse("search=a%20b&state=down").unwrap();
    assert_eq!(
        (query.search.as_deref(), query.state),
        (Some(&b"a b"[..]), Some("down"))
    );
    assert_eq!(
        parse("state=Down").unwrap_err(),
        "invalid argument \"state\""
    );
    assert_eq!(
        parse("limit=1&limit=1").unwrap_err(),
        "duplicate argument \"limit\""
    );
    let unknown =
        "unknown argument, it must be \"after\", \"limit\", \"owner\", \"search\" or \"state\"";
    assert_eq!(parse("x=1").unwrap_err(), unknown);
    assert_eq!(
        Query::parse(b"a", &[]).unwrap_err().0,
        "unknown argument, there is none here"
    );
    let url = Query::parse(b"url=http%3A//a:1", &["url"]).unwrap().url;
    assert_eq!(url.as_deref(), Some("http://a:1"));
}

#[test]
fn tags_are_compared_whole() {
    let tag = Some(ETag(0x1f, 2));
    let has = |value: &str| Tags::new(value.as_bytes()).has(tag);
    assert!(has("\"1f-2\"") && has("*") && has("\"x\", \"1f-2\""));
    assert!(!has("\"1f-3\"") && !has("W/\"1f-2\"") && !has("1f-2") && !has(""));
    assert!(!Tags::new(b"*").has(None));
}

#[test]
fn pages_of_other_sites_are_told_by_their_browser() {
    let host = Some(&b"Admin.test:8081"[..]);
    let foreign = |origin: &str| is_foreign(Some(origin.as_bytes()), None, host);
    assert!(!foreign("http://admin.test:8081"));
    for origin in [
        "http://evil.test",
        "http://admin.test",
        "null",
        "",
        "http://",
        "file://admin.test:8081",
    ] {
        assert!(foreign(origin), "{origin}");
    }
    assert!(!is_foreign(
        Some(b"https://a.test"),
        None,
        Some(b"a.test:443")
    ));
    assert!(!is_foreign(None, None, host) && !is_foreign(None, Some(b"same-origin"), host));
    assert!(
        is_foreign(None, Some(b"cross-site"), host) && is_foreign(None, Some(b"same-site"), host)
    );
}

#[test]
fn types_of_bodies() {
    assert!(is_json(Some(b"Application/JSON; charset=utf-8"), false));
    assert!(!is_json(Some(b"application/merge-patch+json"), false));
    assert!(is_json(Some(b"application/merge-patch+json"), true));
    for other in [&b"text/plain"[..], b"application/jsonx", b""] {
        assert!(!is_json(Some(other), true));
    }
    assert!(!is_json(None, true));
}

proptest! {
    #[test]
    fn any_bytes_are_a_place(
        uri in prop::collection::vec(any::<u8>(), 0..40),
        target in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let found = place(b"/_apps/", &uri, &target);
        // Nothing is found outside of the location that nginx has chosen.
        prop_assert!(uri.starts_with(b"/_apps/") || found == Place::Unknown);
    }

    #[test]
    fn a_key_that_is_encoded_is_found_again(key in "[ -~]{1,30}") {
        let encoded: String = key.bytes().map(|b| format!("%{b:02x}")).collect();
        let uri = format!("/_apps/{key}");
        // nginx resolves dots and merges slashes: then it is another path.
        let expected = if key == "-" { Place::Unknown } else { route(&key) };
        prop_assert_eq!(at(&uri, &format!("/_apps/{encoded}")), expected);
    }

    #[test]
    fn no_arguments_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = Query::parse(&text, &["after", "limit", "owner", "url", "search", "state", "backends"]);
    }
}

#[test]
fn a_text_is_found_wherever_it_is() {
    let has = |whole: &str, text: &str| has_text(whole.as_bytes(), text.as_bytes());
    for (whole, text) in [
        ("", ""),
        ("a", ""),
        ("Shop.test", "sHOP"),
        ("aab", "ab"),
        ("ab", "AB"),
        ("xé", "é"),
    ] {
        assert!(has(whole, text), "{text} in {whole}");
    }
    for (whole, text) in [("", "a"), ("ab", "abc"), ("aab", "ba"), ("é", "É")] {
        assert!(!has(whole, text), "{text} in {whole}");
    }
}

#[test]
fn a_name_that_somebody_else_may_own_is_no_proof() {
    let page = |host: &str| may_be_rebound(Some(b"http://x"), None, Some(host.as_bytes()));
    for own in [
        "127.0.0.1",
        "127.0.0.1:8081",
        "[::1]",
        "[::1]:8081",
        "localhost",
        "LOCALHOST:8081",
    ] {
        assert!(!page(own), "{own}");
    }
    for other in [
        "evil.test",
        "evil.test:8081",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "",
        "::1:x",
        "[::1",
    ] {
        assert!(page(other), "{other}");
    }
    let host = Some(b"evil.test".as_slice());
    assert!(may_be_rebound(None, Some(b"same-origin"), host));
    assert!(!may_be_rebound(None, None, host) && !may_be_rebound(None, Some(b"none"), host));
}

#[test]
fn what_dots_make_of_a_key_is_not_that_key() {
    let place = |uri: &str, target: &str| place(b"/_apps/", uri.as_bytes(), target.as_bytes());
    for (uri, target) in [
        ("/_apps/c", "/_apps/a%2f..%2fc"),
        ("/_apps/c", "/_apps/..%2f_apps/c"),
        ("/_apps/a/b", "/v1/a%2Fb"),
    ] {
        assert_eq!(place(uri, target), Place::Unknown, "{target}");
    }
    let key = |text: &str| Place::Route(text.as_bytes().to_vec());
    assert_eq!(place("/_apps/c", "/_apps/x/../c"), key("c"));
    // What stands behind the path is no part of it.
    for behind in ["?after=a%2fb", "#a%2fb", "?a#b%2fc"] {
        for path in ["/_apps/x/../c", "/_apps/c"] {
            assert_eq!(place("/_apps/c", &format!("{path}{behind}")), key("c"));
        }
    }
    assert_eq!(place("/_apps/a/b", "/_apps/a%2fb"), key("a/b"));
    assert_eq!(place("/_apps/c", "/_apps/c"), Place::Route(b"c".to_vec()));
    assert_eq!(
        place("/_apps/a..b", "/_apps/a..b"),
        Place::Route(b"a..b".to_vec())
    );
}
