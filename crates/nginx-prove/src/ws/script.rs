//! `ws_script`: one step per line.

use std::time::Duration;

use bstr::ByteSlice;

use crate::perl::{Parser, Pattern, Scope, Value};

/// One line of a script.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line as written, for messages.
    pub text: String,
    /// What to do.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `send text "…"`.
    SendText(Vec<u8>),
    /// `send binary HEX`.
    SendBinary(Vec<u8>),
    /// `send ping ["…"]`.
    SendPing(Vec<u8>),
    /// `send pong ["…"]`.
    SendPong(Vec<u8>),
    /// `send close [CODE ["reason"]]`.
    SendClose(Option<(u16, Vec<u8>)>),
    /// `send raw HEX`: bytes as they are, no frame.
    SendRaw(Vec<u8>),
    /// `recv …`.
    Recv(Expect),
    /// `expect_open TIME`: nothing is closed for so long.
    ExpectOpen(Duration),
    /// `drop`: the connection is cut without a close frame.
    Drop,
    /// `reload`: nginx re-reads its configuration; goes on when new workers run.
    Reload,
}

/// What must come.
#[derive(Clone, Debug)]
pub enum Expect {
    /// A text message equal to this.
    Text(Vec<u8>),
    /// A text message that matches.
    TextLike(Pattern),
    /// A binary message equal to this.
    Binary(Vec<u8>),
    /// A ping with this payload.
    Ping(Vec<u8>),
    /// A pong with this payload.
    Pong(Vec<u8>),
    /// A close frame, with this code when one is named.
    Close(Option<u16>),
    /// The end of the connection, with or without a close frame.
    Eof,
}

/// Reads a script.
///
/// # Errors
/// A line that is no step; the text quotes it.
pub fn parse(source: &[u8]) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for line in source.lines() {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let action = action(line.trim_ascii()).map_err(|e| format!("ws_script `{text}`: {e}"))?;
        steps.push(Step { text, action });
    }
    if steps.is_empty() {
        Err("ws_script is empty".into())
    } else {
        Ok(steps)
    }
}

fn action(line: &[u8]) -> Result<Action, String> {
    let (verb, rest) = word(line);
    match verb.as_str() {
        "send" => send(rest),
        "recv" => recv(rest).map(Action::Recv),
        "expect_open" => Ok(Action::ExpectOpen(duration(&rest.to_str_lossy())?)),
        "drop" if rest.is_empty() => Ok(Action::Drop),
        "reload" if rest.is_empty() => Ok(Action::Reload),
        _ => Err("expected send, recv, expect_open TIME, drop or reload".into()),
    }
}

fn send(rest: &[u8]) -> Result<Action, String> {
    let (kind, rest) = word(rest);
    match kind.as_str() {
        "text" => Ok(Action::SendText(quoted(rest)?)),
        "binary" => Ok(Action::SendBinary(hex(rest)?)),
        "raw" => Ok(Action::SendRaw(hex(rest)?)),
        "ping" => Ok(Action::SendPing(optional(rest)?)),
        "pong" => Ok(Action::SendPong(optional(rest)?)),
        "close" if rest.is_empty() => Ok(Action::SendClose(None)),
        "close" => {
            let (code, reason) = word(rest);
            let code = code
                .parse()
                .map_err(|_| format!("bad close code `{code}`"))?;
            Ok(Action::SendClose(Some((code, optional(reason)?))))
        }
        _ => Err("send what? text, binary, raw, ping, pong or close".into()),
    }
}

fn recv(rest: &[u8]) -> Result<Expect, String> {
    let (kind, rest) = word(rest);
    match kind.as_str() {
        "text" => {
            let (like, pattern) = word(rest);
            if like == "like" {
                Ok(Expect::TextLike(regex(pattern)?))
            } else {
                Ok(Expect::Text(quoted(rest)?))
            }
        }
        "binary" => Ok(Expect::Binary(hex(rest)?)),
        "ping" => Ok(Expect::Ping(optional(rest)?)),
        "pong" => Ok(Expect::Pong(optional(rest)?)),
        "close" if rest.is_empty() => Ok(Expect::Close(None)),
        "close" => rest
            .to_str_lossy()
            .parse()
            .map(|code| Expect::Close(Some(code)))
            .map_err(|_| "bad close code".into()),
        "eof" if rest.is_empty() => Ok(Expect::Eof),
        _ => Err("recv what? text, binary, ping, pong, close or eof".into()),
    }
}

fn word(text: &[u8]) -> (String, &[u8]) {
    let end = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (
        String::from_utf8_lossy(word).into_owned(),
        rest.trim_ascii(),
    )
}

fn literal(text: &[u8]) -> Result<Value, String> {
    let mut parser = Parser::new(text);
    let value = parser.expr(&Scope::default())?;
    parser.blank();
    if parser.at_end() {
        Ok(value)
    } else {
        Err(format!("`{}` is left over", parser.rest_of_line()))
    }
}

fn quoted(text: &[u8]) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        Err("a quoted text is missing".into())
    } else {
        literal(text)?.bytes()
    }
}

fn optional(text: &[u8]) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        Ok(Vec::new())
    } else {
        quoted(text)
    }
}

fn regex(text: &[u8]) -> Result<Pattern, String> {
    match literal(&[b"qr".as_slice(), text].concat())? {
        Value::Regex(pattern) => Ok(pattern),
        _ => Err("a pattern such as /…/ is needed".into()),
    }
}

/// Hexadecimal bytes, with spaces wherever they help.
fn hex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let bytes = digits.chunks(2).map(|pair| {
        let pair = pair.to_str().unwrap_or("");
        let whole = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        if whole {
            u8::from_str_radix(pair, 16).map_err(|e| e.to_string())
        } else {
            Err(format!("`{pair}` is no hexadecimal byte"))
        }
    });
    bytes.collect()
}

/// Reads `200ms`, `1.5s` or `3` (seconds).
///
/// # Errors
/// Anything else.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let value: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("bad time `{text}`"))?;
    Duration::try_from_secs_f64(value * unit).map_err(|_| format!("bad time `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(line: &str) -> Action {
        parse(line.as_bytes()).unwrap().remove(0).action
    }

    #[test]
    fn steps() {
        assert!(matches!(one("send text \"a\\x00\" . 'b'"), Action::SendText(t) if t == b"a\0b"));
        assert!(matches!(one("send binary 00 ff7f"), Action::SendBinary(b) if b == [0, 255, 127]));
        assert!(
            matches!(one("send close 1001 'bye'"), Action::SendClose(Some((1001, r))) if r == b"bye")
        );
        assert!(matches!(
            one("recv close 1000"),
            Action::Recv(Expect::Close(Some(1000)))
        ));
        assert!(
            matches!(one("recv text like /^Host: a\\r$/m"), Action::Recv(Expect::TextLike(p)) if p.is_match(b"GET\nHost: a\r\n"))
        );
        assert!(
            matches!(one("expect_open 200ms"), Action::ExpectOpen(d) if d == Duration::from_millis(200))
        );
        assert_eq!(parse(b"# note\n\n drop\nreload\n").unwrap().len(), 2);
    }

    #[test]
    fn refuses() {
        for bad in [
            "",
            "send",
            "send text",
            "send binary 0",
            "send binary zz",
            "recv close x",
            "sleep 3",
            "drop now",
            "recv text 'a' b",
            "expect_open -1",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(source in "(send |recv |text |like |close |binary |\"|/|[a-f0-9 ]|\n){0,20}") {
            let _ = parse(source.as_bytes());
        }
    }
}
