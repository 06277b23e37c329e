use ciborium::Value as Other;
use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn json(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    let name = |number| (number == 1).then_some("one");
    write_json(parse(bytes)?, name, &mut |piece| {
        out.extend_from_slice(piece)
    })?;
    Some(String::from_utf8(out).unwrap())
}

/// Examples of RFC 8949 appendix A.
#[test]
fn examples() {
    for (bytes, wanted) in [
        ("00", "0"),
        ("17", "23"),
        ("1818", "24"),
        ("1903e8", "1000"),
        ("1b000000e8d4a51000", "1000000000000"),
        ("1bffffffffffffffff", "18446744073709551615"),
        ("3bffffffffffffffff", "-18446744073709551616"),
        ("3903e7", "-1000"),
        ("f90000", "0"),
        ("f93c00", "1"),
        ("f93e00", "1.5"),
        ("f97bff", "65504"),
        ("fa47c35000", "100000"),
        ("fb3ff199999999999a", "1.1"),
        ("fa7f7fffff", "3.4028234663852886e38"),
        ("f98000", "-0"),
        ("fb7e37e43c8800759c", "1e300"),
        ("f90001", "5.960464477539063e-8"),
        ("f90400", "6.103515625e-5"),
        ("f9c400", "-4"),
        ("fbc010666666666666", "-4.1"),
        ("f4", "false"),
        ("f5", "true"),
        ("f6", "null"),
        ("f7", "null"),
        ("c11a514b67b0", "1363896240"),
        ("d818456449455446", "\"ZElFVEY\""),
        ("40", "\"\""),
        ("4401020304", "\"AQIDBA\""),
        ("60", "\"\""),
        ("62225c", "\"\\\"\\\\\""),
        ("62c3bc", "\"ü\""),
        ("64f0908591", "\"𐅑\""),
        ("80", "[]"),
        ("8301820203820405", "[1,[2,3],[4,5]]"),
        ("a0", "{}"),
        ("a201020304", "{\"one\":2,\"3\":4}"),
        ("a26161016162820203", "{\"a\":1,\"b\":[2,3]}"),
        ("826161a161626163", "[\"a\",{\"b\":\"c\"}]"),
        // Only the outermost keys have names; of other kinds they are what they are made of.
        ("a101a10102", "{\"one\":{\"1\":2}}"),
        ("a14101f5", "{\"QQE\":true}"),
        ("a1820102f5", "{\"ggEC\":true}"),
        ("63010a1f", "\"\\u0001\\u000a\\u001f\""),
    ] {
        assert_eq!(json(&hex(bytes)).as_deref(), Some(wanted), "{bytes}");
    }
}

#[test]
fn what_is_refused() {
    for (bytes, why) in [
        ("", "nothing"),
        ("0000", "something behind"),
        ("18", "cut short"),
        ("1b00", "cut short"),
        ("5801", "cut short"),
        ("5bffffffffffffffff00", "longer than it is"),
        ("9bffffffffffffffff00", "longer than it is"),
        ("bbffffffffffffffff0000", "longer than it is"),
        ("81", "an item is missing"),
        ("a101", "a value is missing"),
        ("c1", "a tag of nothing"),
        ("1c", "reserved"),
        ("5f42010243030405ff", "no length"),
        ("7f657374726561646d696e67ff", "no length"),
        ("9fff", "no length"),
        ("bfff", "no length"),
        ("ff", "a break"),
        ("62c328", "no UTF-8"),
        ("f97c00", "infinite"),
        ("fa7fc00000", "no number"),
        ("fb7ff0000000000000", "infinite"),
        ("f0", "a simple value"),
        ("f8ff", "a simple value"),
        ("a201020103", "twice"),
        ("a20102180103", "twice, longer"),
        ("a20102190001 03", "twice, longer"),
        ("a2616101616102", "twice"),
        ("a241610141 6102", "twice"),
        ("81a201020103", "twice, deeper"),
        ("a282010203820102 04", "twice, an array"),
    ] {
        assert!(parse(&hex(&bytes.replace(' ', ""))).is_none(), "{why}");
    }
    // Other keys although they look alike.
    assert!(parse(&hex("a3016130613101413102")).is_some());
}

#[test]
fn depth_and_keys_have_an_end() {
    for (open, close) in [(0x81, &[0x00][..]), (0xc1, &[0x00])] {
        let nested = |depth: usize| [&vec![open; depth], close].concat();
        assert!(json(&nested(MAX_DEPTH)).is_some());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_none());
        assert!(parse(&nested(1 << 16)).is_none());
    }
    let many = |keys: u8| {
        let pairs = (0..keys).flat_map(|key| [0x18, key, 0x00]);
        [0xb8, keys].into_iter().chain(pairs).collect::<Vec<u8>>()
    };
    assert!(parse(&many(64)).is_some());
    assert!(parse(&many(65)).is_none());
}

#[test]
fn the_way_to_values() {
    let bytes = hex("a501182a0283f5f6616105c1030643010203206161");
    let value = parse(&bytes).unwrap();
    assert!(value.is_map() && !value.is_array());
    assert_eq!(value.get(1).and_then(Value::int), Some(42));
    assert_eq!(value.get(-1).and_then(Value::text), Some("a"));
    assert_eq!(value.get(6).and_then(Value::bytes), Some(&[1, 2, 3][..]));
    assert_eq!(value.get(9), None);
    let list: Vec<_> = value.get(2).unwrap().items().map(Value::item).collect();
    assert_eq!(list, [Item::Bool(true), Item::Null, Item::Text("a")]);
    let (tag, inner) = value.get(5).unwrap().tagged().unwrap();
    assert_eq!((tag, inner.int()), (1, Some(3)));
    assert_eq!(
        value.items().count() + value.get(1).unwrap().pairs().count(),
        0
    );
    assert_eq!(parse(&hex("1bffffffffffffffff")).unwrap().int(), None);
}

/// A value as ciborium has it.
fn any_value() -> impl Strategy<Value = Other> {
    let scalar = prop_oneof![
        any::<u64>().prop_map(Other::from),
        any::<i64>().prop_map(Other::from),
        any::<f32>().prop_map(|number| Other::from(f64::from(number))),
        any::<f64>().prop_map(Other::from),
        any::<bool>().prop_map(Other::from),
        Just(Other::Null),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(Other::from),
        "\\PC{0,6}|[\\x00-\\x7f]{0,6}".prop_map(Other::from),
    ];
    scalar.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Other::Array),
            prop::collection::vec((inner.clone(), inner.clone()), 0..5).prop_map(Other::Map),
            (0_u64..400, inner).prop_map(|(tag, inner)| Other::Tag(tag, Box::new(inner))),
        ]
    })
}

/// Whether a value is one that is accepted: every number is one, and no key comes twice.
fn is_accepted(value: &Other) -> bool {
    match value {
        Other::Float(number) => number.is_finite(),
        Other::Array(items) => items.iter().all(is_accepted),
        Other::Tag(_, inner) => is_accepted(inner),
        Other::Map(pairs) => {
            let is_other = |(at, pair): (usize, &(Other, Other))| {
                pairs.iter().take(at).all(|other| other.0 != pair.0)
            };
            pairs.iter().enumerate().all(is_other)
                && pairs
                    .iter()
                    .all(|pair| is_accepted(&pair.0) && is_accepted(&pair.1))
        }
        _ => true,
    }
}

/// The same value as JSON, by serde_json; None where a key is neither a number nor a text.
fn as_json(value: &Other) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Other::Integer(number) => {
            let number = i128::from(*number);
            serde_json::from_str(&number.to_string()).ok()?
        }
        Other::Float(number) => Json::from(*number),
        Other::Bool(value) => Json::from(*value),
        Other::Null => Json::Null,
        Other::Bytes(bytes) => Json::from(data_encoding::BASE64URL_NOPAD.encode(bytes)),
        Other::Text(text) => Json::from(text.as_str()),
        Other::Tag(_, inner) => as_json(inner)?,
        Other::Array(items) => Json::Array(items.iter().map(as_json).collect::<Option<_>>()?),
        Other::Map(pairs) => {
            let mut object = serde_json::Map::new();
            for (key, value) in pairs {
                let key = match key {
                    Other::Integer(number) => i128::from(*number).to_string(),
                    Other::Text(text) => text.clone(),
                    _ => return None,
                };
                // Two keys may have one name.
                if object.insert(key, as_json(value)?).is_some() {
                    return None;
                }
            }
            Json::Object(object)
        }
        _ => return None,
    })
}

/// Numbers by what they are worth: serde_json tells `1` from `1.0`.
fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match (one, other) {
        // serde_json rounds what it reads.
        (Json::Number(one), Json::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= one.abs() * 1e-15
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|pair| same(pair.0, pair.1))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

proptest! {
    /// What ciborium writes is read as ciborium means it.
    #[test]
    fn what_another_library_writes_is_read(value in any_value()) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        let read = parse(&bytes);
        prop_assert_eq!(read.is_some(), is_accepted(&value), "{:?}", value);
        if read.is_none() {
            return Ok(());
        }
        let text = {
            let mut out = Vec::new();
            write_json(parse(&bytes).unwrap(), |_| None, &mut |piece| out.extend_from_slice(piece)).unwrap();
            String::from_utf8(out).unwrap()
        };
        if let Some(wanted) = as_json(&value) {
            let found: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(same(&found, &wanted), "{} {}", text, wanted);
            prop_assert!(crate::json::parse(text.as_bytes()).is_some(), "{}", text);
        }
        // Cut anywhere it is none.
        for len in 0..bytes.len() {
            prop_assert!(parse(&bytes[..len]).is_none());
        }
    }

    /// Whatever is accepted, another library accepts, too.
    #[test]
    fn what_is_accepted_is_cbor(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4, 0x40_u8..0x44, 0x60_u8..0x64, 0x80_u8..0x84, 0xa0_u8..0xa3], 0..24)) {
        if parse(&bytes).is_some() {
            let other: Result<Other, _> = ciborium::from_reader(bytes.as_slice());
            prop_assert!(other.is_ok(), "{:?}", other);
            prop_assert!(json(&bytes).is_some());
        }
    }
}
