//! A configuration of nginx, read as far as its words and blocks go: what they mean is not known here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::files::{read, refused};

/// How deep files may include one another, and blocks lie in one another.
const DEPTH: usize = 64;

/// A directive.
#[derive(Debug)]
pub(super) struct Directive {
    /// Its name, then its arguments.
    pub(super) words: Vec<String>,
    /// `FILE:LINE`
    pub(super) place: String,
    /// What stands in its block.
    pub(super) block: Option<Vec<Directive>>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Its arguments.
    pub(super) fn arguments(&self) -> Vec<&str> {
        self.words.iter().skip(1).map(String::as_str).collect()
    }

    /// The directives of its block.
    pub(super) fn inside(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// The directives of a file, with those of the files it includes.
pub(super) fn parse(path: &Path) -> Result<Vec<Directive>, Failure> {
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    Files { base }.file(path, 0)
}

struct Files {
    /// Names in `include` are relative to it.
    base: PathBuf,
}

impl Files {
    fn file(&self, path: &Path, depth: usize) -> Result<Vec<Directive>, Failure> {
        if depth > DEPTH {
            return Err(refused(path, &"files include one another without end"));
        }
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let mut tokens = Tokens {
            rest: &text,
            line: 1,
        };
        self.block(path, &mut tokens, depth, 0)
    }

    /// The directives up to the end of a block, or of the file.
    fn block(
        &self,
        path: &Path,
        tokens: &mut Tokens<'_>,
        depth: usize,
        level: usize,
    ) -> Result<Vec<Directive>, Failure> {
        let mut all = Vec::new();
        let mut words = Vec::new();
        let mut line = 0;
        if level > DEPTH {
            return Err(refused(path, &"blocks nest too deep"));
        }
        let fault = |line: usize, what: &str| refused(path, &format_args!("line {line}: {what}"));
        loop {
            let token = tokens.next().map_err(|what| fault(tokens.line, what))?;
            let block = match token {
                Token::Word(word) => {
                    if words.is_empty() {
                        line = tokens.line;
                    }
                    words.push(word);
                    continue;
                }
                Token::Open if !words.is_empty() => {
                    let is_code = words
                        .first()
                        .is_some_and(|name| name.ends_with("_by_lua_block"));
                    if is_code {
                        tokens.skip_code();
                        Some(Vec::new())
                    } else {
                        Some(self.block(path, tokens, depth, level.saturating_add(1))?)
                    }
                }
                Token::End => None,
                Token::Close if words.is_empty() && level > 0 => return Ok(all),
                Token::Over if words.is_empty() && level == 0 => return Ok(all),
                Token::Over => return Err(fault(tokens.line, "unexpected end of file")),
                Token::Open => return Err(fault(tokens.line, "unexpected \"{\"")),
                Token::Close => return Err(fault(tokens.line, "unexpected \"}\"")),
            };
            if words.is_empty() {
                return Err(fault(tokens.line, "unexpected \";\""));
            }
            let directive = Directive {
                words: std::mem::take(&mut words),
                place: format!("{}:{line}", path.display()),
                block,
            };
            match (directive.name(), directive.words.get(1)) {
                ("include", Some(name)) if directive.block.is_none() => {
                    for file in files(&self.base.join(name)) {
                        all.extend(self.file(&file, depth.saturating_add(1))?);
                    }
                }
                _ => all.push(directive),
            }
        }
    }
}

/// The files that a name means, in which `*` and `?` stand for characters of the last part.
fn files(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().map(|name| name.to_string_lossy());
    let Some(name) = name.filter(|name| name.contains(['*', '?'])) else {
        return vec![pattern.to_owned()];
    };
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| {
            let entry = entry.file_name();
            let entry = entry.to_string_lossy();
            matches(name.as_bytes(), entry.as_bytes())
                && (name.starts_with('.') || !entry.starts_with('.'))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Whether a name fits a pattern.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', pattern @ ..], _) => {
            (0..=name.len()).any(|at| matches(pattern, name.get(at..).unwrap_or_default()))
        }
        ([b'?', pattern @ ..], [_, name @ ..]) => matches(pattern, name),
        ([one, pattern @ ..], [other, name @ ..]) if one == other => matches(pattern, name),
        _ => false,
    }
}

enum Token {
    Word(String),
    End,
    Open,
    Close,
    /// The file's end.
    Over,
}

struct Tokens<'t> {
    rest: &'t str,
    line: usize,
}

impl Tokens<'_> {
    fn take(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        if next == '\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(next)
    }

    fn next(&mut self) -> Result<Token, &'static str> {
        loop {
            let Some(first) = self.take() else {
                return Ok(Token::Over);
            };
            return match first {
                _ if first.is_whitespace() => continue,
                '#' => {
                    while self.take().is_some_and(|one| one != '\n') {}
                    continue;
                }
                ';' => Ok(Token::End),
                '{' => Ok(Token::Open),
                '}' => Ok(Token::Close),
                '"' | '\'' => self.quoted(first),
                _ => Ok(Token::Word(self.bare(first))),
            };
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token, &'static str> {
        let mut word = String::new();
        loop {
            match self.take().ok_or("unexpected end of a quoted word")? {
                '\\' => word.push(self.escaped().unwrap_or('\\')),
                one if one == quote => return Ok(Token::Word(word)),
                one => word.push(one),
            }
        }
    }

    /// A word up to white space, `;` or `{`; `${` begins a variable.
    fn bare(&mut self, first: char) -> String {
        let mut word = String::from(first);
        let mut last = first;
        while let Some(next) = self.rest.chars().next() {
            let ends = next.is_whitespace() || next == ';' || (next == '{' && last != '$');
            if ends {
                break;
            }
            self.take();
            if next == '\\' {
                word.push('\\');
                word.extend(self.take());
            } else {
                word.push(next);
            }
            last = next;
        }
        word
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.take()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            other => other,
        })
    }

    /// Passes over code up to the brace that ends it.
    fn skip_code(&mut self) {
        let mut open = 1_usize;
        while open > 0 {
            match self.take() {
                Some('{') => open = open.saturating_add(1),
                Some('}') => open = open.saturating_sub(1),
                Some(quote @ ('"' | '\'')) => drop(self.quoted(quote)),
                Some(_) => {}
                None => return,
            }
        }
    }
}
