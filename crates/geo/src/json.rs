//! A record as JSON, for people to look at.

use serde_json::{Map, Number, Value as Json};

use super::record::{Kind, Section, Value};

/// How deep and how large the JSON may get: pointers let a small file describe a vast value.
const MAX_DEPTH: u32 = 64;
const MAX_VALUES: u32 = 1 << 16;

/// The value at an offset; bytes become hexadecimal, and so do numbers of 128 bits. `None` when
/// it is damaged or too large.
pub(super) fn json(section: Section<'_>, offset: usize) -> Option<Json> {
    let mut values = MAX_VALUES;
    convert(section, offset, MAX_DEPTH, &mut values)
}

fn convert(section: Section<'_>, at: usize, depth: u32, values: &mut u32) -> Option<Json> {
    *values = values.checked_sub(1)?;
    let depth = depth.checked_sub(1)?;
    let value = section.value(at)?;
    match value.kind {
        Kind::Map => object(section, value, depth, values).map(Json::Object),
        Kind::Array => {
            let elements = section
                .elements(value)
                .map(|at| convert(section, at, depth, values));
            let list: Vec<Json> = elements.collect::<Option<_>>()?;
            (list.len() == value.size).then_some(Json::Array(list))
        }
        _ => scalar(section, value),
    }
}

fn object(
    section: Section<'_>,
    map: Value,
    depth: u32,
    values: &mut u32,
) -> Option<Map<String, Json>> {
    let mut members = Map::new();
    let mut count = 0usize;
    for (key, at) in section.pairs(map) {
        let key = std::str::from_utf8(key).ok()?.to_owned();
        members.insert(key, convert(section, at, depth, values)?);
        count = count.checked_add(1)?;
    }
    (count == map.size).then_some(members)
}

fn scalar(section: Section<'_>, value: Value) -> Option<Json> {
    Some(match value.kind {
        Kind::String => std::str::from_utf8(section.bytes(value)?).ok()?.into(),
        Kind::Bytes => section
            .bytes(value)?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
        Kind::Bool => (value.size == 1).into(),
        Kind::Uint16 | Kind::Uint32 | Kind::Uint64 => {
            u64::try_from(section.unsigned(value)?).ok()?.into()
        }
        Kind::Uint128 => format!("0x{:032x}", section.unsigned(value)?).into(),
        Kind::Int32 => section.signed(value)?.into(),
        Kind::Double => Json::Number(Number::from_f64(section.double(value)?)?),
        Kind::Float => Json::Number(Number::from_f64(section.float(value)?.into())?),
        Kind::Map | Kind::Array | Kind::Pointer => return None,
    })
}
