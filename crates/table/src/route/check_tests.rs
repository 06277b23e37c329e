//! A route's `check` in JSON.

use super::{RoutePatch, parse_route};

fn route(check: &str) -> String {
    format!("{{\"backends\":[\"http://10.0.0.1:80\"],\"check\":{check}}}")
}

fn why(check: &str) -> String {
    parse_route(route(check).as_bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn it_is_written_as_it_was_read() {
    for (check, text) in [
        ("false", "off"),
        (
            r#"{"kind":"http","uri":"/live","interval":"3s","rise":2,"expect":"200-299"}"#,
            "http uri=/live interval=3s rise=2 expect=200-299",
        ),
    ] {
        let read = parse_route(route(check).as_bytes()).unwrap();
        assert_eq!(read.check.as_deref(), Some(text));
        let mut out = Vec::new();
        read.write_json(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), route(check));
    }
}

#[test]
fn other_spellings_are_one() {
    let read = |check| parse_route(route(check).as_bytes()).unwrap().check;
    let usual = read(r#"{"interval":"60s","expect":"2xx"}"#);
    assert_eq!(read(r#"{"expect":"200-299","interval":"1m"}"#), usual);
    assert_eq!(read(r#"{"expect":"200-299","interval":"60"}"#), usual);
    assert_eq!(read("{}"), None);
}

#[test]
fn errors_say_where() {
    for (check, text) in [
        ("true", "neither false nor an object at /check"),
        ("null", "neither false nor an object at /check"),
        (
            r#"{"idle":"1s"}"#,
            r#"unknown member "idle", it must be "kind", "uri", "host", "interval", "timeout", "rise", "fall" or "expect" at /check/idle"#,
        ),
        (
            r#"{"uri":"/a","uri":"/b"}"#,
            r#"duplicate member "uri" at /check/uri"#,
        ),
        (
            r#"{"kind":"udp"}"#,
            r#"kind is not "http", "tcp" or "websocket" at /check/kind"#,
        ),
        (
            r#"{"uri":"live"}"#,
            r#"uri is not a path such as "/health" at /check/uri"#,
        ),
        (r#"{"uri":1}"#, "not a string at /check/uri"),
        (
            r#"{"host":"a b"}"#,
            "host is not a name that can stand in a request at /check/host",
        ),
        (
            r#"{"interval":"9ms"}"#,
            r#"interval is not a time such as "3s" at /check/interval"#,
        ),
        (
            r#"{"timeout":"x"}"#,
            r#"timeout is not a time such as "3s" at /check/timeout"#,
        ),
        (r#"{"rise":0}"#, "rise is not 1 to 100 at /check/rise"),
        (r#"{"fall":"3"}"#, "fall is not 1 to 100 at /check/fall"),
        (
            r#"{"expect":"ok"}"#,
            r#"expect is not statuses such as "200-399" at /check/expect"#,
        ),
        (
            r#"{"kind":"tcp","uri":"/"}"#,
            r#"uri means nothing in a check "tcp" at /check/uri"#,
        ),
        (
            r#"{"timeout":"2s","interval":"1s"}"#,
            "timeout is longer than interval at /check/timeout",
        ),
    ] {
        assert_eq!(why(check), text);
    }
}

#[test]
fn a_patch_changes_one_word_or_all() {
    let before = parse_route(route(r#"{"uri":"/live","rise":2}"#).as_bytes()).unwrap();
    let patched = |patch: &str| {
        let patch = RoutePatch::parse(patch.as_bytes()).unwrap();
        patch.apply(Some(&before), "").unwrap().unwrap().check
    };
    assert_eq!(
        patched(r#"{"check":{"rise":3}}"#).as_deref(),
        Some("uri=/live rise=3")
    );
    assert_eq!(
        patched(r#"{"check":{"uri":null}}"#).as_deref(),
        Some("rise=2")
    );
    assert_eq!(patched(r#"{"check":false}"#).as_deref(), Some("off"));
    assert_eq!(patched(r#"{"check":null}"#), None);
    assert_eq!(patched(r#"{"id":"a"}"#), before.check);
}
