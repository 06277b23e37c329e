//! How key files spell keys.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use gatehouse_base::secret::Secret;

use crate::error::Error;

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
}

impl KeyEncoding {
    /// Every encoding and its name.
    pub const ALL: [(&str, KeyEncoding); 4] = [
        ("text", Self::Text),
        ("hex", Self::Hex),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
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

    /// As [`Self::decode`]; the error lacks a subject: `is empty`.
    pub(crate) fn decode_file(self, file: &[u8]) -> Result<Secret, String> {
        let text = without_newline(file);
        let decoded = match self {
            Self::Text => Ok(text.to_vec()),
            Self::Hex => HEXLOWER_PERMISSIVE.decode(text),
            Self::Base64 => BASE64.decode(text),
            Self::Base64Url if text.ends_with(b"=") => BASE64URL.decode(text),
            Self::Base64Url => BASE64URL_NOPAD.decode(text),
        };
        let key = decoded
            .map(Secret::new)
            .map_err(|_| format!("is not {}", self.name()))?;
        if key.as_bytes().is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(key)
    }

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|row| row.1 == self)
            .map_or("", |row| row.0)
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
