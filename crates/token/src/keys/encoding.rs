//! How key files spell keys.

use std::fmt;

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use gatehouse_base::json;
use gatehouse_base::secret::Secret;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::signature::is_pem;

/// How a key file spells the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The bytes are the key.
    Text,
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with the standard alphabet and padding.
    Base64,
    /// Base64 with the URL alphabet, with or without padding.
    Base64Url,
    /// The text of a PEM file (RFC 7468): a public key, or a certificate.
    Pem,
    /// A JWK, or a set of them (RFC 7517).
    Jwks,
}

impl KeyEncoding {
    /// Every encoding and its name.
    pub const ALL: [(&str, KeyEncoding); 6] = [
        ("text", Self::Text),
        ("hex", Self::Hex),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
        ("pem", Self::Pem),
        ("jwks", Self::Jwks),
    ];

    /// Finds the encoding of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The key in a key file's bytes. One trailing newline (`\n` or `\r\n`) is not part of it.
    ///
    /// # Errors
    /// An empty key, and bytes that are not of this encoding (white space among them). The text does not
    /// quote the file.
    pub fn decode(self, file: &[u8]) -> Result<Secret, Error> {
        self.decode_file(file)
            .map_err(|fault| Error::new(format!("key {fault}")))
    }

    /// As [`Self::decode`]; the error lacks a subject.
    pub(crate) fn decode_file(self, file: &[u8]) -> Result<Secret, BadKey> {
        let mut room = Zeroizing::new(vec![0; file.len()]);
        let key = self.decode_into(file, &mut room)?;
        Ok(Secret::new(key.to_vec()))
    }

    /// The key in these bytes, which are spelled as a key file is; `room` is used where they are not the key itself.
    fn decode_into<'k>(self, text: &'k [u8], room: &'k mut [u8]) -> Result<&'k [u8], BadKey> {
        let key = self.spelled(text, room)?;
        let is_blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
        // Anybody could sign with it.
        match key.iter().all(is_blank) {
            true => Err(BadKey::Blank),
            false => Ok(key),
        }
    }

    fn spelled<'k>(self, text: &'k [u8], room: &'k mut [u8]) -> Result<&'k [u8], BadKey> {
        let text = without_newline(text);
        let spelling = match self {
            _ if text.is_empty() => return Err(BadKey::Empty),
            Self::Text => return Ok(text),
            Self::Pem if is_pem(text) => return Ok(text),
            Self::Jwks if json::parse(text).is_some() => return Ok(text),
            Self::Pem | Self::Jwks => return Err(BadKey::Not(self.name())),
            Self::Hex => &HEXLOWER_PERMISSIVE,
            Self::Base64 => &BASE64,
            Self::Base64Url if text.ends_with(b"=") => &BASE64URL,
            Self::Base64Url => &BASE64URL_NOPAD,
        };
        let is_not = |_| BadKey::Not(self.name());
        let most = spelling.decode_len(text.len()).map_err(is_not)?;
        let room = room.get_mut(..most).ok_or(BadKey::TooLong)?;
        let len = spelling
            .decode_mut(text, room)
            .map_err(|partly| is_not(partly.error))?;
        let key = room.get(..len).filter(|key| !key.is_empty());
        key.ok_or(BadKey::Empty)
    }

    /// Shows the key in these bytes to `see`; nothing of it is kept.
    pub(crate) fn lend(self, text: &[u8], see: impl FnOnce(&[u8])) -> Result<(), BadKey> {
        let mut room = Zeroizing::new([0; LONGEST]);
        see(self.decode_into(text, &mut *room)?);
        Ok(())
    }

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|row| row.1 == self)
            .map_or("", |row| row.0)
    }
}

/// The longest key that is decoded for one request.
const LONGEST: usize = 1024;

/// What is wrong with a key. As text it lacks a subject: `is empty`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Nothing is in it.
    Empty,
    /// It is not of the encoding of this name.
    Not(&'static str),
    /// Nothing but NUL and white space is in it, as in a file that was never written.
    Blank,
    /// It is longer than any key.
    TooLong,
    /// It is spelled as it should be, and no key of the kind that tokens are signed with.
    OtherKind,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Not(encoding) => write!(f, "is not {encoding}"),
            Self::Blank => f.write_str("is nothing but NUL or white space"),
            Self::TooLong => f.write_str("is too long"),
            Self::OtherKind => f.write_str("is no key that the format can use"),
        }
    }
}

fn without_newline(file: &[u8]) -> &[u8] {
    file.strip_suffix(b"\r\n")
        .or_else(|| file.strip_suffix(b"\n"))
        .unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(encoding: KeyEncoding, file: &str) -> Result<Vec<u8>, String> {
        let key = encoding
            .decode(file.as_bytes())
            .map_err(|error| error.to_string())?;
        Ok(key.as_bytes().to_vec())
    }

    #[test]
    fn one_newline_is_dropped() {
        for (file, key) in [
            ("k", "k"),
            ("k\n", "k"),
            ("k\r\n", "k"),
            ("k\n\n", "k\n"),
            ("k\r", "k\r"),
            (" k ", " k "),
            ("\nk", "\nk"),
        ] {
            assert_eq!(
                decode(KeyEncoding::Text, file).unwrap(),
                key.as_bytes(),
                "{file:?}"
            );
        }
    }

    #[test]
    fn encodings() {
        for (encoding, file) in [
            (KeyEncoding::Hex, "6b65ff3e\n"),
            (KeyEncoding::Hex, "6B65fF3E"),
            (KeyEncoding::Base64, "a2X/Pg==\r\n"),
            (KeyEncoding::Base64Url, "a2X_Pg"),
            (KeyEncoding::Base64Url, "a2X_Pg==\n"),
        ] {
            assert_eq!(decode(encoding, file).unwrap(), b"ke\xff\x3e", "{file:?}");
        }
    }

    #[test]
    fn empty_keys_are_refused() {
        for (_, encoding) in KeyEncoding::ALL {
            for file in ["", "\n", "\r\n"] {
                assert_eq!(decode(encoding, file).unwrap_err(), "key is empty");
            }
        }
    }

    #[test]
    fn a_key_that_is_lent_is_that_of_a_file() {
        for (encoding, text) in [
            (KeyEncoding::Text, "k\n"),
            (KeyEncoding::Text, ""),
            (KeyEncoding::Hex, "6b65ff3e"),
            (KeyEncoding::Hex, "6b65ff3"),
            (KeyEncoding::Hex, ""),
            (KeyEncoding::Base64, "a2X/Pg=="),
            (KeyEncoding::Base64, "a2X_Pg"),
            (KeyEncoding::Base64Url, "a2X_Pg"),
            (KeyEncoding::Base64Url, "a2X_Pg=="),
        ] {
            let mut lent = Err(BadKey::TooLong);
            let done = encoding.lend(text.as_bytes(), |key| lent = Ok(key.to_vec()));
            let lent = done.and(lent);
            let read = encoding.decode_file(text.as_bytes());
            assert_eq!(lent, read.map(|key| key.as_bytes().to_vec()), "{text:?}");
        }
        let long = "00".repeat(LONGEST + 1);
        let refused = KeyEncoding::Hex.lend(long.as_bytes(), |_| panic!("shown"));
        assert_eq!(refused, Err(BadKey::TooLong));
    }

    proptest! {
        /// Whatever a store holds as a key, it is read as a key file is, or refused as one.
        #[test]
        fn any_text_is_lent_as_it_is_read(
            text in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..80),
                "[0-9a-fA-F]{0,40}\\n?".prop_map(String::into_bytes),
                "[A-Za-z0-9+/_-]{0,40}={0,3}(\\r?\\n)?".prop_map(String::into_bytes),
            ],
        ) {
            for (_, encoding) in KeyEncoding::ALL {
                let mut lent = Vec::new();
                let done = encoding.lend(&text, |key| lent = key.to_vec());
                let read = encoding.decode_file(&text);
                prop_assert_eq!(done.map(|()| lent), read.map(|key| key.as_bytes().to_vec()));
            }
        }
    }

    #[test]
    fn other_spellings_are_refused_without_quoting_them() {
        for (encoding, file, text) in [
            (KeyEncoding::Hex, "6b65f", "key is not hex"),
            (KeyEncoding::Hex, "6b 65", "key is not hex"),
            (KeyEncoding::Hex, "6b65\n\n", "key is not hex"),
            (KeyEncoding::Base64, "a2X/Pg", "key is not base64"),
            (KeyEncoding::Base64, "a2X_Pg==", "key is not base64"),
            (KeyEncoding::Base64, " a2X/Pg==", "key is not base64"),
            (KeyEncoding::Base64Url, "a2X/Pg", "key is not base64url"),
            (KeyEncoding::Base64Url, "a2X_Ph", "key is not base64url"),
        ] {
            assert_eq!(decode(encoding, file).unwrap_err(), text, "{file:?}");
        }
    }
}
