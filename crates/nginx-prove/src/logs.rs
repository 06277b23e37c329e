//! Judging log lines.

use bstr::ByteSlice;

use crate::perl::{Pattern, Value};

/// One expectation about a line of a log.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The line contains these bytes.
    Text(Vec<u8>),
    /// The pattern matches the line.
    Regex(Pattern),
}

impl Matcher {
    /// Reads an `error_log`-like section: one text per line, a `qr//`, or an array of both.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn read(value: &Value) -> Result<Vec<Matcher>, String> {
        match value {
            Value::Str(text) => Ok(text
                .lines()
                .filter(|line| !line.is_empty())
                .map(|line| Matcher::Text(line.to_vec()))
                .collect()),
            Value::Regex(pattern) => Ok(vec![Matcher::Regex(pattern.clone())]),
            Value::List(items) => {
                let nested = items
                    .iter()
                    .map(Matcher::one)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(nested)
            }
            Value::Undef | Value::Map(_) => Err("text, qr// or an array of them is needed".into()),
        }
    }

    fn one(value: &Value) -> Result<Matcher, String> {
        match value {
            Value::Regex(pattern) => Ok(Matcher::Regex(pattern.clone())),
            other => {
                let text = other.bytes()?;
                Ok(Matcher::Text(
                    text.strip_suffix(b"\n").unwrap_or(&text).to_vec(),
                ))
            }
        }
    }

    /// Whether the line meets the expectation.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        match self {
            Matcher::Text(text) => line.contains_str(text),
            Matcher::Regex(pattern) => pattern.is_match(line),
        }
    }

    /// Whether the expectation itself, not only a line that meets it, has these words.
    #[must_use]
    pub fn names(&self, words: &[u8]) -> bool {
        match self {
            Matcher::Text(text) => text.contains_str(words),
            Matcher::Regex(pattern) => pattern.source().contains_str(words),
        }
    }

    /// The first line of `log` that meets it.
    #[must_use]
    pub fn find<'a>(&self, log: &'a [u8]) -> Option<&'a [u8]> {
        log.lines().find(|line| self.matches(line))
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Matcher::Text(text) => write!(f, "`{}`", text.as_bstr()),
            Matcher::Regex(pattern) => write!(f, "/{}/", pattern.source().as_bstr()),
        }
    }
}

/// Lines of the error log that no test may cause unless it says so: severe ones, and those with a text
/// of `never`, which only an expectation that has the text itself excuses.
#[must_use]
pub fn undeclared(log: &[u8], declared: &[Matcher], never: &[String]) -> Vec<String> {
    unexpected(log, declared, never, &["[alert]", "[emerg]", "[crit]"])
}

/// The same where nginx must not start: its last word is an `[emerg]`, checked by `error_log`.
#[must_use]
pub fn undeclared_at_death(log: &[u8], declared: &[Matcher], never: &[String]) -> Vec<String> {
    unexpected(log, declared, never, &["[alert]", "[crit]"])
}

fn unexpected(log: &[u8], declared: &[Matcher], never: &[String], severe: &[&str]) -> Vec<String> {
    let bad = log.lines().filter(|line| {
        let mut matching = declared.iter().filter(|matcher| matcher.matches(line));
        let excused = match never.iter().find(|text| line.contains_str(text)) {
            Some(text) => matching.any(|matcher| matcher.names(text.as_bytes())),
            None => !has_level(line, severe) || matching.next().is_some(),
        };
        is_fatal(line) || !excused
    });
    bad.map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// A crash or a sanitizer's report: nothing may declare these.
#[must_use]
pub fn is_fatal(line: &[u8]) -> bool {
    line.contains_str("exited on signal")
        || line.contains_str("AddressSanitizer")
        || line.contains_str("LeakSanitizer")
        || line.contains_str("runtime error: ")
}

/// A line of one of these levels. The level stands at a fixed place, so a request cannot forge it.
fn has_level(line: &[u8], levels: &[&str]) -> bool {
    let level = if line.starts_with(b"nginx: ") {
        line.get(7..)
    } else {
        line.get(20..)
    };
    let level = level.unwrap_or_default();
    levels
        .iter()
        .any(|severe| level.starts_with(severe.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"2026/11/21 11:00:00 [info] 1#1: says [alert] in a URI\n\
        2026/11/21 11:00:00 [alert] 1#1: open socket #3 left\n\
        nginx: [emerg] no file\n\
        2026/11/21 11:00:00 [notice] 1#1: worker process 7 exited on signal 11\n\
        ==1==ERROR: AddressSanitizer: heap\n";

    #[test]
    fn finds_severe_lines() {
        assert_eq!(undeclared(LOG, &[], &[]).len(), 4);
    }

    #[test]
    fn declared_lines_pass_but_never_a_crash() {
        let all = Matcher::read(&Value::Str(
            b"open socket\nno file\nexited\nAddress\n".to_vec(),
        ))
        .unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!(undeclared(LOG, &all, &[]).len(), 2);
    }

    #[test]
    fn only_its_own_text_excuses_what_never_may_come() {
        let log = b"2026/11/21 11:00:00 [emerg] 1#1: internal error while reading x\n";
        let excused = |text: &str| {
            let declared = Matcher::read(&Value::Str(text.into())).unwrap();
            let never = ["internal error".to_owned()];
            let both = [
                undeclared(log, &declared, &never),
                undeclared_at_death(log, &declared, &never),
            ];
            both.map(|lines| lines.is_empty())
        };
        assert_eq!(excused("internal error while"), [true, true]);
        assert_eq!(excused("[emerg]\nwhile reading x\n"), [false, false]);
        assert_eq!(excused("internal error at"), [false, false]);
    }

    #[test]
    fn nginx_may_die_with_an_emerg_only() {
        let lines = |level: &str| {
            let log = format!("2026/11/21 11:00:00 [{level}] 1#1: x\n");
            undeclared_at_death(log.as_bytes(), &[], &[]).len()
        };
        assert_eq!(["emerg", "alert", "crit", "warn"].map(lines), [0, 1, 1, 0]);
    }

    #[test]
    fn matchers_are_per_line() {
        let matchers = Matcher::read(&Value::List(vec![
            Value::Str(b"open".to_vec()),
            Value::Regex(Pattern::new(b"^nginx: .*file$", "").unwrap()),
        ]))
        .unwrap();
        assert!(matchers.iter().all(|m| m.find(LOG).is_some()));
        assert!(Matcher::Text(b"left\nnginx".to_vec()).find(LOG).is_none());
        assert!(Matcher::read(&Value::Undef).is_err());
    }
}
