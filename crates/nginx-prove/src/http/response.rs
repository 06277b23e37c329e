//! Reading a response out of received bytes.

use bstr::ByteSlice;

use super::chunked;
use super::error::ParseError;

/// One response.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Everything up to and including the empty line, as received.
    pub head: Vec<u8>,
    /// Header names as received and their values, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, decoded when it was chunked.
    pub body: Vec<u8>,
    /// Whether the connection ended before the body did.
    pub truncated: bool,
}

impl Response {
    /// The values of a header, joined with `, `; `None` when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| String::from_utf8_lossy(v))
            .collect();
        if values.is_empty() {
            None
        } else {
            Some(values.join(", "))
        }
    }

    /// The body as text, with bytes outside UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Parses the response at the start of `input`; returns it and how many bytes it took.
///
/// `eof`: the connection is closed, so a short body is all there is. `head_only`: the request was HEAD.
///
/// # Errors
/// [`ParseError::Partial`] when more bytes are needed, [`ParseError::Bad`] when no bytes could help.
pub fn parse(input: &[u8], head_only: bool, eof: bool) -> Result<(Response, usize), ParseError> {
    let (mut response, used) = parse_head(input, eof)?;
    let rest = input.get(used..).unwrap_or_default();
    if (100..200).contains(&response.status) && response.status != 101 {
        let (next, more) = parse(rest, head_only, eof)?;
        return Ok((next, used.saturating_add(more)));
    }
    let taken = match framing(&response, head_only)? {
        Framing::None => 0,
        Framing::Length(length) => fixed(&mut response, rest, length, eof)?,
        Framing::Chunked => chunked_body(&mut response, rest, eof)?,
        Framing::Close if eof => {
            response.body = rest.to_vec();
            rest.len()
        }
        Framing::Close => return Err(ParseError::Partial),
    };
    Ok((response, used.saturating_add(taken)))
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

fn parse_head(input: &[u8], eof: bool) -> Result<(Response, usize), ParseError> {
    let mut storage = [httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Response::new(&mut storage);
    let used = match parsed.parse(input) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) if eof && !input.is_empty() => {
            return Err(ParseError::Bad(format!(
                "the connection closed within the response head: {}",
                excerpt(input)
            )));
        }
        Ok(httparse::Status::Partial) => return Err(ParseError::Partial),
        Err(error) => {
            return Err(ParseError::Bad(format!(
                "no HTTP response ({error}): {}",
                excerpt(input)
            )));
        }
    };
    let headers = parsed
        .headers
        .iter()
        .map(|h| (h.name.to_owned(), h.value.to_vec()))
        .collect();
    let head = input.get(..used).unwrap_or_default().to_vec();
    Ok((
        Response {
            status: parsed.code.unwrap_or(0),
            head,
            headers,
            body: Vec::new(),
            truncated: false,
        },
        used,
    ))
}

fn excerpt(input: &[u8]) -> String {
    input
        .get(..200)
        .unwrap_or(input)
        .as_bstr()
        .escape_ascii()
        .to_string()
}

fn framing(response: &Response, head_only: bool) -> Result<Framing, ParseError> {
    if head_only || matches!(response.status, 204 | 304) {
        return Ok(Framing::None);
    }
    if response.status == 101 {
        return Ok(Framing::Close);
    }
    if response
        .header("Transfer-Encoding")
        .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
    {
        return Ok(Framing::Chunked);
    }
    match response.header("Content-Length") {
        Some(text) => text
            .parse()
            .map(Framing::Length)
            .map_err(|_| ParseError::Bad(format!("bad Content-Length `{text}`"))),
        None => Ok(Framing::Close),
    }
}

fn fixed(
    response: &mut Response,
    rest: &[u8],
    length: usize,
    eof: bool,
) -> Result<usize, ParseError> {
    match rest.get(..length) {
        Some(body) => {
            response.body = body.to_vec();
            Ok(length)
        }
        None if eof => {
            response.body = rest.to_vec();
            response.truncated = true;
            Ok(rest.len())
        }
        None => Err(ParseError::Partial),
    }
}

fn chunked_body(response: &mut Response, rest: &[u8], eof: bool) -> Result<usize, ParseError> {
    match chunked::decode(rest) {
        Ok((body, used)) => {
            response.body = body;
            Ok(used)
        }
        Err(ParseError::Partial) if eof => {
            response.body = rest.to_vec();
            response.truncated = true;
            Ok(rest.len())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fixed_length() {
        let wire = b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 3\r\na: 2\r\n\r\nabcHTTP";
        let (response, used) = parse(wire, false, false).unwrap();
        assert_eq!(
            (response.status, response.body.as_slice(), used),
            (200, b"abc".as_slice(), wire.len() - 4)
        );
        assert_eq!(response.header("A").as_deref(), Some("1, 2"));
        assert_eq!(response.header("B"), None);
    }

    #[test]
    fn waits_or_reports() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab";
        assert!(matches!(
            parse(wire, false, false),
            Err(ParseError::Partial)
        ));
        let (response, _) = parse(wire, false, true).unwrap();
        assert!(response.truncated);
        assert!(matches!(
            parse(b"HTTP/1.1 200", false, true),
            Err(ParseError::Bad(_))
        ));
        assert!(matches!(
            parse(b"garbage\r\n\r\n", false, false),
            Err(ParseError::Bad(_))
        ));
    }

    #[test]
    fn head_interim_and_upgrade() {
        let (response, used) =
            parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, false).unwrap();
        assert_eq!((response.body.len(), used), (0, 38));
        let (response, _) = parse(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
            false,
            false,
        )
        .unwrap();
        assert_eq!(response.status, 204);
        let (response, _) = parse(b"HTTP/1.1 101 S\r\n\r\n\x81\x00", false, true).unwrap();
        assert_eq!(response.body, b"\x81\x00");
    }

    proptest! {
        #[test]
        fn never_panics(tail in proptest::collection::vec(any::<u8>(), 0..100), eof in any::<bool>()) {
            let _ = parse(&tail, false, eof);
            let mut wire = b"HTTP/1.1 200 OK\r\n".to_vec();
            wire.extend(&tail);
            let _ = parse(&wire, false, eof);
        }
    }
}
