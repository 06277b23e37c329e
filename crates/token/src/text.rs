//! A text as a token spells it, read without room for the whole of it.

use data_encoding::BASE64URL_NOPAD;

/// A text of a token that is authentic already.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'r> {
    /// The bytes are the text.
    Plain(&'r [u8]),
    /// With `%XX` for some of its bytes.
    Percent(&'r [u8]),
    /// In base64url, with or without padding.
    Base64Url(&'r [u8]),
}

/// What stands for a place where the spelling is wrong: no path and no address has such a byte, so that
/// a text with it is equal to none and the beginning of none.
const FAULT: u8 = 0;

impl<'r> Text<'r> {
    /// The bytes of the text.
    pub(crate) fn bytes(self) -> Bytes<'r> {
        let rest = match self {
            Self::Plain(text) | Self::Percent(text) => text,
            Self::Base64Url(text) => without_padding(text),
        };
        Bytes {
            spelling: self,
            rest,
            group: [0; 3],
            waiting: 0..0,
        }
    }
}

/// The digits of a base64url text that may be padded.
fn without_padding(text: &[u8]) -> &[u8] {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let fits = padding < 3 && text.len() % 4 == 0;
    let end = text.len().saturating_sub(if fits { padding } else { 0 });
    text.get(..end).unwrap_or_default()
}

/// The bytes of a [`Text`].
pub(crate) struct Bytes<'r> {
    spelling: Text<'r>,
    rest: &'r [u8],
    /// Decoded base64url, of which these are still to be given.
    group: [u8; 3],
    waiting: std::ops::Range<usize>,
}

impl Bytes<'_> {
    fn fault(&mut self) -> u8 {
        self.rest = b"";
        FAULT
    }

    fn next_of_group(&mut self) -> Option<u8> {
        if self.waiting.is_empty() {
            let (digits, rest) = self.rest.split_at(self.rest.len().min(4));
            if digits.is_empty() {
                return None;
            }
            self.rest = rest;
            let len = BASE64URL_NOPAD.decode_len(digits.len()).ok();
            let room = len.and_then(|len| self.group.get_mut(..len));
            let read = room.and_then(|room| BASE64URL_NOPAD.decode_mut(digits, room).ok());
            let Some(len) = read else {
                return Some(self.fault());
            };
            self.waiting = 0..len;
        }
        let at = self.waiting.next()?;
        self.group.get(at).copied()
    }
}

impl Iterator for Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Text::Base64Url(_) = self.spelling {
            return self.next_of_group();
        }
        let (first, rest) = self.rest.split_first()?;
        if let (Text::Percent(_), b'%') = (self.spelling, first) {
            return match rest {
                [high, low, rest @ ..] => match (hex_digit(*high), hex_digit(*low)) {
                    (Some(high), Some(low)) => {
                        self.rest = rest;
                        Some((high << 4) | low)
                    }
                    _ => Some(self.fault()),
                },
                _ => Some(self.fault()),
            };
        }
        self.rest = rest;
        Some(*first)
    }
}

/// Gives `sink` a percent-encoded text decoded, many bytes at a time.
///
/// # Errors
/// `None` where a `%` is not that of a byte, and for a zero byte.
pub(crate) fn percent_decoded(text: &[u8], sink: &mut dyn FnMut(&[u8])) -> Option<()> {
    let mut pieces = text.split(|byte| *byte == b'%');
    sink(pieces.next()?);
    for piece in pieces {
        let (digits, plain) = piece.split_at_checked(2)?;
        let (high, low) = (digits.first()?, digits.last()?);
        let byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
        sink(&[(byte != 0).then_some(byte)?]);
        sink(plain);
    }
    Some(())
}

/// Gives `sink` a text as Python's `quote_plus` writes it, but with lower-case digits.
pub(crate) fn quoted_plus(text: &[u8], sink: &mut dyn FnMut(&[u8])) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| HEX.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-~".contains(byte);
    for run in text.chunk_by(|a, b| is_plain(a) && is_plain(b)) {
        match run {
            [b' '] => sink(b"+"),
            [byte] if !is_plain(byte) => sink(&[b'%', digit(byte >> 4), digit(*byte)]),
            run => sink(run),
        }
    }
}

/// A text that is put together in room that is given.
pub(crate) struct Gathered<'o> {
    out: &'o mut [u8],
    len: Option<usize>,
}

impl<'o> Gathered<'o> {
    pub(crate) fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: Some(0) }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.len = self.len.and_then(|len| {
            let end = len.checked_add(piece.len())?;
            self.out.get_mut(len..end)?.copy_from_slice(piece);
            Some(end)
        });
    }

    /// All of it; `None` when it did not fit.
    pub(crate) fn whole(self) -> Option<&'o [u8]> {
        self.out.get(..self.len?)
    }
}

/// As base64url without padding.
pub(crate) fn base64url(raw: &[u8]) -> String {
    BASE64URL_NOPAD.encode(raw)
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL;
    use proptest::prelude::*;

    fn read(text: Text<'_>) -> Vec<u8> {
        text.bytes().collect()
    }

    fn quoted(text: &[u8]) -> String {
        let mut out = Vec::new();
        quoted_plus(text, &mut |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    fn decoded(text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        percent_decoded(text, &mut |piece| out.extend_from_slice(piece))?;
        Some(out)
    }

    #[test]
    fn a_fault_is_no_byte_of_a_path() {
        for text in [
            Text::Percent(b"/a%2"),
            Text::Percent(b"/a%zz/b"),
            Text::Percent(b"/a%"),
            Text::Base64Url(b"L2E*"),
            Text::Base64Url(b"L2FiL"),
            Text::Base64Url(b"L2F="),
            Text::Base64Url(b"L2Ej="),
        ] {
            assert_eq!(read(text).last(), Some(&FAULT), "{text:?}");
        }
        assert_eq!(read(Text::Plain(b"/a%2")), b"/a%2");
    }

    #[test]
    fn as_python_quotes() {
        assert_eq!(quoted("/a b/é~".as_bytes()), "%2fa+b%2f%c3%a9~");
        assert_eq!(quoted(b"aZ09_.-"), "aZ09_.-");
        assert_eq!(quoted(b""), "");
        assert_eq!(quoted(b"%%  "), "%25%25++");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in prop::collection::vec(1u8..=255, 0..20)) {
            let escaped: String = text.iter().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(&read(Text::Percent(escaped.as_bytes())), &text);
            prop_assert_eq!(decoded(escaped.as_bytes()), Some(text.clone()));
            let padded = BASE64URL.encode(&text);
            prop_assert_eq!(&read(Text::Base64Url(padded.as_bytes())), &text);
            let bare = BASE64URL_NOPAD.encode(&text);
            prop_assert_eq!(&read(Text::Base64Url(bare.as_bytes())), &text);
            let spelled = quoted(&text).replace('+', "%20");
            prop_assert_eq!(decoded(spelled.as_bytes()), Some(text));
        }

        #[test]
        fn any_text_is_survived(text in prop::collection::vec(any::<u8>(), 0..20)) {
            for text in [Text::Plain(&text), Text::Percent(&text), Text::Base64Url(&text)] {
                let _ = read(text);
            }
            let _ = decoded(&text);
        }
    }
}
