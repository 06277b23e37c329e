//! Tests of the last accepted and the first refused, and of strings where no string belongs.

use super::file::MAX_ENTRY;
use super::{
    Address, Host, Located, MAX_BACKENDS, Match, normalize, parse_all, parse_backend_url,
    parse_route,
};
use std::net::{IpAddr, SocketAddr};

fn error_of(text: &str) -> String {
    parse_all(text.as_bytes(), Match::Exact)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_text_in_a_file_ends_at_its_own_quote() {
    let text = r#"{"a\"b,}\\": {"backends": [], "id": "x\"}\\"}, "c": {"backends": []}}"#;
    let entries = parse_all(text.as_bytes(), Match::Exact).unwrap();
    let keys: Vec<&[u8]> = entries.iter().map(|entry| entry.key.as_bytes()).collect();
    assert_eq!(keys, [br#"a"b,}\"#.as_slice(), b"c"]);
    assert_eq!(entries[0].route.id.as_deref(), Some("x\"}\\"));
}

#[test]
fn a_value_that_is_no_route_is_named_as_such() {
    for (text, why) in [
        (r#"{"a": "x"}"#, "not an object at /a"),
        (r#"{"a": "x, {y}"}"#, "not an object at /a"),
        (r#"{"a": "\"", "b": 1}"#, "not an object at /a"),
        (r#"{"a": "\\", "b": 1}"#, "not an object at /a"),
        (r#"{"version": "1\\"}"#, "version is not 1 at /version"),
        (
            r#"{"version": 1 2}"#,
            "expected `,` or `}` at line 1 column 15",
        ),
        (
            r#"{"version": 1 , "routes": 1}"#,
            "not an object at /routes",
        ),
        (r#"{"a":,}"#, "expected value at line 1 column 6"),
        (r#"{"a":}"#, "expected value at line 1 column 6"),
        (r#"{"a": ]"#, "expected value at line 1 column 7"),
        (r#"{"a"::"#, "expected value at line 1 column 6"),
    ] {
        assert_eq!(error_of(text), why, "{text}");
    }
}

#[test]
fn the_longest_route_of_a_file() {
    let route = |length: usize| {
        let frame = r#"{"backends": []}"#.len();
        format!(
            r#"{{"a": {{"backends": [{}]}}}}"#,
            " ".repeat(length - frame)
        )
    };
    assert_eq!(
        parse_all(route(MAX_ENTRY).as_bytes(), Match::Exact)
            .unwrap()
            .len(),
        1
    );
    assert!(error_of(&route(MAX_ENTRY + 1)).starts_with("route too long at line 1"));
    assert_eq!(MAX_ENTRY, 262_144);
}

#[test]
fn as_many_backends_as_allowed() {
    let read = |count: usize| {
        let list = vec!["\"http://a\""; count].join(",");
        parse_route(format!(r#"{{"backends": [{list}]}}"#).as_bytes())
    };
    assert_eq!(read(MAX_BACKENDS).unwrap().backends.len(), MAX_BACKENDS);
    assert!(read(MAX_BACKENDS + 1).is_err());
    // Names count by their addresses.
    let route = read(1).unwrap();
    let resolve = |count: u16| {
        let ip = |n: u16| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        let found: Vec<Located> = (1..=count).map(|n| ip(n).into()).collect();
        let mut missing = 0;
        let resolved = route.resolve(MAX_BACKENDS, &mut |_| Ok(found.clone()), &mut |_| {
            missing += 1
        });
        (resolved.endpoints.len(), missing)
    };
    assert_eq!(resolve(256), (256, 0));
    assert_eq!(resolve(257), (256, 1));
}

#[test]
fn the_longest_texts_of_a_route() {
    let read = |member: &str, length: usize| {
        let text = "x".repeat(length);
        let value = match member {
            "id" => format!("\"{text}\""),
            _ => format!("{{\"n\": \"{text}\"}}"),
        };
        parse_route(format!(r#"{{"backends": [], "{member}": {value}}}"#).as_bytes())
    };
    // A name of one byte; meta as JSON text, {"n":"…"}.
    for (member, most) in [("id", 255), ("vars", 1023), ("keys", 1023), ("meta", 1016)] {
        assert!(read(member, most).is_ok(), "{member}");
        let why = read(member, most + 1).unwrap_err();
        assert!(why.message.starts_with("longer than"), "{member}: {why}");
        assert_eq!(why.pointer, format!("/{member}"));
    }
    assert_eq!(read("id", 0).map(|route| route.id), Ok(None));
}

#[test]
fn names_are_as_long_as_dns_allows() {
    let host = |name: &str| parse_backend_url(&format!("http://{name}"), true).map(|b| b.host);
    let label = "a".repeat(63);
    assert_eq!(host(&label), Ok(Host::Name(label.clone())));
    assert!(host(&format!("{label}a")).is_err());
    let longest = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
    assert_eq!(longest.len(), 253);
    assert_eq!(host(&longest), Ok(Host::Name(longest.clone())));
    assert!(host(&format!("{longest}a")).is_err());
    let path = |length: usize| format!("http://unix:/{}", "p".repeat(length - 1));
    assert!(parse_backend_url(&path(107), true).is_ok());
    assert!(parse_backend_url(&path(108), true).is_err());
    for odd in ["\u{7f}", "\u{1f}", "\n"] {
        assert!(parse_backend_url(&format!("http://unix:/a{odd}"), true).is_err());
    }
    assert!(parse_backend_url("http://unix:/a b", true).is_ok());
    let key = [b'k'; 1025];
    let mut buffer = [0; 253];
    let mut normal = |length: usize| normalize(&key[..length], Match::Exact, &mut buffer).is_some();
    assert!(normal(1024) && !normal(1025));
}

#[test]
fn an_address_is_written_where_it_fits() {
    let longest: SocketAddr = "255.255.255.255:65535".parse().unwrap();
    let mut out = [0; 21];
    assert_eq!(
        Address::Ip(longest).write_to(&mut out),
        Some(b"255.255.255.255:65535".as_slice())
    );
    assert_eq!(Address::Ip(longest).write_to(&mut out[..20]), None);
    assert_eq!(
        Address::Unix("/s").write_to(&mut out),
        Some(b"unix:/s".as_slice())
    );
    assert_eq!(Address::Unix("/s").write_to(&mut out[..6]), None);
}

#[test]
fn a_name_is_missing_wholly_or_partly() {
    let route = parse_route(br#"{"backends": ["http://a"]}"#).unwrap();
    let partly = |found: &[u8]| {
        let found = found.iter().map(|n| IpAddr::from([10, 0, 0, *n]).into());
        let found: Vec<Located> = found.collect();
        let mut said = None;
        route.resolve(1, &mut |_| Ok(found.clone()), &mut |missing| {
            said = Some((missing.name, missing.partly));
        });
        said
    };
    assert_eq!(partly(&[]), Some(("a", false)));
    assert_eq!(partly(&[1]), None);
    assert_eq!(partly(&[1, 2]), Some(("a", true)));
}

/// Whatever a backend has that is not usual is written, and nothing else.
#[test]
fn a_route_is_written_as_it_was_read() {
    for backend in [
        r#""http://10.0.0.5:1""#,
        r#"{"url":"http://10.0.0.5:1","weight":2}"#,
        r#"{"url":"http://10.0.0.5:1","backup":true}"#,
        r#"{"url":"http://10.0.0.5:1","drain":true}"#,
        r#"{"url":"https://10.0.0.5:1","sni":"a.test"}"#,
        r#"{"url":"http://a.test","service":"http"}"#,
        r#"{"url":"http://10.0.0.5:1","max_conns":1}"#,
        r#"{"url":"http://10.0.0.5:1","slow_start":"500ms"}"#,
    ] {
        let rest = r#""vars":{"a":"b","c":"d","e":"f"},"meta":{"g":1}"#;
        let text = format!(r#"{{"id":"x","backends":[{backend},{backend}],{rest}}}"#);
        let mut written = Vec::new();
        let route = super::parse_route(text.as_bytes()).unwrap();
        route.write_json(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }
}

/// The text alone makes a route only where no name server has a word in it.
#[test]
fn a_route_with_names_has_no_imprint() {
    let text = super::Imprinter::default().of(b"{}");
    let mut route = super::Resolved {
        endpoints: vec![crate::table::tests::endpoint(1, 1)],
        ..super::Resolved::default()
    };
    assert_eq!(route.clone().read_from(text).imprint, Some(text));
    route.endpoints[0].name = Some("a.test");
    assert_eq!(route.read_from(text).imprint, None);
}
