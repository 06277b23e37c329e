//! The one look at every byte.

use minicbor::Decoder;

use super::value::{Item, Value, item};

/// How deep values may lie in each other; a tag is one level.
pub const MAX_DEPTH: usize = 16;

/// The most keys of a map.
pub const MAX_PAIRS: usize = 64;

/// Whether bytes are one value that is understood in one way.
pub(super) fn is_one_value(bytes: &[u8]) -> bool {
    end_of_value(bytes) == Some(bytes.len())
}

/// Where the value ends that bytes begin with.
fn end_of_value(bytes: &[u8]) -> Option<usize> {
    let mut input = Decoder::new(bytes);
    // How many values are still to come at each level.
    let mut open = [0_u64; MAX_DEPTH];
    let mut depth = 0_usize;
    // The first byte of each map is remembered by nobody: its keys are looked at when it ends, from where it began.
    let mut begins = [0_usize; MAX_DEPTH];
    loop {
        let begin = input.position();
        let inner = parts(&mut input)?;
        if inner > 0 {
            *open.get_mut(depth)? = inner;
            *begins.get_mut(depth)? = begin;
            depth = depth.checked_add(1)?;
            continue;
        }
        loop {
            let Some(level) = depth.checked_sub(1) else {
                return Some(input.position());
            };
            let left = open.get_mut(level)?;
            *left = left.checked_sub(1)?;
            if *left > 0 {
                break;
            }
            depth = level;
            let whole = bytes.get(*begins.get(level)?..input.position())?;
            has_each_key_once(Value(whole)).then_some(())?;
        }
    }
}

/// Reads the head of a value, and of a scalar all: how many values it is made of.
fn parts(input: &mut Decoder<'_>) -> Option<u64> {
    Some(match item(input)? {
        Item::Array(len) => len,
        Item::Map(len) => {
            let most = u64::try_from(MAX_PAIRS).ok()?;
            (len <= most).then(|| len.checked_mul(2))??
        }
        Item::Tag(_) => 1,
        _ => 0,
    })
}

/// Whether no key of a map comes twice, however it is written. What is no map has no keys.
fn has_each_key_once(value: Value<'_>) -> bool {
    let mut seen: [Option<Value<'_>>; MAX_PAIRS] = [None; MAX_PAIRS];
    for ((key, _), slot) in value.pairs().zip(0..MAX_PAIRS) {
        let mut before = seen.iter().flatten();
        if before.any(|other| other.is_same_key(key)) {
            return false;
        }
        if let Some(slot) = seen.get_mut(slot) {
            *slot = Some(key);
        }
    }
    true
}
