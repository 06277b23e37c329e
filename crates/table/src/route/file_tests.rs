//! Tests of files of routes.

use super::{FileReader, Key, Match, Route, normalize, parse_all, parse_backend_url, parse_route};
use proptest::prelude::*;

/// Keys and pointers of a file's routes, or its error.
fn read_file(text: &[u8], chunk: usize) -> Result<Vec<(Vec<u8>, String, Route)>, String> {
    let mut seen = Vec::new();
    let mut reader = FileReader::new(Match::Host);
    for piece in text.chunks(chunk) {
        let mut sink = |e: super::Entry| {
            seen.push((e.key.as_bytes().to_vec(), e.pointer, e.route));
            Ok(())
        };
        reader.feed(piece, &mut sink).map_err(|e| e.to_string())?;
    }
    let summary = reader.finish().map_err(|e| e.to_string())?;
    assert_eq!(summary.routes, seen.len());
    assert!(
        seen.iter().all(|(key, ..)| summary.keys.contains(key))
            && !summary.keys.contains(b"nobody")
    );
    Ok(seen)
}

#[test]
fn a_file_in_both_forms() {
    let routes = r#"{"B.example": {"backends": ["http://a"]}, "*": {"backends": []}}"#;
    let wrapped = format!("\n {{\"version\": 1, \"routes\": {routes} }}\n");
    let swapped = format!("{{\"routes\":{routes},\"version\":1}}");
    for (text, prefix) in [(routes, ""), (&wrapped, "/routes"), (&swapped, "/routes")] {
        let read = read_file(text.as_bytes(), 7).unwrap();
        let got: Vec<_> = read
            .iter()
            .map(|(k, p, _)| (std::str::from_utf8(k).unwrap(), p.clone()))
            .collect();
        assert_eq!(
            got,
            [
                ("b.example", format!("{prefix}/B.example")),
                ("*", format!("{prefix}/*"))
            ]
        );
    }
    assert_eq!(read_file(b" { } ", 1), Ok(Vec::new()));
    assert_eq!(
        read_file(br#"{"version": 1, "routes": {}}"#, 1),
        Ok(Vec::new())
    );
}

#[test]
fn a_key_of_two_files_names_the_other_one() {
    let mut reader = FileReader::new(Match::Host);
    for text in [
        r#"{"a.test": {"backends": []}}"#,
        r#"{"b.test": {"backends": []}}"#,
    ] {
        reader.feed(text.as_bytes(), &mut |_| Ok(())).unwrap();
        reader.next_file().unwrap();
    }
    let twice = br#"{"routes": {"c.test": {"backends": []}, "B.test": {"backends": []}}}"#;
    let error = reader.feed(twice, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.also_in, Some(1));
    let text = "duplicate key \"B.test\", it is \"b.test\" at /routes/B.test";
    assert_eq!(error.to_string(), text);
    // In itself: that is no other file.
    let mut reader = FileReader::new(Match::Host);
    reader.feed(b"{}", &mut |_| Ok(())).unwrap();
    reader.next_file().unwrap();
    let twice = br#"{"d.test": {"backends": []}, "d.test": {"backends": []}}"#;
    let error = reader.feed(twice, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.also_in, None);
    assert!(reader.next_file().is_err(), "in the middle of a file");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    for (text, why) in [
        ("", "file is empty"),
        (" \n", "file is empty"),
        ("[]", "expected `{` at line 1 column 1"),
        ("{", "unexpected end of file at line 1 column 1"),
        ("{} x", "trailing characters at line 1 column 4"),
        ("{\n\"a\" 1}", "expected `:` at line 2 column 5"),
        (
            "{\"a\": {\"backends\": []},}",
            "trailing comma at line 1 column 24",
        ),
        (
            "{\"a\": {\"backends\": []} \"b\"",
            "expected `,` or `}` at line 1 column 24",
        ),
        (
            "{\n  \"a\":\n   {\"backends\": [}}",
            "expected value at line 3 column 18",
        ),
        (
            "{\n  \"a\":\n   {\"backends\":\n []]}",
            "expected `,` or `}` at line 4 column 4",
        ),
        ("{\"a\": nul}", "unfinished value at line 1 column 9"),
        ("{\"a\": 1}", "not an object at /a"),
        (
            "{\"a b\": {\"backends\": []}}",
            "invalid host name \"a b\" at /a b",
        ),
        (
            "{\"a\": {\"backends\": []}, \"A.\": {\"backends\": []}}",
            "duplicate key \"A.\", it is \"a\" at /A.",
        ),
        (
            "{\"a\": {\"backend\": []}}",
            "unknown member \"backend\", it must be \"id\", \"backends\", \"vars\", \"keys\", \"meta\" or \"check\" at /a/backend",
        ),
        ("{\"version\": 2}", "version is not 1 at /version"),
        ("{\"version\": 1}", "missing member \"routes\""),
        ("{\"routes\": {}}", "missing member \"version\""),
        ("{\"routes\": []}", "not an object at /routes"),
        (
            "{\"version\": 1, \"version\": 1}",
            "duplicate member \"version\" at /version",
        ),
        (
            "{\"version\": 1, \"x\": 1}",
            "unknown member \"x\", it must be \"version\" or \"routes\" at /x",
        ),
        (
            "{\"a\": {\"backends\": []}, b}",
            "key must be a string at line 1 column 25",
        ),
        (
            "\u{feff}{}",
            "byte order mark, the file must begin with `{` at line 1 column 1",
        ),
        (
            "{\"version\": 1, \"routes\": {\"a\": {\"wieght\": 1}}}",
            "unknown member \"wieght\", it must be \"id\", \"backends\", \"vars\", \"keys\", \"meta\" or \"check\" at /routes/a/wieght",
        ),
    ] {
        assert_eq!(read_file(text.as_bytes(), 3).unwrap_err(), why, "{text}");
        assert_eq!(
            parse_all(text.as_bytes(), Match::Host)
                .unwrap_err()
                .to_string(),
            why
        );
    }
    let endless = [b"{\"a\": [".as_slice(), &vec![b' '; 300 * 1024]].concat();
    assert!(
        read_file(&endless, 4096)
            .unwrap_err()
            .starts_with("route too long at line 1")
    );
}

fn json() -> impl Strategy<Value = String> {
    let url = prop_oneof![
        3 => Just("\"http://10.0.0.1:80\"".to_string()),
        1 => Just("{\"url\": \"https://a.b\", \"weight\": 3}".to_string()),
        1 => Just("\"x\"".to_string()),
    ];
    let route = (
        prop::collection::vec(url, 0..3),
        "[\\\\\"{}\\[\\]a-c ]{0,6}",
    )
        .prop_map(|(urls, id)| {
            let id = serde_json::Value::String(id);
            format!("{{\"id\": {id}, \"backends\":\n[{}]}}", urls.join(" , "))
        });
    let member = ("[a-d]{1,2}", route).prop_map(|(key, route)| format!("\"{key}\" :{route}"));
    let object = prop::collection::vec(member, 0..4)
        .prop_map(|members| format!("{{{}}}", members.join(",\n")));
    (object, any::<bool>()).prop_map(|(o, wrap)| {
        if wrap {
            format!("{{\"version\":1 ,\"routes\": {o}}}")
        } else {
            o
        }
    })
}

/// What serde_json alone makes of a file that is right: keys and number of backends.
fn by_serde(text: &str) -> Vec<(String, usize)> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let object = value.get("routes").unwrap_or(&value).as_object().unwrap();
    object
        .iter()
        .map(|(k, v)| (k.clone(), v["backends"].as_array().unwrap().len()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_no_difference(text in json(), cut: Option<prop::sample::Index>, chunk in 1..40_usize) {
        let mut text = text.into_bytes();
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len() + 1));
        }
        let whole = read_file(&text, usize::MAX);
        prop_assert_eq!(&whole, &read_file(&text, chunk));
        if let Ok(routes) = whole {
            let mut got: Vec<_> = routes
                .into_iter()
                .map(|(k, _, r)| (String::from_utf8(k).unwrap(), r.backends.len()))
                .collect();
            got.sort();
            prop_assert_eq!(got, by_serde(std::str::from_utf8(&text).unwrap()));
        } else if cut.is_none() {
            // Whole files have only these faults.
            let why = whole.unwrap_err();
            prop_assert!(why.starts_with("duplicate key") || why.starts_with("scheme is neither"), "{}", why);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, noise in "[{}\\[\\]\":,\\\\a1 \n]{0,40}", chunk in 1..9_usize) {
        let _ = (parse_route(&bytes), Key::parse(&bytes, Match::Host), read_file(&bytes, chunk));
        let read = read_file(noise.as_bytes(), chunk);
        prop_assert_eq!(&read, &read_file(noise.as_bytes(), usize::MAX));
        let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&noise).is_ok();
        prop_assert!(is_object || read.is_err());
        let _ = parse_backend_url(&String::from_utf8_lossy(&bytes), true);
    }

    #[test]
    fn a_key_of_a_table_is_its_own_normal_form(text in "[*A-z0-9.:\\[\\]-]{0,12}") {
        if let Ok(key) = Key::parse(text.as_bytes(), Match::Host) {
            let mut buf = [0; 253];
            prop_assert_eq!(normalize(key.as_bytes(), Match::Host, &mut buf), Some(key.as_bytes()));
        }
    }
}

/// The keys of a file that is not read on are known, and go a part at a time.
#[test]
fn the_keys_so_far_are_given_away() {
    let mut reader = FileReader::new(Match::Host);
    reader
        .feed(br#"{"a.test": {"backends": []}, "#, &mut |_| Ok(()))
        .unwrap();
    let mut keys = reader.into_keys();
    assert!(keys.contains(b"a.test") && !keys.contains(b"b.test"));
    let parts = std::iter::from_fn(|| keys.shrink().then_some(()));
    assert!((1..100_000).contains(&parts.take(100_000).count()));
}

#[test]
fn what_may_be_a_routes_meta() {
    let long = |len: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(len - 9));
    for (text, may) in [
        ("{}", true),
        (r#"{"a": 1}"#, true),
        (&long(1024), true),
        (&long(1025), false),
        ("[]", false),
        ("{", false),
        ("", false),
    ] {
        assert_eq!(super::is_meta(text), may, "{text}");
    }
}

#[test]
fn a_key_of_a_store_is_added_once() {
    let mut keys = super::KeySet::default();
    assert!(keys.add(b"a.test") && keys.add(b"b.test"));
    assert!(!keys.add(b"a.test"));
}
