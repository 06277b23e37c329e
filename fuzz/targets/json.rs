//! JSON of a stranger: what our reader accepts serde_json accepts, and walking through it finds its end.
#![no_main]
use gatehouse_base::json::{self, Value};
use libfuzzer_sys::fuzz_target;

/// Walks through all of a value; gives how many values are in it.
fn walk(value: Value<'_>) -> usize {
    let mut out = vec![0; value.source().len()];
    let mut count = 1;
    for (name, member) in value.members() {
        let len = name.write(&mut out).unwrap();
        let name = String::from_utf8(out[..len].to_vec()).unwrap();
        assert_eq!(value.member(&name), Some(member));
        count += walk(member);
    }
    if let Some(text) = value.text() {
        let len = text.write(&mut out).unwrap();
        assert!(text.is(&out[..len]) && text.same(text));
    }
    count + value.items().map(walk).sum::<usize>()
}

fuzz_target!(|data: &[u8]| {
    if let Some(value) = json::parse(data) {
        assert!(serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok());
        assert!(walk(value) <= data.len());
    }
    let mut seen = Vec::new();
    if let Some(object) = json::parse_object(data, |_, value| seen.push(value)) {
        assert!(object.members().map(|(_, value)| value).eq(seen));
    }
});
