//! The requests of a block, as packets.

use std::time::Duration;

use bstr::ByteSlice;

use crate::format::Block;
use crate::http::{Packet, build, more_headers};
use crate::perl::Value;
use crate::ws::duration;

/// What goes over one connection.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    /// Its bytes, in pieces.
    pub packets: Vec<Packet>,
    /// How many responses must come.
    pub responses: usize,
}

/// Reads the request sections; empty when the block has none.
///
/// # Errors
/// A section that makes no request.
pub(super) fn read(block: &Block) -> Result<Vec<Conversation>, String> {
    if let Some(raw) = block.get("raw_request") {
        return Ok(vec![Conversation {
            packets: raw_packets(block, raw)?,
            responses: 1,
        }]);
    }
    if let Some(value) = block.get("pipelined_requests") {
        return Ok(vec![pipelined(block, value)?]);
    }
    match block.get("request") {
        None => Ok(Vec::new()),
        Some(Value::List(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| single(block, item, index))
            .collect(),
        Some(value) => Ok(vec![single(block, value, 0)?]),
    }
}

fn raw_packets(block: &Block, raw: &Value) -> Result<Vec<Packet>, String> {
    let delay = match block.get("raw_request_middle_delay") {
        Some(value) => duration(&value.text()?)?,
        None => Duration::ZERO,
    };
    let Value::List(items) = raw else {
        return Ok(vec![Packet {
            data: raw.bytes()?,
            delay: Duration::ZERO,
        }]);
    };
    let mut packets = Vec::new();
    for item in items {
        let mut piece = packet(item)?;
        if !packets.is_empty() && piece.delay.is_zero() {
            piece.delay = delay;
        }
        packets.push(piece);
    }
    Ok(packets)
}

fn pipelined(block: &Block, value: &Value) -> Result<Conversation, String> {
    let Value::List(items) = value else {
        return Err("pipelined_requests must be an array".into());
    };
    let mut data = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let last = index.saturating_add(1) == items.len();
        let (headers, chunked) = headers_for(block, index)?;
        data.extend(build(
            &item.bytes()?,
            &headers,
            chunked,
            if last { "close" } else { "keep-alive" },
        )?);
    }
    Ok(Conversation {
        packets: vec![Packet {
            data,
            delay: Duration::ZERO,
        }],
        responses: items.len(),
    })
}

fn headers_for(block: &Block, index: usize) -> Result<(Vec<u8>, bool), String> {
    let text = match block.get("more_headers") {
        None => Vec::new(),
        Some(Value::List(items)) => items
            .get(index)
            .ok_or_else(|| format!("more_headers has no item for request {index}"))?
            .bytes()?,
        Some(value) => value.bytes()?,
    };
    Ok(more_headers(&text))
}

/// One request: text, or an array of packets.
fn single(block: &Block, value: &Value, index: usize) -> Result<Conversation, String> {
    let (headers, chunked) = headers_for(block, index)?;
    let pieces = match value {
        Value::List(items) => items.iter().map(packet).collect::<Result<Vec<_>, _>>()?,
        Value::Map(_) => vec![packet(value)?],
        other => vec![Packet {
            data: without_comments(&other.bytes()?).to_vec(),
            delay: Duration::ZERO,
        }],
    };
    let text: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| piece.data.iter().copied())
        .collect();
    let whole = build(&text, &headers, chunked, "close")?;
    Ok(Conversation {
        packets: split(&pieces, &text, whole),
        responses: 1,
    })
}

/// Comment lines and blanks before the request line do not count.
fn without_comments(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    while rest.starts_with(b"#") {
        let end = rest.find_byte(b'\n').unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
    }
    rest
}

fn packet(value: &Value) -> Result<Packet, String> {
    let Value::Map(pairs) = value else {
        return Ok(Packet {
            data: value.bytes()?,
            delay: Duration::ZERO,
        });
    };
    let mut out = Packet::default();
    for (key, item) in pairs {
        match key.as_str() {
            "value" => out.data = item.bytes()?,
            "delay_before" => out.delay = duration(&item.text()?)?,
            other => {
                return Err(format!(
                    "a packet has `value` and `delay_before`, not `{other}`"
                ));
            }
        }
    }
    Ok(out)
}

/// Cuts the built request where the packets met: within the request line counted from the start, else from the end.
fn split(pieces: &[Packet], text: &[u8], mut whole: Vec<u8>) -> Vec<Packet> {
    let line = text.find_byte(b'\n').unwrap_or(text.len());
    // The built body has lost its trailing white space, unless its length was the test's own affair.
    let length = if whole.last().is_some_and(u8::is_ascii_whitespace) {
        text.len()
    } else {
        text.trim_ascii_end().len()
    };
    let mut cuts = Vec::new();
    let mut offset = 0_usize;
    for piece in pieces {
        let from_end = length.saturating_sub(offset);
        cuts.push(if offset <= line {
            offset
        } else {
            whole.len().saturating_sub(from_end)
        });
        offset = offset.saturating_add(piece.data.len());
    }
    let mut out: Vec<Packet> = Vec::new();
    for (piece, cut) in pieces.iter().zip(cuts).rev() {
        out.push(Packet {
            data: whole.split_off(cut.min(whole.len())),
            delay: piece.delay,
        });
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perl::{Scope, eval};

    fn block(sections: &[(&str, &str)]) -> Block {
        let value = |source: &str| eval(source.as_bytes(), &Scope::default()).unwrap();
        let sections = sections
            .iter()
            .map(|(name, source)| ((*name).to_owned(), value(source)))
            .collect();
        Block {
            title: String::new(),
            line: 1,
            sections,
            errors: Vec::new(),
        }
    }

    fn texts(conversation: &Conversation) -> Vec<String> {
        conversation
            .packets
            .iter()
            .map(|p| String::from_utf8_lossy(&p.data).into_owned())
            .collect()
    }

    const HOST: &str = "Host: localhost\r\nConnection: close\r\n";

    #[test]
    fn arrays_make_connections_and_packets() {
        let found = read(&block(&[(
            "request",
            r#"["GET /a", ["POST /b\nab", {value => "cd", delay_before => "20ms"}]]"#,
        )]))
        .unwrap();
        assert_eq!(texts(&found[0]), [format!("GET /a HTTP/1.1\r\n{HOST}\r\n")]);
        assert_eq!(
            texts(&found[1]),
            [
                format!("POST /b HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab"),
                "cd".to_owned()
            ]
        );
        assert_eq!(found[1].packets[1].delay, Duration::from_millis(20));
    }

    #[test]
    fn packets_may_cut_the_request_line() {
        let found = read(&block(&[("request", r#"[["GE", "T /", "a\n"]]"#)])).unwrap();
        assert_eq!(
            texts(&found[0]),
            [
                "GE".to_owned(),
                "T /".to_owned(),
                format!("a HTTP/1.1\r\n{HOST}\r\n")
            ]
        );
    }

    #[test]
    fn comments_raw_and_pipelined() {
        let found = read(&block(&[("request", r##""# note\n\n  GET /x\n""##)])).unwrap();
        assert!(texts(&found[0])[0].starts_with("GET /x HTTP/1.1"));
        let found = read(&block(&[
            ("raw_request", r#"["a", "b"]"#),
            ("raw_request_middle_delay", "0.1"),
        ]))
        .unwrap();
        assert_eq!(
            (texts(&found[0]), found[0].packets[1].delay),
            (
                vec!["a".to_owned(), "b".to_owned()],
                Duration::from_millis(100)
            )
        );
        let found = read(&block(&[
            ("pipelined_requests", r#"["GET /1", "GET /2"]"#),
            ("more_headers", r#"["A: 1", "A: 2"]"#),
        ]))
        .unwrap();
        let text = &texts(&found[0])[0];
        assert_eq!(found[0].responses, 2);
        assert!(
            text.contains("Connection: keep-alive\r\nA: 1")
                && text.contains("Connection: close\r\nA: 2")
        );
        assert!(read(&block(&[])).unwrap().is_empty());
        assert!(read(&block(&[("request", r#"[{valu => "x"}]"#)])).is_err());
    }
}
