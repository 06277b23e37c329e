//! CBOR of a stranger: what our reader accepts ciborium accepts, walking through it finds its end, and as JSON it is some.
#![no_main]
use gatehouse_base::cbor::{self, Value};
use gatehouse_base::json;
use libfuzzer_sys::fuzz_target;

/// Walks through all of a value; gives how many values are in it.
fn walk(value: Value<'_>) -> usize {
    let pairs = value.pairs().map(|(key, value)| walk(key) + walk(value));
    let tagged = value.tagged().map_or(0, |(_, inner)| walk(inner));
    1 + pairs.sum::<usize>() + value.items().map(walk).sum::<usize>() + tagged
}

fuzz_target!(|data: &[u8]| {
    let Some(value) = cbor::parse(data) else { return };
    assert!(ciborium::from_reader::<ciborium::Value, _>(data).is_ok());
    assert!(walk(value) <= data.len());
    let mut text = Vec::new();
    cbor::write_json(value, |_| None, &mut |piece| text.extend_from_slice(piece)).unwrap();
    // Keys of two kinds may have one name; our reader refuses what serde_json takes then.
    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok());
    assert!(text.len() <= 8 * data.len() + 24);
    let _ = json::parse(&text);
});
