//! A value as JSON, so that one set of rules looks at both.

use std::fmt::{self, Write};

use data_encoding::BASE64URL_NOPAD;
use minicbor::Decoder;

use super::check::MAX_DEPTH;
use super::value::{Item, Value, item};

/// Gives `sink` a value as JSON, in pieces (RFC 8949 section 6.1): byte strings as base64url without padding, tags as what
/// they tag, keys that are no texts as texts. The keys of the outermost map have the names that `name` gives to numbers.
/// None when the value is broken, which none that was accepted is.
pub fn write_json(
    value: Value<'_>,
    name: impl Fn(i128) -> Option<&'static str>,
    sink: &mut dyn FnMut(&[u8]),
) -> Option<()> {
    let mut input = Decoder::new(value.source());
    let mut open = [Open::default(); MAX_DEPTH];
    let mut depth = 0_usize;
    let mut out = Out(sink);
    loop {
        let found = match depth.checked_sub(1) {
            Some(level) if open.get(level)?.is_key() => {
                let is_outermost = level == 0;
                key(&mut input, &mut out, &|number| {
                    name(number).filter(|_| is_outermost)
                })?;
                (out.0)(b":");
                open.get_mut(level)?.left_of_pair = 1;
                continue;
            }
            _ => item(&mut input)?,
        };
        let opened = match found {
            // As if it were not there.
            Item::Tag(_) => continue,
            Item::Array(left) => Open::begin(b'[', left),
            Item::Map(left) => Open::begin(b'{', left),
            scalar => {
                out.scalar(scalar).ok()?;
                Open::default()
            }
        };
        if let Some(bracket) = opened.bracket() {
            (out.0)(bracket);
            *open.get_mut(depth)? = opened;
            depth = depth.checked_add(1)?;
            if opened.left > 0 {
                continue;
            }
        }
        // A value ends here, and with it maybe what it is the last of.
        loop {
            let Some(level) = depth.checked_sub(1) else {
                return Some(());
            };
            let around = open.get_mut(level)?;
            if around.left > 0 {
                around.left = around.left.checked_sub(1)?;
                around.left_of_pair = 2;
            }
            if around.left > 0 {
                (out.0)(b",");
                break;
            }
            (out.0)(around.closing());
            depth = level;
        }
    }
}

/// An array or a map that is being written.
#[derive(Clone, Copy, Default)]
struct Open {
    /// The bracket it begins with; 0 for none.
    kind: u8,
    /// Items or pairs still to come.
    left: u64,
    /// What is still to come of a pair: two before its key.
    left_of_pair: u8,
}

impl Open {
    fn begin(kind: u8, left: u64) -> Self {
        Self {
            kind,
            left,
            left_of_pair: 2,
        }
    }

    fn is_key(&self) -> bool {
        self.kind == b'{' && self.left > 0 && self.left_of_pair == 2
    }

    fn bracket(&self) -> Option<&'static [u8]> {
        match self.kind {
            b'{' => Some(b"{"),
            b'[' => Some(b"["),
            _ => None,
        }
    }

    fn closing(&self) -> &'static [u8] {
        if self.kind == b'{' { b"}" } else { b"]" }
    }
}

/// Writes a key as a text.
fn key(
    input: &mut Decoder<'_>,
    out: &mut Out<'_, '_>,
    name: &dyn Fn(i128) -> Option<&'static str>,
) -> Option<()> {
    let begin = input.position();
    let written = match item(input)? {
        Item::Int(number) => match name(number) {
            Some(name) => out.text(name),
            None => write!(out, "\"{number}\""),
        },
        Item::Text(text) => out.text(text),
        _ => {
            input.set_position(begin);
            input.skip().ok()?;
            out.base64url(input.input().get(begin..input.position())?)
        }
    };
    written.ok()
}

/// Writes to a sink.
struct Out<'s, 'f>(&'s mut (dyn FnMut(&[u8]) + 'f));

impl Write for Out<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        (self.0)(text.as_bytes());
        Ok(())
    }
}

impl Out<'_, '_> {
    fn scalar(&mut self, value: Item<'_>) -> fmt::Result {
        match value {
            Item::Int(number) => write!(self, "{number}"),
            // Written out, the largest has three hundred digits.
            Item::Float(number) if number == 0.0 || (1e-4..1e15).contains(&number.abs()) => {
                write!(self, "{number}")
            }
            Item::Float(number) => write!(self, "{number:e}"),
            Item::Bool(value) => write!(self, "{value}"),
            Item::Bytes(bytes) => self.base64url(bytes),
            Item::Text(text) => self.text(text),
            Item::Null | Item::Array(_) | Item::Map(_) | Item::Tag(_) => self.write_str("null"),
        }
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        self.write_str("\"")?;
        let is_plain = |byte: u8| byte >= 0x20 && !matches!(byte, b'"' | b'\\');
        for run in text
            .as_bytes()
            .chunk_by(|a, b| is_plain(*a) && is_plain(*b))
        {
            match run {
                [byte @ (b'"' | b'\\')] => (self.0)(&[b'\\', *byte]),
                [byte @ 0..=0x1f] => write!(self, "\\u{byte:04x}")?,
                run => (self.0)(run),
            }
        }
        self.write_str("\"")
    }

    fn base64url(&mut self, bytes: &[u8]) -> fmt::Result {
        self.write_str("\"")?;
        // Whole groups of three bytes have no padding in between.
        for piece in bytes.chunks(48) {
            let mut room = [0; 64];
            let len = BASE64URL_NOPAD.encode_len(piece.len());
            let out = room.get_mut(..len).ok_or(fmt::Error)?;
            BASE64URL_NOPAD.encode_mut(piece, out);
            (self.0)(out);
        }
        self.write_str("\"")
    }
}
