//! Merge patches, against RFC 7396 and what is said of `keys`.

use super::{
    BackendPatch, Match, PatchReader, Route, RoutePatch, parse_backend, parse_backend_url,
    parse_route,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn patched(current: Option<&str>, patch: &str) -> Result<Option<Route>, String> {
    let current = current.map(|text| parse_route(text.as_bytes()).unwrap());
    let patch = RoutePatch::parse(patch.as_bytes()).map_err(|e| e.to_string())?;
    patch
        .apply(current.as_ref(), "/a.test")
        .map_err(|e| e.to_string())
}

/// RFC 7396 section 2, word for word.
fn merge(target: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut target = match target {
        Value::Object(target) => target,
        _ => serde_json::Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            let before = target.remove(name).unwrap_or(Value::Null);
            target.insert(name.clone(), merge(before, value));
        }
    }
    Value::Object(target)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_merges_as_the_rfc_says(before in any_json(), patch in any_json()) {
        let before = json!({"x": before});
        let route = json!({"backends": [], "meta": before});
        let merged = patched(Some(&route.to_string()), &json!({"meta": {"x": patch}}).to_string());
        let expected = merge(before, &json!({"x": patch}));
        let meta = merged.unwrap().unwrap().meta.unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&meta).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = PatchReader::new(Match::Exact);
        let _ = reader.feed(&bytes, &mut |_| Ok(()));
        if let Ok(patch) = RoutePatch::parse(&bytes) {
            let _ = patch.apply(None, "");
        }
        let _ = parse_backend(&bytes);
        let _ = BackendPatch::parse(&bytes);
    }
}

const ROUTE: &str =
    r#"{"id": "shop", "backends": ["http://10.0.0.1:80"], "keys": {"a": "1", "b": "2"}}"#;

#[test]
fn keys_stay_until_they_are_named() {
    let keys = |patch: &str| {
        let route = patched(Some(ROUTE), patch).unwrap().unwrap();
        let text = |(name, value): &(String, super::Secret)| format!("{name}={}", value.text());
        route.keys.iter().map(text).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(r#"{"id": "new"}"#), "a=1 b=2");
    assert_eq!(keys(r#"{"keys": {"a": null}}"#), "b=2");
    assert_eq!(keys(r#"{"keys": {"a": "3", "c": "4"}}"#), "b=2 a=3 c=4");
    assert_eq!(keys(r#"{"keys": null}"#), "");
    let long = format!(r#"{{"keys": {{"c": "{}"}}}}"#, "x".repeat(1020));
    let error = "longer than 1024 bytes at /a.test/keys";
    assert_eq!(patched(Some(ROUTE), &long).unwrap_err(), error);
}

#[test]
fn a_null_removes_and_a_new_route_needs_backends() {
    assert_eq!(patched(Some(ROUTE), "null"), Ok(None));
    assert_eq!(patched(None, "null"), Ok(None));
    let missing = "missing member \"backends\" at /a.test";
    assert_eq!(patched(None, "{}").unwrap_err(), missing);
    assert_eq!(
        patched(Some(ROUTE), r#"{"backends": null}"#).unwrap_err(),
        missing
    );
    assert_eq!(
        patched(Some(ROUTE), "[]").unwrap_err(),
        "not an object at /a.test"
    );
    let twice = patched(Some(ROUTE), r#"{"meta": {"a": 1, "a": 2}}"#).unwrap_err();
    assert_eq!(twice, "duplicate member \"a\" at /a.test/meta/a");
    let port = patched(
        Some(ROUTE),
        r#"{"backends": ["http://a:1", "http://a:70000"]}"#,
    )
    .unwrap_err();
    assert_eq!(
        port,
        "invalid port in backend \"http://a:70000\" at /a.test/backends/1"
    );
}

#[test]
fn a_patch_of_many_members_takes_no_time() {
    let members: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\": null")).collect();
    let patch = format!("{{\"meta\": {{{}}}}}", members.join(","));
    let begun = std::time::Instant::now();
    patched(Some(ROUTE), &patch).unwrap();
    assert!(begun.elapsed().as_millis() < 1000, "{:?}", begun.elapsed());
}

#[test]
fn a_backend_is_patched_but_stays_itself() {
    let current = parse_backend_url("https://10.0.0.1:443#weight=3&sni=a.test", true).unwrap();
    let patched = |text: &str| {
        let patch = BackendPatch::parse(text.as_bytes()).map_err(|e| e.to_string())?;
        patch.apply(&current).map_err(|e| e.to_string())
    };
    let drained = patched(r#"{"drain": true, "weight": null}"#).unwrap();
    assert_eq!(
        (drained.drain, drained.weight, drained.sni.as_deref()),
        (true, 1, Some("a.test"))
    );
    assert_eq!(
        patched(r#"{"url": "https://10.0.0.2:443"}"#).unwrap_err(),
        "another backend: remove this one, and add that at /url"
    );
    assert_eq!(patched("[]").unwrap_err(), "not an object");
    assert_eq!(
        patched(r#"{"weight": 0}"#).unwrap_err(),
        "weight is not 1 to 65535 at /weight"
    );
}

#[test]
fn a_document_is_bare_or_below_routes() {
    let read = |text: &str| {
        let mut reader = PatchReader::new(Match::Host);
        let mut found = Vec::new();
        let fed = reader.feed(text.as_bytes(), &mut |entry| {
            found.push((entry.pointer, entry.patch.removes()));
            Ok(())
        });
        fed.and_then(|()| reader.check_end())
            .map_err(|e| e.to_string())?;
        Ok::<_, String>(found)
    };
    let bare = vec![("/A.test".to_owned(), true), ("/b.test".to_owned(), false)];
    assert_eq!(read(r#"{"A.test": null, "b.test": {}}"#).unwrap(), bare);
    let below = vec![("/routes/a.test".to_owned(), true)];
    assert_eq!(read(r#"{"routes": {"a.test": null}}"#).unwrap(), below);
    assert_eq!(
        read(r#"{"version": 1, "routes": {"a.test": null}}"#).unwrap(),
        below
    );
    assert_eq!(
        read(r#"{"a.test": 1, "a.test": 2}"#).unwrap_err(),
        "duplicate key \"a.test\" at /a.test"
    );
    assert_eq!(
        read(r#"{"a.test": "#).unwrap_err(),
        "unexpected end at line 1 column 11"
    );
    assert_eq!(
        read(" ").unwrap_err(),
        "nothing is there at line 1 column 1"
    );
}

/// What a route had and what a patch adds may have so many bytes together.
#[test]
fn secrets_of_two_places_have_one_bound() {
    let current = format!(
        r#"{{"backends": [], "keys": {{"a": "{}"}}}}"#,
        "x".repeat(999)
    );
    let patch = |len: usize| format!(r#"{{"keys": {{"bcd": "{}"}}}}"#, "y".repeat(len));
    assert!(patched(Some(&current), &patch(21)).is_ok());
    assert!(patched(Some(&current), &patch(22)).is_err());
}

#[test]
fn the_keys_of_a_document_are_given_away() {
    let mut reader = PatchReader::new(Match::Host);
    reader
        .feed(br#"{"a.test": null, "#, &mut |_| Ok(()))
        .unwrap();
    assert!(reader.into_keys().contains(b"a.test"));
}
