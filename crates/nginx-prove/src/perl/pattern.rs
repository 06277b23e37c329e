//! Perl's `qr//` on bytes.

use fancy_regex::Regex;

/// A compiled pattern.
///
/// Bytes are matched as the characters U+0000–U+00FF, which is how Perl sees a byte string.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Vec<u8>,
    regex: Regex,
}

impl Pattern {
    /// Compiles `source` with Perl's flags (`i m s x`; others of Perl's that change no match are ignored).
    ///
    /// # Errors
    /// An unknown flag, or a pattern the engine refuses; the text names the pattern.
    pub fn new(source: &[u8], flags: &str) -> Result<Pattern, String> {
        let mut kept = String::new();
        for flag in flags.chars() {
            match flag {
                'i' | 'm' | 's' | 'x' => kept.push(flag),
                'o' | 'a' | 'u' | 'l' | 'd' | 'p' | 'g' => {}
                other => return Err(format!("unknown regex flag `{other}`")),
            }
        }
        let multi_line = kept.contains('m') || has_inline_m(source);
        let body = translate(source, multi_line);
        let full = if kept.is_empty() {
            body
        } else if kept.contains('x') {
            // A comment at the end of an /x pattern must not swallow the closing parenthesis.
            format!("(?{kept}:{body}\n)")
        } else {
            format!("(?{kept}:{body})")
        };
        let regex = Regex::new(&full)
            .map_err(|e| format!("bad regex /{}/: {e}", String::from_utf8_lossy(source)))?;
        Ok(Pattern {
            source: source.to_vec(),
            regex,
        })
    }

    /// Whether the pattern matches somewhere in `bytes`. A search that gives up counts as no match.
    #[must_use]
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(&latin1(bytes)).unwrap_or(false)
    }

    /// The pattern as written, without flags.
    #[must_use]
    pub fn source(&self) -> &[u8] {
        &self.source
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

fn has_inline_m(source: &[u8]) -> bool {
    let text = latin1(source);
    text.split("(?").skip(1).any(|rest| {
        rest.chars()
            .take_while(char::is_ascii_alphabetic)
            .any(|c| c == 'm')
    })
}

/// Rewrites what Perl and the engine read differently: `$` (Perl's also matches before a final newline) and `\h`.
fn translate(source: &[u8], multi_line: bool) -> String {
    let mut out = String::with_capacity(source.len().saturating_add(16));
    let mut chars = source.iter().map(|&b| char::from(b)).peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => push_escape(&mut out, chars.next(), in_class),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            '[' if chars.peek() != Some(&':') => out.push_str("\\["),
            '[' => {
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '$' if !in_class => out.push_str(if multi_line {
                "(?=\\n|\\z)"
            } else {
                "(?=\\n?\\z)"
            }),
            other => out.push(other),
        }
    }
    out
}

fn push_escape(out: &mut String, escaped: Option<char>, in_class: bool) {
    match escaped {
        Some('h') if in_class => out.push_str("\\x20\\t"),
        Some('h') => out.push_str("[\\x20\\t]"),
        Some('Z') => out.push_str("(?=\\n?\\z)"),
        Some('R') => out.push_str("(?:\\r\\n|\\n|\\r)"),
        // The engine refuses escapes of letters-to-be and of non-ASCII; Perl reads them as themselves.
        Some(c) if !c.is_ascii() => out.push(c),
        Some(c)
            if matches!(
                c,
                '/' | '"'
                    | '\''
                    | '@'
                    | '%'
                    | ','
                    | ':'
                    | ';'
                    | '='
                    | '<'
                    | '>'
                    | '!'
                    | '`'
                    | '_'
                    | ' '
            ) =>
        {
            if c == ' ' {
                out.push_str("\\x20");
            } else {
                out.push(c);
            }
        }
        Some(c) => {
            out.push('\\');
            out.push(c);
        }
        None => out.push_str("\\\\"),
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(source: &str, flags: &str, text: &[u8]) -> bool {
        Pattern::new(source.as_bytes(), flags)
            .unwrap()
            .is_match(text)
    }

    #[test]
    fn dollar_matches_before_a_final_newline_like_perl() {
        assert!(matches("^abc$", "", b"abc\n"));
        assert!(matches("^abc$", "s", b"abc"));
        assert!(!matches("^abc$", "", b"abc\nd"));
        assert!(matches("^abc$", "m", b"abc\nd"));
        assert!(!matches("abc\\z", "", b"abc\n"));
    }

    #[test]
    fn bytes_match_as_bytes() {
        assert!(matches("^\\x81.\\xff$", "s", b"\x81\x00\xff"));
    }

    #[test]
    fn look_around_and_classes() {
        assert!(matches("(?<!a)b(?=c)", "", b"xbc"));
        assert!(matches("^[\\h]\\h$", "", b"\t "));
        assert!(matches("a\\/b\\@c", "", b"a/b@c"));
        assert!(matches("[$]", "", b"$"));
        assert!(matches("[[:digit:]]", "", b"7"));
        assert!(matches("a b # note", "x", b"ab"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(Pattern::new(b"(", "").is_err());
        assert!(Pattern::new(b"a", "Q").is_err());
    }
}
