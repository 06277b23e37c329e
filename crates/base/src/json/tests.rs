use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::check::MAX_DEPTH;
use super::*;

/// A value as serde_json reads it, members that come twice refused.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Object(BTreeMap<String, Tree>),
    Array(Vec<Tree>),
    Text(String),
    Number(About),
    Bool(bool),
    Null,
}

/// A number as serde_json reads it: the last digits may be others.
#[derive(Clone, Copy, Debug)]
struct About(f64);

impl PartialEq for About {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.0 - other.0).abs() <= self.0.abs() * 1e-12
    }
}

struct Oracle;

impl<'de> Visitor<'de> for Oracle {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(About(value as f64)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(About(value as f64)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(About(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Tree>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Tree::Object(members))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Oracle)
    }
}

fn text(text: Text<'_>) -> String {
    let mut out = vec![0; text.max_len()];
    let len = text.write(&mut out).unwrap();
    let out = String::from_utf8(out[..len].to_vec()).unwrap();
    assert!(text.is(out.as_bytes()) && text.same(text), "{out:?}");
    assert!(!text.is(format!("{out}x").as_bytes()));
    assert!(out.is_empty() || !text.is(&out.as_bytes()[1..]));
    assert!(out.is_empty() || text.write(&mut vec![0; len - 1]).is_none());
    out
}

/// What our reader finds in a value.
fn tree(value: Value<'_>) -> Tree {
    match value.kind() {
        Kind::Object => {
            let members = value.members().map(|(name, one)| (text(name), tree(one)));
            let members: BTreeMap<_, _> = members.collect();
            for (name, one) in &members {
                assert_eq!(&tree(value.member(name).unwrap()), one);
            }
            Tree::Object(members)
        }
        Kind::Array => Tree::Array(value.items().map(tree).collect()),
        Kind::Text => Tree::Text(text(value.text().unwrap())),
        Kind::Number => {
            let digits = std::str::from_utf8(value.number().unwrap()).unwrap();
            Tree::Number(About(digits.parse().unwrap()))
        }
        Kind::Bool => Tree::Bool(value.source() == b"true"),
        Kind::Null => Tree::Null,
    }
}

fn depth(tree: &Tree) -> usize {
    let deepest = |all: &mut dyn Iterator<Item = &Tree>| all.map(depth).max().unwrap_or(0) + 1;
    match tree {
        Tree::Object(members) => deepest(&mut members.values()),
        Tree::Array(items) => deepest(&mut items.iter()),
        _ => 0,
    }
}

/// Compares with serde_json.
fn agrees(bytes: &[u8]) {
    let ours = parse(bytes).map(tree);
    let shown = String::from_utf8_lossy(bytes);
    match serde_json::from_slice::<Tree>(bytes) {
        Ok(theirs) if depth(&theirs) > MAX_DEPTH => assert_eq!(ours, None, "{shown}"),
        Ok(theirs) => assert_eq!(ours, Some(theirs), "{shown}"),
        // What is no f64 is a number all the same.
        Err(error) if error.to_string().contains("number out of range") => {}
        Err(error) => assert_eq!(ours, None, "{shown}: {error}"),
    }
    shows_its_members(bytes);
}

/// What is shown on the way is what a walk finds.
fn shows_its_members(bytes: &[u8]) {
    let mut seen = Vec::new();
    let object = parse_object(bytes, |name, value| seen.push((name.0, value.0)));
    let parsed = parse(bytes).filter(|value| value.kind() == Kind::Object);
    assert_eq!(object, parsed);
    if let Some(value) = object {
        let walked: Vec<_> = value.members().map(|(name, one)| (name.0, one.0)).collect();
        assert_eq!(seen, walked);
    }
}

#[test]
fn texts_that_matter() {
    for text in [
        "",
        " ",
        "0",
        "-0",
        "00",
        "01",
        "-",
        "1.",
        ".5",
        "1.5e3",
        "1e",
        "1e+",
        "1E-2",
        "+1",
        "0x1",
        "1 2",
        "true",
        "tru",
        "truee",
        "True",
        "null",
        "nul",
        "NaN",
        "Infinity",
        "\"",
        "\"a",
        "\"a\"",
        "\"a\"b",
        "'a'",
        "\"\\/\"",
        "\"\\u0041\"",
        "\"\\u004\"",
        "\"\\u004g\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\\t\"",
        "\"\\\"",
        "\"\\\\\"",
        "\"\u{7f}\"",
        "\"é\"",
        "[]",
        "[ ]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1,2]",
        "[[],{}]",
        "[",
        "]",
        "[}",
        "{}",
        "{ }",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"\\u0061\":1,\"a\":2}",
        "{\"\\u0061b\":1,\"a\\u0062\":2}",
        "{\"\\u0061\":1,\"b\":2}",
        "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
        "{\"a\":[{\"a\":1},{\"a\":1}],\"b\":\"a\"}",
        "{\"\":1,\"\":2}",
        "{\"a\" : 1 , \"b\" :\n[ ] }",
        "\u{feff}{}",
        "{}\0",
        "\0",
        "// c\n1",
        "{\"a\":\"}\\\"\",\"b\":1}",
        "[1]]",
        "{}}",
        "1e400",
    ] {
        agrees(text.as_bytes());
    }
    agrees(b"\"\xff\"");
    agrees(b"{\"iss\":\"\xff\xfe\"}");
    assert!(parse(b"1e400").is_some());
}

#[test]
fn depth_is_bound() {
    for deep in [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 100_000] {
        let arrays = "[".repeat(deep) + &"]".repeat(deep);
        assert_eq!(parse(arrays.as_bytes()).is_some(), deep <= MAX_DEPTH);
        let objects = "{\"a\":".repeat(deep) + "1" + &"}".repeat(deep);
        assert_eq!(parse(objects.as_bytes()).is_some(), deep <= MAX_DEPTH);
        assert!(parse("[".repeat(deep).as_bytes()).is_none());
    }
}

#[test]
fn many_members_are_told_apart() {
    let members: Vec<_> = (0..2000).map(|n| format!("\"m{n}\":{n}")).collect();
    let object = format!("{{{}}}", members.join(","));
    let value = parse(object.as_bytes()).unwrap();
    assert_eq!(value.member("m1999").unwrap().source(), b"1999");
    assert!(value.member("m2000").is_none());
    let twice = format!("{{{},\"m7\":0}}", members.join(","));
    assert!(parse(twice.as_bytes()).is_none());
}

#[test]
fn steps() {
    let value = parse(br#"{"a":[{"b":"x"},10,true],"0":"zero"}"#).unwrap();
    let at = |path: &[&str]| {
        let found = path.iter().try_fold(value, |value, step| value.step(step));
        found.map(|one| String::from_utf8_lossy(one.source()).into_owned())
    };
    assert_eq!(at(&["a", "0", "b"]).as_deref(), Some("\"x\""));
    assert_eq!(at(&["a", "1"]).as_deref(), Some("10"));
    assert_eq!(at(&["0"]).as_deref(), Some("\"zero\""));
    for path in [
        &["a", "3"][..],
        &["a", "00"],
        &["a", "+1"],
        &["a", "-1"],
        &["a", "01"],
        &["a", ""],
        &["b"],
        &["a", "1", "x"],
        &["a", "99999999999999999999"],
    ] {
        assert_eq!(at(path), None, "{path:?}");
    }
}

fn json() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        "[a-c\"\\\\/]{0,4}".prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"(\\\\u[0-9a-fA-Fd]{4}|\\\\[\"/bfnrt]|[ab]){0,4}\"",
    ];
    let scalar = prop_oneof![
        Just("true".to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?([eE][+-]?[0-9]{1,2})?",
        string.clone(),
    ];
    scalar.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6)
                .prop_map(|all| format!("[ {} ]", all.join(" ,"))),
            prop::collection::vec((string.clone(), inner), 0..6).prop_map(|all| {
                let all: Vec<_> = all
                    .iter()
                    .map(|(name, one)| format!("{name} :{one}"))
                    .collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}

/// A text, as JSON writes it with each character as one of its spellings, and a word that may be in it.
fn spelled_words() -> impl Strategy<Value = (String, String, String)> {
    let letters = prop::collection::vec(
        (prop::sample::select(vec!['a', 'b', '/', ' ', 'é']), 0..3_u8),
        0..12,
    );
    (letters, "[ab/ é]{0,3}").prop_map(|(letters, word)| {
        let plain: String = letters.iter().map(|one| one.0).collect();
        let spelled: String = letters
            .iter()
            .map(|one| match one {
                ('/', 1) => "\\/".to_owned(),
                (char, 2) => format!("\\u{:04X}", u32::from(*char)),
                (char, _) => char.to_string(),
            })
            .collect();
        (plain, format!("\"{spelled}\""), word)
    })
}

proptest! {
    #[test]
    fn words_are_those_between_spaces((plain, spelled, word) in spelled_words()) {
        let text = parse(spelled.as_bytes()).unwrap().text().unwrap();
        let wanted = !word.is_empty() && plain.split(' ').any(|one| one == word);
        prop_assert_eq!(text.has_word(word.as_bytes()), wanted, "{} {:?}", spelled, word);
    }

    #[test]
    fn what_serde_json_reads_is_read(text in json()) {
        agrees(text.as_bytes());
    }

    #[test]
    fn damage_is_judged_alike(text in json(), at: prop::sample::Index, byte: u8, cut: bool) {
        let mut bytes = text.into_bytes();
        let place = at.index(bytes.len());
        if cut { bytes.truncate(place); } else { bytes[place] = byte; }
        agrees(&bytes);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        agrees(&bytes);
    }
}
