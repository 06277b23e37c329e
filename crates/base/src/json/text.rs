//! Texts of JSON, with their escapes.

use std::ops::ControlFlow;

/// A text that may have escapes.
#[derive(Clone, Copy, Debug)]
pub struct Text<'t>(pub(super) &'t [u8]);

impl<'t> Text<'t> {
    /// The text itself, when it has no escapes.
    pub fn plain(self) -> Option<&'t [u8]> {
        memchr::memchr(b'\\', self.0).is_none().then_some(self.0)
    }

    /// The most bytes it may have without its escapes.
    pub fn max_len(self) -> usize {
        self.0.len()
    }

    /// Gives `see` the pieces of the text without its escapes, in order, until it breaks.
    pub fn each<B>(self, mut see: impl FnMut(&[u8]) -> ControlFlow<B>) -> ControlFlow<B> {
        let mut rest = self.0;
        loop {
            let stop = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            let (plain, escape) = rest.split_at_checked(stop).unwrap_or((rest, b""));
            if !plain.is_empty() {
                see(plain)?;
            }
            let Some((char, len)) = unescape(escape) else {
                return ControlFlow::Continue(());
            };
            see(char.encode_utf8(&mut [0; 4]).as_bytes())?;
            rest = escape.get(len..).unwrap_or_default();
        }
    }

    /// Whether it is this text.
    pub fn is(self, text: &[u8]) -> bool {
        // An escape is longer than what it stands for.
        if self.0.len() <= text.len() {
            return self.0 == text && self.plain().is_some();
        }
        let may_begin = |byte: &u8| *byte == b'\\' || text.first() == Some(byte);
        if !self.0.first().is_some_and(may_begin) || self.plain().is_some() {
            return false;
        }
        let mut rest = Some(text);
        let done = self.each(
            |piece| match rest.and_then(|rest| rest.strip_prefix(piece)) {
                Some(behind) => {
                    rest = Some(behind);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            },
        );
        done.is_continue() && rest.is_some_and(<[u8]>::is_empty)
    }

    /// Whether this is one of its words, with spaces between them (as `scope` has, RFC 6749 section 3.3), however the text is
    /// written. An empty word is none.
    pub fn has_word(self, word: &[u8]) -> bool {
        // What is still to come of the word, while what was seen since the last space may become it.
        let mut rest = Some(word);
        let is_all = |rest: Option<&[u8]>| !word.is_empty() && rest.is_some_and(<[u8]>::is_empty);
        let done = self.each(|piece| {
            let mut parts = piece.split(|byte| *byte == b' ');
            let first = parts.next().unwrap_or_default();
            rest = rest.and_then(|rest| rest.strip_prefix(first));
            for part in parts {
                // A space stood here.
                if is_all(rest) {
                    return ControlFlow::Break(());
                }
                rest = word.strip_prefix(part);
            }
            ControlFlow::Continue(())
        });
        done.is_break() || is_all(rest)
    }

    /// Whether it is the same as another one, however both are written.
    pub fn same(self, other: Text<'_>) -> bool {
        match (self.plain(), other.plain()) {
            (_, Some(plain)) => self.is(plain),
            (Some(plain), None) => other.is(plain),
            (None, None) => {
                let mut at = 0_usize;
                let equal = |piece: &[u8], at: usize| other.has_at(at, piece);
                let done = self.each(|piece| {
                    if !equal(piece, at) {
                        return ControlFlow::Break(());
                    }
                    at = at.saturating_add(piece.len());
                    ControlFlow::Continue(())
                });
                done.is_continue() && other.len() == at
            }
        }
    }

    fn len(self) -> usize {
        let mut len = 0_usize;
        let _ = self.each(|piece| {
            len = len.saturating_add(piece.len());
            ControlFlow::<()>::Continue(())
        });
        len
    }

    /// Whether these bytes stand at that place of the text.
    fn has_at(self, at: usize, bytes: &[u8]) -> bool {
        let (mut skip, mut rest) = (at, bytes);
        let _ = self.each(|piece| {
            let here = piece.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            let len = here.len().min(rest.len());
            if here.get(..len) != rest.get(..len) {
                return ControlFlow::Break(());
            }
            rest = rest.get(len..).unwrap_or_default();
            if rest.is_empty() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        rest.is_empty()
    }

    /// Writes it to the start of `out` and gives its length; None when it does not fit.
    pub fn write(self, out: &mut [u8]) -> Option<usize> {
        let mut len = 0_usize;
        let done = self.each(|piece| {
            let end = len.saturating_add(piece.len());
            let Some(room) = out.get_mut(len..end) else {
                return ControlFlow::Break(());
            };
            room.copy_from_slice(piece);
            len = end;
            ControlFlow::Continue(())
        });
        done.is_continue().then_some(len)
    }
}

/// The character of an escape that the text begins with, and the length of the escape.
pub(super) fn unescape(text: &[u8]) -> Option<(char, usize)> {
    let char = match text.strip_prefix(b"\\")?.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unit(text),
        _ => return None,
    };
    Some((char, 2))
}

/// `\uXXXX`, or two of them for what UTF-16 has two units for.
fn unescape_unit(text: &[u8]) -> Option<(char, usize)> {
    let first = unit(text)?;
    if let Some(char) = char::from_u32(first) {
        return Some((char, 6));
    }
    let second = unit(text.get(6..)?)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let code = ((first & 0x3ff) << 10) | (second & 0x3ff);
    Some((char::from_u32(code.saturating_add(0x1_0000))?, 12))
}

fn unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((unit << 4) | digit)
    })
}
