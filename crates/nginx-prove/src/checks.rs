//! What a block says about its responses.

use bstr::ByteSlice;

use crate::format::Block;
use crate::http::Response;
use crate::perl::{Pattern, Value};

/// Sections that say something about a response.
pub const RESPONSE_SECTIONS: &[&str] = &[
    "error_code",
    "error_code_like",
    "response_body",
    "response_body_like",
    "response_body_unlike",
    "response_headers",
    "raw_response_headers_like",
    "raw_response_headers_unlike",
];

/// The value of a section for request `index`. With many requests a section must be an array.
fn indexed(block: &Block, name: &str, index: usize, many: bool) -> Result<Option<Value>, String> {
    let value = match block.get(name) {
        None => return Ok(None),
        Some(Value::List(items)) => items
            .get(index)
            .cloned()
            .ok_or_else(|| format!("{name} has no item for request {index}"))?,
        Some(_) if many => return Err(format!("{name} must be an array, one item per request")),
        Some(value) => value.clone(),
    };
    Ok(if matches!(value, Value::Undef) {
        None
    } else {
        Some(value)
    })
}

/// Compares a response with the block; returns what differs.
#[must_use]
pub fn check(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    default_status: u16,
) -> Vec<String> {
    let mut failures = Vec::new();
    let checks = [status, headers, raw_headers, body, body_like];
    for one in checks {
        if let Err(failure) = one(block, response, index, many, default_status) {
            failures.push(failure);
        }
    }
    if response.truncated && !block.has("response_body") && !block.has("response_body_like") {
        failures.push("the connection closed before the body was complete".into());
    }
    failures
}

fn status(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    default: u16,
) -> Result<(), String> {
    if let Some(value) = indexed(block, "error_code_like", index, many)? {
        return matches(
            "error_code_like",
            &value,
            "sm",
            response.status.to_string().as_bytes(),
            true,
        );
    }
    let expected = match indexed(block, "error_code", index, many)? {
        Some(value) => value.text()?,
        None => default.to_string(),
    };
    if expected == response.status.to_string() {
        return Ok(());
    }
    Err(format!(
        "status: expected {expected}, came {}\n  body: {}",
        response.status,
        shorten(&response.body)
    ))
}

fn headers(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    _: u16,
) -> Result<(), String> {
    let Some(value) = indexed(block, "response_headers", index, many)? else {
        return Ok(());
    };
    let mut wrong = Vec::new();
    for line in value.bytes()?.lines().filter(|line| !line.is_empty()) {
        if let Err(failure) = one_header(&String::from_utf8_lossy(line), response) {
            wrong.push(failure);
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn one_header(line: &str, response: &Response) -> Result<(), String> {
    if let Some(absent) = line.strip_prefix('!') {
        let name = absent.trim();
        return match response.header(name) {
            Some(value) => Err(format!("header {name}: expected none, came `{value}`")),
            None => Ok(()),
        };
    }
    let (name, expected) = line
        .split_once(':')
        .ok_or_else(|| format!("response_headers: `{line}` is no header line"))?;
    let expected = expected.trim();
    // As in Test::Nginx, an empty value also means "none".
    let came = response.header(name.trim());
    if came.as_deref().unwrap_or_default() == expected {
        return Ok(());
    }
    let came = came.map_or("none".to_owned(), |value| format!("`{value}`"));
    Err(format!("header {name}: expected `{expected}`, came {came}"))
}

fn raw_headers(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    _: u16,
) -> Result<(), String> {
    for (section, wanted) in [
        ("raw_response_headers_like", true),
        ("raw_response_headers_unlike", false),
    ] {
        if let Some(value) = indexed(block, section, index, many)? {
            matches(section, &value, "s", &response.head, wanted)?;
        }
    }
    Ok(())
}

fn body(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    _: u16,
) -> Result<(), String> {
    match indexed(block, "response_body", index, many)? {
        None => Ok(()),
        Some(Value::Regex(pattern)) => matches(
            "response_body",
            &Value::Regex(pattern),
            "",
            &response.body,
            true,
        ),
        Some(value) => {
            let expected = value.bytes()?;
            if expected == response.body {
                return Ok(());
            }
            let same = expected
                .iter()
                .zip(&response.body)
                .take_while(|(a, b)| a == b)
                .count();
            let from = same.saturating_sub(40);
            let tail = |bytes: &[u8]| shorten(bytes.get(from..).unwrap_or_default());
            Err(format!(
                "body differs at byte {same} ({} expected, {} came)\n  expected: {}\n  came:     {}",
                expected.len(),
                response.body.len(),
                tail(&expected),
                tail(&response.body)
            ))
        }
    }
}

fn body_like(
    block: &Block,
    response: &Response,
    index: usize,
    many: bool,
    _: u16,
) -> Result<(), String> {
    for (section, wanted) in [
        ("response_body_like", true),
        ("response_body_unlike", false),
    ] {
        if let Some(value) = indexed(block, section, index, many)? {
            matches(section, &value, "s", &response.body, wanted)?;
        }
    }
    Ok(())
}

/// A plain text becomes a pattern; one newline at its end is not meant.
fn matches(
    section: &str,
    value: &Value,
    flags: &str,
    bytes: &[u8],
    wanted: bool,
) -> Result<(), String> {
    let pattern = match value {
        Value::Regex(pattern) => pattern.clone(),
        other => {
            let text = other.bytes()?;
            Pattern::new(text.strip_suffix(b"\n").unwrap_or(&text), flags)?
        }
    };
    if pattern.is_match(bytes) == wanted {
        return Ok(());
    }
    let verb = if wanted {
        "no match for"
    } else {
        "unwanted match for"
    };
    Err(format!(
        "{section}: {verb} /{}/\n  came: {}",
        pattern.source().as_bstr(),
        shorten(bytes)
    ))
}

/// Bytes as printable text, at most some 600 of them.
#[must_use]
pub fn shorten(bytes: &[u8]) -> String {
    let shown = bytes
        .get(..600)
        .unwrap_or(bytes)
        .escape_bytes()
        .to_string()
        .replace("\\x20", " ");
    if bytes.len() > 600 {
        format!("\"{shown}\" …")
    } else {
        format!("\"{shown}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(sections: &[(&str, Value)]) -> Block {
        let sections = sections
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        Block {
            title: String::new(),
            line: 1,
            sections,
            errors: Vec::new(),
        }
    }

    fn text(value: &str) -> Value {
        Value::Str(value.as_bytes().to_vec())
    }

    fn response() -> Response {
        let headers = vec![
            ("X-A".to_owned(), b"1".to_vec()),
            ("x-a".to_owned(), b"2".to_vec()),
            ("B".to_owned(), b"b".to_vec()),
        ];
        Response {
            status: 200,
            head: b"HTTP/1.1 200 OK\r\nB: b\r\n\r\n".to_vec(),
            headers,
            body: b"abc\n".to_vec(),
            truncated: false,
        }
    }

    fn failures(sections: &[(&str, Value)]) -> Vec<String> {
        check(&block(sections), &response(), 0, false, 200)
    }

    #[test]
    fn passes() {
        assert!(failures(&[]).is_empty());
        let all = [
            ("error_code", text("200")),
            ("response_body", text("abc\n")),
            ("response_body_like", text("^a.c$\n")),
            ("response_body_unlike", text("d")),
            ("response_headers", text("X-A: 1, 2\n! C\nb: b\n")),
            ("raw_response_headers_like", text("B: b\\r\n")),
        ];
        assert_eq!(failures(&all), Vec::<String>::new());
    }

    #[test]
    fn fails() {
        assert!(failures(&[("error_code", text("403"))])[0].contains("expected 403, came 200"));
        assert!(failures(&[("response_body", text("abd\n"))])[0].contains("at byte 2"));
        assert!(failures(&[("response_body", text("abc"))])[0].contains("differs"));
        assert!(failures(&[("response_body_like", text("x"))])[0].contains("no match"));
        assert!(failures(&[("response_body_unlike", text("a"))])[0].contains("unwanted"));
        assert!(failures(&[("response_headers", text("B: c"))])[0].contains("came `b`"));
        assert!(failures(&[("response_headers", text("! B"))])[0].contains("expected none"));
        assert!(failures(&[("response_headers", text("C: c"))])[0].contains("came none"));
        assert_eq!(
            failures(&[("response_headers", text("C: c\nB: x"))])[0]
                .lines()
                .count(),
            2
        );
    }

    #[test]
    fn arrays_go_with_many_requests() {
        let many = [(
            "error_code",
            Value::List(vec![text("200"), text("403"), Value::Undef]),
        )];
        let run = |index| check(&block(&many), &response(), index, true, 200);
        assert!(run(0).is_empty());
        assert_eq!(run(1).len(), 1);
        assert!(run(2).is_empty());
        assert!(run(3)[0].contains("no item"));
        assert!(
            check(
                &block(&[("error_code", text("200"))]),
                &response(),
                0,
                true,
                200
            )[0]
            .contains("array")
        );
    }
}
