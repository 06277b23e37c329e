//! Values of every type of the format, byte by byte.

use serde_json::{Value, json};

use super::super::record::Section;
use super::super::stated::facts;
use super::super::{Database, Field, Lookup, Out, Path};
use super::broken::crafted;
use super::{address, file, open};

/// Head and payload of a value of each type, its JSON and its text.
fn values() -> Vec<(Vec<u8>, Value, Option<&'static str>)> {
    let bytes = |head: &[u8], payload: &[u8]| [head, payload].concat();
    vec![
        (bytes(b"\x42", b"ab"), json!("ab"), Some("ab")),
        (
            bytes(b"\x68", &1.5f64.to_be_bytes()),
            json!(1.5),
            Some("1.50000"),
        ),
        (bytes(b"\x82", b"\x0a\xff"), json!("0aff"), None),
        (bytes(b"\xa2", b"\x01\x02"), json!(258), Some("258")),
        (bytes(b"\xa0", b""), json!(0), Some("0")),
        (
            bytes(b"\xc4", b"\x01\x00\x00\x02"),
            json!(16_777_218),
            Some("16777218"),
        ),
        (
            bytes(b"\x04\x01", b"\xff\xff\xff\xfe"),
            json!(-2),
            Some("-2"),
        ),
        (bytes(b"\x01\x01", b"\x7b"), json!(123), Some("123")),
        (
            bytes(b"\x08\x02", &u64::MAX.to_be_bytes()),
            json!(u64::MAX),
            Some("18446744073709551615"),
        ),
        (
            bytes(b"\x10\x03", &[0x12; 16]),
            json!("0x12121212121212121212121212121212"),
            Some("0x12121212121212121212121212121212"),
        ),
        (bytes(b"\x02\x04", b"\xa1\x07\x41z"), json!([7, "z"]), None),
        (bytes(b"\x01\x07", b""), json!(true), Some("1")),
        (bytes(b"\x00\x07", b""), json!(false), Some("0")),
        (
            bytes(b"\x04\x08", &0.25f32.to_be_bytes()),
            json!(0.25),
            Some("0.25000"),
        ),
        (bytes(b"\xe1", b"\x41k\xa1\x05"), json!({"k": 5}), None),
        (bytes(b"\x43", b"a\x1fb"), json!("a\u{1f}b"), None),
        (bytes(b"\x43", b"a\x7fb"), json!("a\u{7f}b"), None),
        (bytes(b"\x41", b" "), json!(" "), Some(" ")),
    ]
}

#[test]
fn every_type_is_read() {
    let mut data = vec![0xe0 | u8::try_from(values().len()).unwrap()];
    let mut wanted = serde_json::Map::new();
    for (letter, (value, json, _)) in ('a'..).zip(values()) {
        data.extend_from_slice(&[0x41, u8::try_from(letter).unwrap()]);
        data.extend_from_slice(&value);
        wanted.insert(letter.to_string(), json);
    }
    let bytes = crafted(&data);
    let database = open(&bytes);
    assert_eq!(database.verify(), Ok(()));
    let Lookup::Found(offset) = database.lookup(address("192.0.2.1")) else {
        panic!("not found");
    };
    assert_eq!(database.record(offset), Some(Value::Object(wanted)));
    for (letter, (_, _, text)) in ('a'..).zip(values()) {
        let path = Path::parse(&[letter.to_string()]).unwrap();
        let mut out = Out::new();
        let got = database.value(offset, &path, &mut out);
        assert_eq!(got, text.map(str::as_bytes), "{letter}");
    }
}

#[test]
fn a_size_that_its_type_cannot_have_is_damage() {
    for (head, length) in [
        (b"\x67".as_slice(), 7),
        (b"\xa3", 3),
        (b"\xc5", 5),
        (b"\x05\x01", 5),
        (b"\x09\x02", 9),
        (b"\x11\x03", 17),
        (b"\x02\x07", 0),
        (b"\x03\x08", 3),
        (b"\x05\x08", 5),
        // Types that no record has.
        (b"\x00\x05", 0),
        (b"\x00\x06", 0),
        (b"\x00\x09", 0),
        (b"\x00\xff", 0),
    ] {
        let bytes = crafted(&[b"\xe1\x41a", head, &vec![1; length]].concat());
        let database = open(&bytes);
        let error = database.verify().unwrap_err().to_string();
        assert!(
            error.contains("unreadable value at offset 3"),
            "{head:?}: {error}"
        );
        assert_eq!(database.record(0), None, "{head:?}");
        let path = Path::parse(&["a"]).unwrap();
        assert_eq!(database.value(0, &path, &mut Out::new()), None, "{head:?}");
    }
}

#[test]
fn an_array_is_walked_over_what_lies_in_it() {
    // [{"k": [1, 2]}, true, -> "ab", "z"], then the string that is pointed to.
    let data = b"\xe1\x41a\x04\x04\xe1\x41k\x02\x04\xa1\x01\xa1\x02\x01\x07\x20\x16\x41z\x42ab";
    let at = data.iter().rposition(|byte| *byte == 0x42).unwrap();
    let mut data = data.to_vec();
    let pointer = data.iter().position(|byte| *byte == 0x16).unwrap();
    data[pointer] = u8::try_from(at).unwrap();
    let bytes = crafted(&data);
    let database = open(&bytes);
    assert_eq!(database.verify(), Ok(()));
    assert_eq!(
        database.record(0),
        Some(json!({"a": [{"k": [1, 2]}, true, "ab", "z"]}))
    );
    for (path, text) in [
        ("a.0.k.1", Some("2")),
        ("a.1", Some("1")),
        ("a.2", Some("ab")),
        ("a.3", Some("z")),
        ("a.4", None),
        ("a.k", None),
        ("a", None),
    ] {
        let mut out = Out::new();
        let got = database.value(0, &Path::parse(&[path]).unwrap(), &mut out);
        assert_eq!(got, text.map(str::as_bytes), "{path}");
    }
}

#[test]
fn a_database_says_what_it_is() {
    let bytes = file(&[("192.0.2.0/24", json!({"country": {"iso_code": "FR"}}))]);
    let database: Database<&[u8]> = open(&bytes);
    assert_eq!(database.database_type(), "Test");
    let names: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
    let all = "country registered_country continent subdivision city asn eu anonymous";
    assert_eq!(names.join(" "), all);
}

#[test]
fn a_database_in_a_log_is_its_metadata() {
    let bytes = file(&[("192.0.2.0/24", json!({}))]);
    let shown = format!("{:?}", open(&bytes));
    assert!(
        shown.starts_with("Database { metadata: ") && shown.ends_with(", .. }"),
        "{shown}"
    );
    assert!(shown.contains("\"Test\""), "{shown}");
}

/// A text as the format writes it.
fn written(text: &str) -> Vec<u8> {
    let head = match text.len() {
        short @ ..29 => vec![0x40 | u8::try_from(short).unwrap()],
        long @ 29..285 => vec![0x5d, u8::try_from(long - 29).unwrap()],
        longer => [
            vec![0x5e],
            u16::try_from(longer - 285).unwrap().to_be_bytes().to_vec(),
        ]
        .concat(),
    };
    [&head, text.as_bytes()].concat()
}

#[test]
fn members_are_found_by_keys_of_every_length() {
    let keys: Vec<String> = [0, 1, 2, 27, 28, 29, 30, 284, 285, 300]
        .into_iter()
        .flat_map(|length| ["a", "b"].map(|letter| letter.repeat(length)))
        .skip(1)
        .collect();
    let head = 0xe0 | u8::try_from(keys.len()).unwrap();
    let (mut texts, mut plain, mut pointing) = (Vec::new(), vec![head], vec![head]);
    for (number, key) in (1..).zip(&keys) {
        plain.extend(written(key));
        pointing.push(0x38);
        pointing.extend(u32::try_from(texts.len()).unwrap().to_be_bytes());
        texts.extend(written(key));
        for map in [&mut plain, &mut pointing] {
            map.extend([0xa1, number]);
        }
    }
    let plain_at = texts.len();
    let data = [&*texts, &*plain, &*pointing, &[0; 4]].concat();
    let section = Section(&data);
    for at in [plain_at, plain_at + plain.len()] {
        let map = section.value(at).unwrap();
        for (number, key) in (1..).zip(&keys) {
            let found = section.member(map, key.as_bytes()).unwrap();
            assert_eq!(
                section.unsigned(section.value(found).unwrap()),
                Some(number),
                "{key}"
            );
            let mut pairs = section.pairs(map);
            assert_eq!(
                pairs.find(|(name, _)| *name == key.as_bytes()).unwrap().1,
                found
            );
        }
        for missing in ["c", "aaa", "ab", &"c".repeat(30)] {
            assert_eq!(section.member(map, missing.as_bytes()), None);
        }
    }
}

/// A map whose values are already written.
fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0xe0 | u8::try_from(pairs.len()).unwrap()];
    for (key, value) in pairs {
        out.extend(written(key));
        out.extend(value);
    }
    out
}

/// A vendor's file has none of these; whoever makes one gets of rules what `mmdblookup` and `geoip_variable` say.
#[test]
fn of_a_key_that_comes_twice_the_first_counts() {
    let code = |text: &str| map(&[("iso_code", written(text))]);
    let twice = |key: &'static str, one: Vec<u8>, two: Vec<u8>| map(&[(key, one), (key, two)]);
    let cases = [
        ("country", twice("country", code("US"), code("GB"))),
        (
            "iso_code",
            map(&[("country", twice("iso_code", written("US"), written("xyz")))]),
        ),
        (
            "country_code",
            twice("country_code", written("US"), written("GB")),
        ),
        (
            "both shapes",
            map(&[("country", code("US")), ("country_code", written("GB"))]),
        ),
        (
            "a group",
            map(&[
                ("country", code("US")),
                ("traits", map(&[("country", code("GB"))])),
            ]),
        ),
    ];
    for (what, mut record) in cases {
        record.extend([0; 4]);
        let stated = facts(Section(&record), 0);
        assert_eq!(
            stated.country.map(|code| code.to_string()),
            Some("US".into()),
            "{what}"
        );
    }
    let asn = twice("asn", written("AS1"), written("AS2"));
    assert_eq!(facts(Section(&[asn, vec![0; 4]].concat()), 0).asn, 1);
}
