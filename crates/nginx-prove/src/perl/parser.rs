//! The expression parser, used for `eval` sections and for the prologue.

use bstr::ByteSlice;

use super::operators::{arithmetic, repeat};
use super::{Pattern, Scope, Value, text};

const MAX_DEPTH: usize = 64;

/// Evaluates the text of an `eval` section.
///
/// # Errors
/// Anything but literals, `.`, `x`, whole-number arithmetic, `join` and the scope's variables.
pub fn eval(source: &[u8], scope: &Scope) -> Result<Value, String> {
    let mut parser = Parser::new(source);
    let value = parser.expr(scope)?;
    parser.blank();
    while parser.take(b";") {
        parser.blank();
    }
    if parser.at_end() {
        return Ok(value);
    }
    Err(format!("not understood here: `{}`", parser.rest_of_line()))
}

/// A cursor over Perl source. Heredoc bodies are cut out of the source when they are read.
#[derive(Clone)]
pub struct Parser {
    source: Vec<u8>,
    pos: usize,
    depth: usize,
}

impl Parser {
    /// A parser at the start of `source`.
    #[must_use]
    pub fn new(source: &[u8]) -> Parser {
        Parser {
            source: source.to_vec(),
            pos: 0,
            depth: 0,
        }
    }

    fn rest(&self) -> &[u8] {
        self.source.get(self.pos..).unwrap_or_default()
    }

    /// Whether everything was read.
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// The next byte, not consumed.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Consumes one byte.
    pub fn bump(&mut self) -> Option<u8> {
        let b = self.peek()?;
        self.pos = self.pos.saturating_add(1);
        Some(b)
    }

    /// Consumes `expected` when it is next.
    pub fn take(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.pos = self.pos.saturating_add(expected.len());
        }
        found
    }

    /// What is left of the current line, for messages.
    #[must_use]
    pub fn rest_of_line(&self) -> String {
        String::from_utf8_lossy(self.rest().lines().next().unwrap_or_default())
            .trim()
            .to_owned()
    }

    /// What lies between two places, as told by [`Parser::place`].
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> &[u8] {
        self.source.get(from..to).unwrap_or_default()
    }

    /// Where the cursor is.
    #[must_use]
    pub fn place(&self) -> usize {
        self.pos
    }

    /// Skips white space and comments.
    pub fn blank(&mut self) {
        while let Some(b) = self.peek() {
            if b == b'#' {
                let len = self.rest().find_byte(b'\n').unwrap_or(self.rest().len());
                self.pos = self.pos.saturating_add(len);
            } else if b.is_ascii_whitespace() {
                self.bump();
            } else {
                break;
            }
        }
    }

    /// Reads a name (letters, digits, `_`, `::`); empty when none is next.
    pub fn word(&mut self) -> String {
        let len = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b == b':')
            .count();
        let word = String::from_utf8_lossy(self.rest().get(..len).unwrap_or_default()).into_owned();
        self.pos = self.pos.saturating_add(len);
        word
    }

    fn peek_word(&mut self) -> String {
        let start = self.pos;
        let word = self.word();
        self.pos = start;
        word
    }

    /// Reads one expression.
    ///
    /// # Errors
    /// As [`eval`].
    pub fn expr(&mut self, scope: &Scope) -> Result<Value, String> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err("nested too deeply".into());
        }
        let mut left = self.product(scope)?;
        loop {
            self.blank();
            if self.take(b".") {
                let mut joined = left.bytes()?;
                joined.extend(self.product(scope)?.bytes()?);
                left = Value::Str(joined);
            } else if self.take(b"+") {
                left = arithmetic(&left, &self.product(scope)?, i64::checked_add)?;
            } else if self.peek() == Some(b'-') && self.take(b"-") {
                left = arithmetic(&left, &self.product(scope)?, i64::checked_sub)?;
            } else {
                self.depth = self.depth.saturating_sub(1);
                return Ok(left);
            }
        }
    }

    fn product(&mut self, scope: &Scope) -> Result<Value, String> {
        let mut left = self.primary(scope)?;
        loop {
            self.blank();
            if self.take(b"*") {
                left = arithmetic(&left, &self.primary(scope)?, i64::checked_mul)?;
            } else if self.repeats() {
                self.bump();
                left = repeat(&left, &self.primary(scope)?)?;
            } else {
                return Ok(left);
            }
        }
    }

    /// Whether the operator `x` is next: `x 3`, `x3`, `x(3)`, `x $n`.
    fn repeats(&mut self) -> bool {
        let word = self.peek_word();
        word.strip_prefix('x')
            .is_some_and(|count| count.bytes().all(|b| b.is_ascii_digit()))
    }

    fn primary(&mut self, scope: &Scope) -> Result<Value, String> {
        self.blank();
        let Some(b) = self.peek() else {
            return Err("an expression is missing".into());
        };
        match b {
            b'"' => {
                let raw = self.quoted()?;
                Ok(Value::Str(text::double(&raw.body, scope)?))
            }
            b'\'' => {
                let raw = self.quoted()?;
                Ok(Value::Str(text::single(&raw.body, b'\'', b'\'')))
            }
            b'0'..=b'9' => self.number(),
            b'-' => {
                self.bump();
                let number = if matches!(self.peek(), Some(b'0'..=b'9')) {
                    self.number()?
                } else {
                    return Err("`-` needs a number here".into());
                };
                arithmetic(&Value::Str(b"0".to_vec()), &number, i64::checked_sub)
            }
            b'[' => {
                self.bump();
                Ok(Value::List(self.list(scope, b']')?))
            }
            b'{' => {
                self.bump();
                self.map(scope)
            }
            b'(' => {
                self.bump();
                let value = self.expr(scope)?;
                self.blank();
                if self.take(b")") {
                    Ok(value)
                } else {
                    Err(format!("`)` expected before `{}`", self.rest_of_line()))
                }
            }
            b'$' => self.variable(scope),
            b'<' if self.rest().starts_with(b"<<") => self.heredoc(scope),
            _ => self.named(scope),
        }
    }

    fn named(&mut self, scope: &Scope) -> Result<Value, String> {
        let start = self.pos;
        let word = self.word();
        if self.fat_comma_follows() && !word.is_empty() {
            return Ok(Value::Str(word.into_bytes()));
        }
        match word.as_str() {
            "undef" => Ok(Value::Undef),
            "q" => {
                let raw = self.quoted()?;
                Ok(Value::Str(text::single(&raw.body, raw.open, raw.close)))
            }
            "qq" => {
                let raw = self.quoted()?;
                Ok(Value::Str(text::double(&raw.body, scope)?))
            }
            "qr" => {
                let raw = self.quoted()?;
                let flags = self.word();
                let body = if raw.open == b'\'' {
                    raw.body
                } else {
                    text::pattern(&raw.body, scope)?
                };
                Ok(Value::Regex(Pattern::new(&body, &flags)?))
            }
            "join" | "CORE::join" => self.join(scope),
            "cwd" => {
                self.blank();
                if self.take(b"(") {
                    self.blank();
                    self.take(b")");
                }
                let here = std::env::current_dir().map_err(|e| e.to_string())?;
                Ok(Value::Str(here.to_string_lossy().into_owned().into_bytes()))
            }
            call if scope.call(call).is_some() => {
                if self.take(b"(") {
                    self.blank();
                    if !self.take(b")") {
                        return Err(format!("`{call}()` has no arguments here"));
                    }
                }
                let number = scope.call(call).unwrap_or_default();
                Ok(Value::Str(number.to_string().into_bytes()))
            }
            _ => {
                self.pos = start;
                Err(format!(
                    "only literals are understood here, not `{}`",
                    self.rest_of_line()
                ))
            }
        }
    }

    fn fat_comma_follows(&mut self) -> bool {
        let start = self.pos;
        self.blank();
        let found = self.rest().starts_with(b"=>");
        self.pos = start;
        found
    }

    fn join(&mut self, scope: &Scope) -> Result<Value, String> {
        self.blank();
        let args = if self.take(b"(") {
            self.list(scope, b')')?
        } else {
            return Err("join needs parentheses here".into());
        };
        let (separator, items) = args.split_first().ok_or("join needs a separator")?;
        let pieces = items
            .iter()
            .map(Value::bytes)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Str(bstr::join(separator.bytes()?, pieces)))
    }

    fn number(&mut self) -> Result<Value, String> {
        let word = self.word().replace('_', "");
        if let Some(hex) = word.strip_prefix("0x") {
            let value =
                i64::from_str_radix(hex, 16).map_err(|e| format!("bad number {word}: {e}"))?;
            return Ok(Value::Str(value.to_string().into_bytes()));
        }
        if !word.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("bad number `{word}`"));
        }
        let decimals = match self.rest() {
            [b'.', digit, ..] if digit.is_ascii_digit() => {
                self.bump();
                self.word()
            }
            _ => return Ok(Value::Str(word.into_bytes())),
        };
        if !decimals.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("bad number `{word}.{decimals}`"));
        }
        Ok(Value::Str(format!("{word}.{decimals}").into_bytes()))
    }

    fn variable(&mut self, scope: &Scope) -> Result<Value, String> {
        self.bump();
        let word = self.word();
        let name = word
            .strip_prefix("main::")
            .or_else(|| word.strip_prefix("::"))
            .unwrap_or(&word)
            .to_owned();
        if name != "ENV" {
            return scope.var(&name);
        }
        if !self.take(b"{") {
            return Err("`$ENV` needs a key".into());
        }
        let key = self.env_key()?;
        scope.env(&key)
    }

    /// The rest of `{NAME}` after the brace, as in `$ENV{NAME}`.
    ///
    /// # Errors
    /// No closing brace.
    pub fn env_key(&mut self) -> Result<String, String> {
        self.blank();
        let quote = self.take(b"'") || self.take(b"\"");
        let key = self.word();
        if quote {
            self.bump();
        }
        self.blank();
        if self.take(b"}") {
            Ok(key)
        } else {
            Err("`}` expected".into())
        }
    }

    /// Items up to `close`, separated by `,` or `=>`.
    ///
    /// # Errors
    /// As [`eval`].
    pub fn list(&mut self, scope: &Scope, close: u8) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        loop {
            self.blank();
            if self.take(&[close]) {
                return Ok(items);
            }
            items.push(self.expr(scope)?);
            self.blank();
            if !self.take(b"=>") && !self.take(b",") && self.peek() != Some(close) {
                return Err(format!(
                    "`,` or `{}` expected before `{}`",
                    char::from(close),
                    self.rest_of_line()
                ));
            }
        }
    }

    fn map(&mut self, scope: &Scope) -> Result<Value, String> {
        let mut items = self.list(scope, b'}')?.into_iter();
        let mut pairs = Vec::new();
        while let Some(key) = items.next() {
            let value = items.next().ok_or("a hash with an odd number of items")?;
            pairs.push((key.text()?, value));
        }
        Ok(Value::Map(pairs))
    }

    fn heredoc(&mut self, scope: &Scope) -> Result<Value, String> {
        self.take(b"<<");
        let quote = self.peek();
        let literal = quote == Some(b'\'');
        let tag = if literal || quote == Some(b'"') {
            self.quoted()?.body
        } else {
            self.word().into_bytes()
        };
        if tag.is_empty() {
            return Err("`<<` without a terminator name".into());
        }
        let body = self.cut_heredoc(&tag)?;
        if literal {
            Ok(Value::Str(body))
        } else {
            Ok(Value::Str(text::double(&body, scope)?))
        }
    }

    fn cut_heredoc(&mut self, tag: &[u8]) -> Result<Vec<u8>, String> {
        let first = self
            .pos
            .saturating_add(
                self.rest()
                    .find_byte(b'\n')
                    .ok_or("a heredoc without a body")?,
            )
            .saturating_add(1);
        let mut end = first;
        for line in self
            .source
            .get(first..)
            .unwrap_or_default()
            .lines_with_terminator()
        {
            let next = end.saturating_add(line.len());
            if line.trim_end_with(|c| c == '\n' || c == '\r') == tag {
                let body = self.source.get(first..end).unwrap_or_default().to_vec();
                self.source.drain(first..next);
                return Ok(body);
            }
            end = next;
        }
        Err(format!(
            "heredoc terminator `{}` not found",
            String::from_utf8_lossy(tag)
        ))
    }

    fn quoted(&mut self) -> Result<Quoted, String> {
        let mut open = self.bump().ok_or("a quote is missing")?;
        if open.is_ascii_whitespace() {
            self.blank();
            open = self.bump().ok_or("a quote is missing")?;
        }
        let close = match open {
            b'(' => b')',
            b'[' => b']',
            b'{' => b'}',
            b'<' => b'>',
            other
                if other.is_ascii_alphanumeric()
                    || other == b','
                    || other == b';'
                    || other == b'=' =>
            {
                return Err("a quote is missing".into());
            }
            other => other,
        };
        let mut body = Vec::new();
        let mut nested = 0_usize;
        while let Some(b) = self.bump() {
            if b == b'\\' {
                body.push(b);
                body.extend(self.bump());
                continue;
            }
            if b == close && nested == 0 {
                return Ok(Quoted { open, close, body });
            }
            if b == close {
                nested = nested.saturating_sub(1);
            } else if b == open {
                nested = nested.saturating_add(1);
            }
            body.push(b);
        }
        Err(format!("no closing `{}`", char::from(close)))
    }
}

struct Quoted {
    open: u8,
    close: u8,
    body: Vec<u8>,
}
