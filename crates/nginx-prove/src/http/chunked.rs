//! Chunked transfer coding, RFC 9112 section 7.1.

use bstr::ByteSlice;

use super::error::ParseError;

/// Decodes a chunked body at the start of `input`; returns the body and how many bytes it took.
///
/// # Errors
/// [`ParseError::Partial`] when more bytes are needed, [`ParseError::Bad`] when no bytes could help.
pub fn decode(input: &[u8]) -> Result<(Vec<u8>, usize), ParseError> {
    let mut body = Vec::new();
    let mut rest = input;
    loop {
        let (line, after) = take_line(rest)?;
        let size = chunk_size(line)?;
        if size == 0 {
            let after = skip_trailers(after)?;
            return Ok((body, input.len().saturating_sub(after.len())));
        }
        let data = after.get(..size).ok_or(ParseError::Partial)?;
        body.extend_from_slice(data);
        let after = after.get(size..).unwrap_or_default();
        rest = match after {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Err(ParseError::Partial),
            _ => return Err(ParseError::Bad("no CRLF after a chunk".into())),
        };
    }
}

fn take_line(input: &[u8]) -> Result<(&[u8], &[u8]), ParseError> {
    let end = input.find(b"\r\n").ok_or(ParseError::Partial)?;
    let (line, rest) = input.split_at(end);
    Ok((line, rest.get(2..).unwrap_or_default()))
}

fn chunk_size(line: &[u8]) -> Result<usize, ParseError> {
    let digits = line
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let text = digits.to_str().unwrap_or("");
    let hex = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex {
        return Err(ParseError::Bad(format!(
            "bad chunk size `{}`",
            line.as_bstr()
        )));
    }
    usize::from_str_radix(text, 16).map_err(|e| ParseError::Bad(e.to_string()))
}

fn skip_trailers(mut rest: &[u8]) -> Result<&[u8], ParseError> {
    loop {
        let (line, after) = take_line(rest)?;
        if line.is_empty() {
            return Ok(after);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes() {
        let (body, used) =
            decode(b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nrest").unwrap();
        assert_eq!((body.as_slice(), used), (b"abc0123456789".as_slice(), 38));
    }

    #[test]
    fn tells_partial_from_bad() {
        assert!(matches!(decode(b"3\r\nab"), Err(ParseError::Partial)));
        assert!(matches!(decode(b"0\r\n"), Err(ParseError::Partial)));
        assert!(matches!(decode(b"3\r\nabcd\r\n"), Err(ParseError::Bad(_))));
        assert!(matches!(decode(b"zz\r\n"), Err(ParseError::Bad(_))));
        assert!(matches!(decode(b"\r\n"), Err(ParseError::Bad(_))));
    }

    proptest! {
        #[test]
        fn never_panics(input in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&input);
        }

        #[test]
        fn gives_back_what_was_encoded(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8)) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                wire.extend(chunk);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let (body, used) = decode(&wire).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(used, wire.len());
            for cut in 0..wire.len() {
                prop_assert!(matches!(decode(&wire[..cut]), Err(ParseError::Partial)));
            }
        }
    }
}
