//! Escapes and interpolation inside Perl's quotes.

use super::{Scope, Value};

/// `'…'` and `q{…}`: only the backslash and the delimiters can be escaped.
pub(super) fn single(raw: &[u8], open: u8, close: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(b) = bytes.next() {
        match bytes.peek() {
            Some(&next) if b == b'\\' && (next == b'\\' || next == open || next == close) => {
                out.push(next);
                bytes.next();
            }
            _ => out.push(b),
        }
    }
    out
}

/// `"…"`, `qq{…}` and heredocs: escapes and variables.
pub(super) fn double(raw: &[u8], scope: &Scope) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(raw.len());
    let mut cursor = Cursor { raw, pos: 0 };
    while let Some(b) = cursor.next() {
        match b {
            b'\\' => escape(&mut cursor, &mut out)?,
            b'$' => variable(&mut cursor, scope, &mut out)?,
            b'@' => refuse_array(&cursor)?,
            _ => {}
        }
        if !matches!(b, b'\\' | b'$') {
            out.push(b);
        }
    }
    Ok(out)
}

/// `qr{…}`: variables only, escapes stay for the regex engine.
pub(super) fn pattern(raw: &[u8], scope: &Scope) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(raw.len());
    let mut cursor = Cursor { raw, pos: 0 };
    while let Some(b) = cursor.next() {
        match b {
            b'\\' => {
                out.push(b);
                out.extend(cursor.next());
            }
            b'$' => variable(&mut cursor, scope, &mut out)?,
            b'@' => {
                refuse_array(&cursor)?;
                out.push(b);
            }
            _ => out.push(b),
        }
    }
    Ok(out)
}

struct Cursor<'a> {
    raw: &'a [u8],
    pos: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.raw.get(self.pos).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let b = self.peek()?;
        self.pos = self.pos.saturating_add(1);
        Some(b)
    }

    fn take_while(&mut self, max: usize, accept: impl Fn(u8) -> bool) -> String {
        let mut taken = String::new();
        while taken.len() < max {
            match self.peek() {
                Some(b) if accept(b) => {
                    taken.push(char::from(b));
                    self.next();
                }
                _ => break,
            }
        }
        taken
    }

    fn skip(&mut self, expected: &[u8]) -> bool {
        let found = self
            .raw
            .get(self.pos..)
            .is_some_and(|rest| rest.starts_with(expected));
        if found {
            self.pos = self.pos.saturating_add(expected.len());
        }
        found
    }
}

fn escape(cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let Some(b) = cursor.next() else {
        return Err("a backslash at the end of a string".into());
    };
    match b {
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'f' => out.push(0x0c),
        b'a' => out.push(0x07),
        b'b' => out.push(0x08),
        b'e' => out.push(0x1b),
        b'x' => push_code(hex(cursor)?, out)?,
        b'0'..=b'7' => {
            let mut digits = String::from(char::from(b));
            digits.push_str(&cursor.take_while(2, |d| matches!(d, b'0'..=b'7')));
            push_code(u32::from_str_radix(&digits, 8).unwrap_or(0), out)?;
        }
        b'c' => out.extend(cursor.next().map(|c| c.to_ascii_uppercase() ^ 0x40)),
        b'U' | b'L' | b'Q' | b'E' | b'N' | b'u' | b'l' | b'o' => {
            return Err(format!(
                "the escape `\\{}` is not understood here",
                char::from(b)
            ));
        }
        other => out.push(other),
    }
    Ok(())
}

fn hex(cursor: &mut Cursor<'_>) -> Result<u32, String> {
    let braced = cursor.skip(b"{");
    let digits = cursor.take_while(if braced { 8 } else { 2 }, |d| d.is_ascii_hexdigit());
    if braced && !cursor.skip(b"}") {
        return Err("`\\x{` without its closing brace".into());
    }
    if digits.is_empty() {
        return Ok(0);
    }
    u32::from_str_radix(&digits, 16).map_err(|e| format!("bad `\\x{{{digits}}}`: {e}"))
}

/// A code below 0x100 is one byte; a wide one is written as UTF-8.
fn push_code(code: u32, out: &mut Vec<u8>) -> Result<(), String> {
    if let Ok(byte) = u8::try_from(code) {
        out.push(byte);
        return Ok(());
    }
    let wide = char::from_u32(code).ok_or_else(|| format!("no character U+{code:X}"))?;
    out.extend_from_slice(wide.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn variable(cursor: &mut Cursor<'_>, scope: &Scope, out: &mut Vec<u8>) -> Result<(), String> {
    let start = cursor.pos;
    let braced = cursor.skip(b"{");
    let qualified = cursor.skip(b"::") || cursor.skip(b"main::");
    let name = match cursor.peek() {
        Some(b) if b.is_ascii_alphabetic() || b == b'_' => cursor.take_while(usize::MAX, is_word),
        _ if qualified || braced => return Err("a `$` with no name after it; write `\\$`".into()),
        _ => {
            cursor.pos = start;
            out.push(b'$');
            return Ok(());
        }
    };
    if braced && !cursor.skip(b"}") {
        return Err(format!("`${{{name}` is not understood here"));
    }
    let value = if name == "ENV" && cursor.skip(b"{") {
        let key = cursor.take_while(usize::MAX, |b| is_word(b) || b == b'\'' || b == b'"');
        if !cursor.skip(b"}") {
            return Err("`$ENV{` without its closing brace".into());
        }
        scope.env(key.trim_matches(['\'', '"']))?
    } else {
        scope.var(&name)?
    };
    match value {
        Value::Undef => {}
        other => out.extend(other.bytes().map_err(|e| format!("${name}: {e}"))?),
    }
    Ok(())
}

fn refuse_array(cursor: &Cursor<'_>) -> Result<(), String> {
    match cursor.peek() {
        Some(b) if b.is_ascii_alphabetic() || b == b'_' || b == b'{' => {
            Err("Perl would read an array here; write `\\@`".into())
        }
        _ => Ok(()),
    }
}
