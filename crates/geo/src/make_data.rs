//! The data section of a file being written.

use std::collections::HashMap;

use serde_json::{Number, Value};

/// Strings shorter than this are written again rather than pointed to.
const SHORT: usize = 4;

/// The largest size that control bytes can state.
const LARGEST: usize = 65_821 + 0x00ff_ffff;

/// Values in their binary form; equal ones are written once.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) bytes: Vec<u8>,
    /// Offsets of the maps, arrays and strings written so far, by their JSON text.
    known: HashMap<String, u32>,
}

impl Data {
    /// The offset of a record that is written now or has been before.
    pub(super) fn record(&mut self, record: &Value) -> Result<u32, String> {
        let text = record.to_string();
        if let Some(offset) = self.known.get(&text) {
            return Ok(*offset);
        }
        check(record)?;
        let offset = self.position()?;
        self.write_inline(record)?;
        self.known.insert(text, offset);
        Ok(offset)
    }

    /// Starts a map; that many members follow.
    pub(super) fn begin_map(&mut self, members: usize) {
        self.write_control(7, members);
    }

    pub(super) fn unsigned16(&mut self, key: &str, number: u16) {
        self.write_string(key);
        self.write_scalar(5, &number.to_be_bytes());
    }

    pub(super) fn unsigned32(&mut self, key: &str, number: u32) {
        self.write_string(key);
        self.write_scalar(6, &number.to_be_bytes());
    }

    pub(super) fn unsigned64(&mut self, key: &str, number: u64) {
        self.write_string(key);
        self.write_scalar(9, &number.to_be_bytes());
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.write_string(key);
        self.write_string(text);
    }

    /// A map with one member.
    pub(super) fn text_map(&mut self, key: &str, member: &str, text: &str) {
        self.write_string(key);
        self.begin_map(1);
        self.text(member, text);
    }

    /// An array with one element.
    pub(super) fn text_list(&mut self, key: &str, text: &str) {
        self.write_string(key);
        self.write_control(11, 1);
        self.write_string(text);
    }

    fn position(&self) -> Result<u32, String> {
        u32::try_from(self.bytes.len()).map_err(|_| "too large for a MaxMind DB".to_owned())
    }

    /// Writes a member: as a pointer when the value is known and longer than one.
    fn write(&mut self, value: &Value) -> Result<(), String> {
        let shared = match value {
            Value::String(text) => text.len() >= SHORT,
            Value::Array(_) | Value::Object(_) => true,
            _ => false,
        };
        if !shared {
            return self.write_inline(value);
        }
        let text = value.to_string();
        if let Some(offset) = self.known.get(&text) {
            self.write_pointer(*offset);
            return Ok(());
        }
        let offset = self.position()?;
        self.write_inline(value)?;
        self.known.insert(text, offset);
        Ok(())
    }

    fn write_inline(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Null => return Err(no_null()),
            Value::Bool(flag) => self.write_control(14, usize::from(*flag)),
            Value::Number(number) => self.write_number(number),
            Value::String(text) => self.write_string(text),
            Value::Array(values) => {
                self.write_control(11, values.len());
                values.iter().try_for_each(|value| self.write(value))?;
            }
            Value::Object(members) => {
                self.begin_map(members.len());
                for (key, value) in members {
                    self.write(&Value::String(key.clone()))?;
                    self.write(value)?;
                }
            }
        }
        Ok(())
    }

    fn write_number(&mut self, number: &Number) {
        if let Some(unsigned) = number.as_u64() {
            match u32::try_from(unsigned) {
                Ok(small) => self.write_scalar(6, &small.to_be_bytes()),
                Err(_) => self.write_scalar(9, &unsigned.to_be_bytes()),
            }
        } else if let Some(signed) = number
            .as_i64()
            .and_then(|signed| i32::try_from(signed).ok())
        {
            self.write_scalar(8, &signed.to_be_bytes());
        } else {
            self.write_scalar(3, &number.as_f64().unwrap_or_default().to_be_bytes());
        }
    }

    fn write_string(&mut self, text: &str) {
        self.write_scalar(2, text.as_bytes());
    }

    fn write_scalar(&mut self, kind: u8, bytes: &[u8]) {
        self.write_control(kind, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes before a value: its type (above 7 in a byte of its own) and size.
    fn write_control(&mut self, kind: u8, size: usize) {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let (short, extra, count) = match size {
            0..=28 => (size, 0, 0),
            29..=284 => (29, size.saturating_sub(29), 1),
            285..=65_820 => (30, size.saturating_sub(285), 2),
            _ => (31, size.saturating_sub(65_821), 3),
        };
        let [.., short] = short.to_be_bytes();
        let top = if kind <= 7 { kind << 5 } else { 0 };
        self.bytes.push(top | short);
        if kind > 7 {
            self.bytes.push(kind.saturating_sub(7));
        }
        self.write_low_bytes(extra, count);
    }

    /// A pointer in its shortest form.
    fn write_pointer(&mut self, offset: u32) {
        let (size, rest, count) = match offset {
            0..2048 => (0, offset, 1),
            2048..526_336 => (1, offset.saturating_sub(2048), 2),
            526_336..134_744_064 => (2, offset.saturating_sub(526_336), 3),
            _ => (3, offset, 4),
        };
        // The three bits above the bytes that follow; none for the longest form.
        let high = [0, rest >> 8, rest >> 16, rest >> 24, 0];
        let high = high.get(count).copied().unwrap_or(0);
        let [.., high] = high.to_be_bytes();
        self.bytes.push(0b0010_0000 | (size << 3) | high);
        self.write_low_bytes(rest, count);
    }

    fn write_low_bytes(&mut self, number: u32, count: usize) {
        let bytes = number.to_be_bytes();
        self.bytes
            .extend(bytes.iter().skip(bytes.len().saturating_sub(count)));
    }
}

/// Whether the format can hold a value.
fn check(value: &Value) -> Result<(), String> {
    let size = match value {
        Value::Null => return Err(no_null()),
        Value::String(text) => text.len(),
        Value::Array(values) => values.len(),
        Value::Object(members) => members
            .len()
            .max(members.keys().map(String::len).max().unwrap_or(0)),
        Value::Bool(_) | Value::Number(_) => 0,
    };
    if size > LARGEST {
        return Err("a value is too long for a MaxMind DB".to_owned());
    }
    match value {
        Value::Array(values) => values.iter().try_for_each(check),
        Value::Object(members) => members.values().try_for_each(check),
        _ => Ok(()),
    }
}

fn no_null() -> String {
    "a MaxMind DB has no null".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::record::{Kind, Section};
    use super::Data;

    #[test]
    fn pointers_of_every_length() {
        let edges = [
            0,
            2047,
            2048,
            526_335,
            526_336,
            134_744_063,
            134_744_064,
            u32::MAX,
        ];
        for (offset, length) in edges.into_iter().zip([2, 2, 3, 3, 4, 4, 5, 5]) {
            let mut data = Data::default();
            data.write_pointer(offset);
            let head = Section(&data.bytes).head(0).unwrap();
            assert_eq!((head.kind, head.size), (Kind::Pointer, offset as usize));
            assert_eq!(
                (data.bytes.len(), head.payload),
                (length, length),
                "{offset}"
            );
        }
    }

    #[test]
    fn sizes_of_every_length() {
        for size in [0, 28, 29, 284, 285, 65_820, 65_821, 16_843_036] {
            let mut data = Data::default();
            data.begin_map(size);
            assert_eq!(Section(&data.bytes).head(0).unwrap().size, size);
        }
    }
}
