//! Test::Base's file format: a prologue, then blocks of sections.

use bstr::ByteSlice;

use crate::perl::{self, Scope, Value};
use crate::prologue::Prologue;
use crate::sections;

/// A parsed `.t` file.
#[derive(Debug)]
pub struct TestFile {
    /// What the prologue said.
    pub prologue: Prologue,
    /// The variables it has set.
    pub scope: Scope,
    /// The blocks to run, after `ONLY` and `LAST`.
    pub blocks: Vec<Block>,
    /// Remarks that fail nothing, such as prologue lines not understood.
    pub warnings: Vec<String>,
}

/// One `=== title` block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The rest of the `===` line.
    pub title: String,
    /// Line of the `===` in the file, from 1.
    pub line: usize,
    /// Section values after their filters, in order.
    pub sections: Vec<(String, Value)>,
    /// What is wrong with the block's text; such a block fails without running.
    pub errors: Vec<String>,
}

impl Block {
    /// The value of a section.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.sections
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// Whether the section is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Parses a whole file; `env` is what its `$ENV{…}` can see.
///
/// # Errors
/// No `__DATA__` line or no block at all.
pub fn parse(
    source: &[u8],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<TestFile, String> {
    let (head, data, first_line) = split_data(source).ok_or("no __DATA__ line")?;
    let mut warnings = Vec::new();
    let (prologue, scope) = Prologue::parse(head, Scope::new(env), &mut warnings);
    let blocks = parse_blocks(data, first_line, &scope);
    if blocks.is_empty() {
        return Err("no block (`=== title`) after __DATA__".into());
    }
    let blocks = select(blocks, &mut warnings);
    Ok(TestFile {
        prologue,
        scope,
        blocks,
        warnings,
    })
}

fn split_data(source: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let mut offset = 0_usize;
    for (number, line) in source.lines_with_terminator().enumerate() {
        let next = offset.saturating_add(line.len());
        let text = line.trim_ascii_end();
        if text == b"__DATA__" || text == b"__END__" {
            return Some((
                source.get(..offset)?,
                source.get(next..)?,
                number.saturating_add(2),
            ));
        }
        offset = next;
    }
    None
}

/// `ONLY` keeps one block, `LAST` drops those after it.
fn select(mut blocks: Vec<Block>, warnings: &mut Vec<String>) -> Vec<Block> {
    if let Some(only) = blocks.iter().position(|b| b.has("ONLY")) {
        warnings.push(format!(
            "ONLY: {} other blocks of this file are left out",
            blocks.len().saturating_sub(1)
        ));
        return vec![blocks.swap_remove(only)];
    }
    if let Some(last) = blocks.iter().position(|b| b.has("LAST")) {
        let kept = last.saturating_add(1);
        if kept < blocks.len() {
            warnings.push(format!(
                "LAST: {} blocks after it are left out",
                blocks.len().saturating_sub(kept)
            ));
        }
        blocks.truncate(kept);
    }
    blocks
}

struct RawSection {
    name: String,
    filters: Vec<String>,
    inline: Option<Vec<u8>>,
    body: Vec<u8>,
    line: usize,
}

fn parse_blocks(data: &[u8], first_line: usize, scope: &Scope) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut section: Option<RawSection> = None;
    for (index, line) in data.lines_with_terminator().enumerate() {
        let number = first_line.saturating_add(index);
        if let Some(title) = line.strip_prefix(b"===") {
            close(&mut blocks, section.take(), scope);
            blocks.push(new_block(title, number));
        } else if let Some(header) = section_header(line) {
            close(&mut blocks, section.take(), scope);
            match header {
                Ok(mut found) => {
                    found.line = number;
                    section = Some(found);
                }
                Err(error) => note(&mut blocks, format!("line {number}: {error}")),
            }
        } else if let Some(open) = section.as_mut() {
            open.body.extend_from_slice(line);
        }
    }
    close(&mut blocks, section.take(), scope);
    blocks
}

fn new_block(title: &[u8], line: usize) -> Block {
    let title = String::from_utf8_lossy(title.trim_ascii()).into_owned();
    Block {
        title,
        line,
        sections: Vec::new(),
        errors: Vec::new(),
    }
}

fn note(blocks: &mut [Block], error: String) {
    if let Some(block) = blocks.last_mut() {
        block.errors.push(error);
    }
}

/// Adds a finished section to the last block. Text before the first block belongs to none.
fn close(blocks: &mut [Block], section: Option<RawSection>, scope: &Scope) {
    let (Some(section), Some(block)) = (section, blocks.last_mut()) else {
        return;
    };
    let place = format!("line {}: ", section.line);
    if let Err(error) = sections::check(&section.name) {
        block.errors.push(place + &error);
    } else if block.has(&section.name) {
        block
            .errors
            .push(format!("{place}section `{}` twice", section.name));
    } else {
        match filtered(&section, scope) {
            Ok(value) => block.sections.push((section.name, value)),
            Err(error) => block
                .errors
                .push(format!("{place}{}: {error}", section.name)),
        }
    }
}

/// `--- name [filters][: inline value]`, or `None` when the line is no header.
fn section_header(line: &[u8]) -> Option<Result<RawSection, String>> {
    let rest = line.strip_prefix(b"---")?;
    if !rest.starts_with(b" ") {
        return None;
    }
    let rest = rest.trim_start_with(|c| c == ' ').trim_ascii_end();
    let rest = rest.strip_prefix(b"(").unwrap_or(rest);
    let len = rest
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
        .count();
    if len == 0 {
        return Some(Err("a section without a name".into()));
    }
    let (name, rest) = rest.split_at(len);
    let rest = rest.strip_prefix(b")").unwrap_or(rest);
    Some(header(String::from_utf8_lossy(name).into_owned(), rest))
}

fn header(name: String, rest: &[u8]) -> Result<RawSection, String> {
    let (filters, inline) = match rest.find_byte(b':') {
        Some(colon) => {
            let (filters, value) = rest.split_at(colon);
            (
                filters,
                Some(value.get(1..).unwrap_or_default().trim_ascii().to_vec()),
            )
        }
        None => (rest, None),
    };
    let filters: Vec<String> = String::from_utf8_lossy(filters)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    for filter in &filters {
        let bare = filter.trim_start_matches(['-', '+']);
        if !matches!(bare, "eval" | "chop" | "chomp" | "norm" | "trim") {
            return Err(format!("unknown filter `{filter}` on section `{name}`"));
        }
    }
    Ok(RawSection {
        name,
        filters,
        inline,
        body: Vec::new(),
        line: 0,
    })
}

fn filtered(section: &RawSection, scope: &Scope) -> Result<Value, String> {
    let has = |name: &str| section.filters.iter().any(|f| f == name);
    let mut text = match &section.inline {
        Some(_) if !section.body.trim_ascii().is_empty() => {
            return Err("text below an inline value".into());
        }
        Some(inline) => inline.clone(),
        None => section.body.clone(),
    };
    if !has("-norm") {
        text = norm(&text);
    }
    if !has("-trim") {
        text = trim(&text);
    }
    let mut value = Value::Str(text);
    for filter in &section.filters {
        value = apply(filter.trim_start_matches('+'), value, scope)?;
    }
    Ok(value)
}

fn apply(filter: &str, value: Value, scope: &Scope) -> Result<Value, String> {
    match filter {
        "eval" => perl::eval(&value.bytes()?, scope),
        "chomp" => {
            let mut bytes = value.bytes()?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            Ok(Value::Str(bytes))
        }
        "chop" => {
            let mut bytes = value.bytes()?;
            bytes.pop();
            Ok(Value::Str(bytes))
        }
        "norm" => Ok(Value::Str(norm(&value.bytes()?))),
        "trim" => Ok(Value::Str(trim(&value.bytes()?))),
        _ => Ok(value),
    }
}

/// Test::Base's `norm`: CRLF and CR become LF.
fn norm(text: &[u8]) -> Vec<u8> {
    text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
}

/// Test::Base's `trim`: no leading blank lines, no white space after the last newline, one newline at the end.
fn trim(text: &[u8]) -> Vec<u8> {
    let mut start = 0_usize;
    for line in text.lines_with_terminator() {
        if !line.trim_ascii().is_empty() || !line.ends_with(b"\n") {
            break;
        }
        start = start.saturating_add(line.len());
    }
    let body = text.get(start..).unwrap_or_default();
    let kept = body.trim_ascii_end();
    let newline = body.get(kept.len()..).unwrap_or_default().contains(&b'\n');
    let mut out = kept.to_vec();
    if newline {
        // Blanks before the first trailing newline stay, as in Test::Base.
        let tail = body.get(kept.len()..).unwrap_or_default();
        out.extend(tail.iter().take_while(|b| **b != b'\n'));
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(blocks: &str) -> TestFile {
        parse(format!("run_tests();\n__DATA__\n{blocks}").as_bytes(), []).unwrap()
    }

    fn section(blocks: &str, name: &str) -> Vec<u8> {
        let file = file(blocks);
        assert_eq!(file.blocks[0].errors, Vec::<String>::new());
        file.blocks[0].get(name).unwrap().bytes().unwrap()
    }

    #[test]
    fn blocks_and_sections() {
        let file = file(
            "\n=== TEST 1: one\nsome words\n--- config\n\n  a;\n\n\n--- request\nGET /\n=== TEST 2: two\n--- SKIP\n",
        );
        assert_eq!(file.blocks.len(), 2);
        assert_eq!(file.blocks[0].title, "TEST 1: one");
        assert_eq!(file.blocks[0].line, 4);
        assert_eq!(
            file.blocks[0].get("config").unwrap().bytes().unwrap(),
            b"  a;\n"
        );
        assert!(file.blocks[1].has("SKIP"));
    }

    #[test]
    fn inline_values_and_filters() {
        assert_eq!(
            section("=== a\n--- error_code: 403  \n", "error_code"),
            b"403"
        );
        assert_eq!(
            section("=== a\n--- response_body chomp\nab\n\n", "response_body"),
            b"ab"
        );
        assert_eq!(
            section("=== a\n--- response_body chop\nab\n", "response_body"),
            b"ab"
        );
        assert_eq!(
            section(
                "=== a\n--- response_body eval: \"a\\x00\"\n",
                "response_body"
            ),
            b"a\0"
        );
        assert_eq!(
            section(
                "=== a\n--- response_body eval\n\"a\\r\\n\\n\"\n",
                "response_body"
            ),
            b"a\r\n\n"
        );
        assert_eq!(
            section(
                "=== a\n--- response_body\r\na\r\nb\r\n\r\n",
                "response_body"
            ),
            b"a\nb\n"
        );
        assert_eq!(
            section("=== a\n--- response_body\n--- config\n", "response_body"),
            b""
        );
    }

    #[test]
    fn mistakes_belong_to_their_block() {
        let errors = |text: &str| file(text).blocks[0].errors.join(" | ");
        assert!(
            errors("=== a\n--- response_header: x\n").contains("did you mean `response_headers`")
        );
        assert!(errors("=== a\n--- config evil\nx\n").contains("unknown filter `evil`"));
        assert!(errors("=== a\n--- config\nx\n--- config\ny\n").contains("twice"));
        assert!(errors("=== a\n--- error_code: 200\nmore\n").contains("below an inline value"));
        assert!(
            errors("=== a\n--- config eval\nsub { 1 }\n").contains("line 4: config: only literals")
        );
    }

    #[test]
    fn only_and_last() {
        assert_eq!(
            file("=== a\n--- config\n=== b\n--- ONLY\n=== c\n").blocks[0].title,
            "b"
        );
        assert_eq!(file("=== a\n--- LAST\n=== b\n").blocks.len(), 1);
    }

    #[test]
    fn refuses_files_without_blocks() {
        assert!(
            parse(b"run_tests();\n", [])
                .unwrap_err()
                .contains("__DATA__")
        );
        assert!(
            parse(b"__DATA__\nnothing\n", [])
                .unwrap_err()
                .contains("no block")
        );
    }

    proptest! {
        #[test]
        fn never_panics(source in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&source, []);
            let mut with_data = b"__DATA__\n=== t\n".to_vec();
            with_data.extend_from_slice(&source);
            let _ = parse(&with_data, []);
        }

        #[test]
        fn never_panics_on_test_like_text(source in "(=== |--- |config|request|eval|chop|:|\"|\n| |x){0,40}") {
            let _ = parse(format!("__DATA__\n{source}").as_bytes(), []);
        }
    }
}
