//! Building requests as Test::Nginx does.

use bstr::ByteSlice;

/// Reads a `more_headers` section: `Name: value` lines, `#` comments.
/// Returns the header lines with CRLF and whether they make the body chunked.
#[must_use]
pub fn more_headers(text: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut chunked = false;
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        if line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        let (name, value) = match line.find_byte(b':') {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                (name, value.get(1..).unwrap_or_default().trim_ascii_start())
            }
            None => (line, b"".as_slice()),
        };
        chunked =
            chunked || (name.eq_ignore_ascii_case(b"transfer-encoding") && value == b"chunked");
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    (out, chunked)
}

/// Builds one request from `METHOD [url [version]]` and a body below it.
///
/// `Host: localhost` and `Connection: <connection>` are added unless `headers` has them; `Content-Length` unless it is chunked.
///
/// # Errors
/// An empty request, or a first line with too many words.
pub fn build(
    text: &[u8],
    headers: &[u8],
    chunked: bool,
    connection: &str,
) -> Result<Vec<u8>, String> {
    let (line, body) = match text.find_byte(b'\n') {
        Some(end) => {
            let (line, rest) = text.split_at(end);
            (line, rest.get(1..).unwrap_or_default())
        }
        None => (text, b"".as_slice()),
    };
    let words: Vec<&[u8]> = line
        .split(|b| b.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    let (method, url, version) = match words.as_slice() {
        [method] => (*method, b"/".as_slice(), b"HTTP/1.1".as_slice()),
        [method, url] => (*method, *url, b"HTTP/1.1".as_slice()),
        [method, url, version] => (*method, *url, *version),
        [] => return Err("the request line is empty".into()),
        _ => {
            return Err(format!(
                "the request line `{}` should be `METHOD [url [version]]`",
                line.as_bstr()
            ));
        }
    };
    let mut out = [method, b" ", url, b" ", version, b"\r\n"].concat();
    if !has_header(headers, "host") {
        out.extend_from_slice(b"Host: localhost\r\n");
    }
    if !has_header(headers, "connection") {
        out.extend_from_slice(format!("Connection: {connection}\r\n").as_bytes());
    }
    out.extend_from_slice(headers);
    let counted = !chunked && !body.is_empty() && !has_header(headers, "content-length");
    let body = if counted { body.trim_ascii() } else { body };
    if counted {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    Ok(out)
}

fn has_header(headers: &[u8], name: &str) -> bool {
    headers.lines().any(|line| {
        line.find_byte(b':')
            .and_then(|colon| line.get(..colon))
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str, headers: &str) -> String {
        let (headers, chunked) = more_headers(headers.as_bytes());
        String::from_utf8(build(text.as_bytes(), &headers, chunked, "close").unwrap()).unwrap()
    }

    #[test]
    fn defaults() {
        assert_eq!(
            built("GET", ""),
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            built("GET /a HTTP/1.0\n", ""),
            "GET /a HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn headers_replace_defaults() {
        assert_eq!(
            built("GET /", "host: x\n# note\nConnection:   upgrade\nX-A:\n"),
            "GET / HTTP/1.1\r\nhost: x\r\nConnection: upgrade\r\nX-A: \r\n\r\n"
        );
    }

    #[test]
    fn bodies() {
        assert_eq!(
            built("POST /\n\n ab \n", ""),
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
        );
        assert!(
            built("POST /\n2\r\nab\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
                .ends_with("\r\n\r\n2\r\nab\r\n0\r\n\r\n")
        );
        assert!(
            built("POST /\nabc\n", "Content-Length: 9").ends_with("Content-Length: 9\r\n\r\nabc\n")
        );
    }

    #[test]
    fn refuses() {
        assert!(build(b"", b"", false, "close").is_err());
        assert!(build(b"GET / HTTP/1.1 x", b"", false, "close").is_err());
    }
}
