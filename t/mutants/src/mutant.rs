//! The faults: what cargo-mutants lists.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::process::Command;

use serde::Deserialize;

use crate::room::Room;
use crate::tree::Tree;

/// A place in a source text: lines and columns from 1, columns in characters.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

#[derive(Debug, Deserialize)]
struct Function {
    function_name: String,
    span: Span,
}

/// One fault, as `cargo mutants --list --json` describes it.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    file: String,
    genre: String,
    function: Option<Function>,
    replacement: String,
    span: Span,
}

/// One fault.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// What switches it on: from 1, by its place in the list.
    pub number: u32,
    /// The source file, relative to the repository.
    pub file: String,
    /// What is done: "replace … with … in function".
    pub what: String,
    /// Where, in the tree of today.
    pub line: usize,
    /// The same fault in the same function has the same key, wherever the function has moved.
    pub key: String,
    /// The bytes of the file that are replaced.
    pub part: Range<usize>,
    /// What replaces them.
    pub replacement: String,
    /// The bytes of the function around it.
    pub function: Range<usize>,
    /// The whole function returns `replacement`.
    pub returns: bool,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// What switches these on together.
pub(crate) fn numbers(together: &[&Mutant]) -> String {
    let numbers = together.iter().map(|mutant| mutant.number.to_string());
    numbers.collect::<Vec<_>>().join(",")
}

/// All faults of a room.
pub(crate) fn list(tree: &Tree, room: Room) -> Result<Vec<Mutant>, String> {
    let output = Command::new("cargo")
        .args(["mutants", "--list", "--json", "--no-config", "--dir"])
        .arg(tree.listing())
        .args(room.sources())
        .output()
        .map_err(|e| format!("cargo mutants: {e}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo mutants: {} (is it installed? cargo install --locked cargo-mutants)",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let listed: Vec<Listed> =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo mutants: {e}"))?;
    let numbered = listed.iter().zip(1..);
    let mutants: Result<Vec<Mutant>, String> =
        numbered.map(|(one, n)| read(tree, one, n)).collect();
    Ok(told_apart(mutants?))
}

/// What is done twice in one function is numbered from the second on, so that words and file are one fault's.
fn told_apart(mut mutants: Vec<Mutant>) -> Vec<Mutant> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    for mutant in &mut mutants {
        let count = seen
            .entry((mutant.file.clone(), mutant.what.clone()))
            .or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            mutant.what = format!("{} ({count})", mutant.what);
        }
    }
    mutants
}

fn read(tree: &Tree, listed: &Listed, number: u32) -> Result<Mutant, String> {
    let text = tree.original(&listed.file)?;
    let lost = || format!("{}: the place is not in the file", listed.name);
    let part = bytes(&text, listed.span).ok_or_else(lost)?;
    let function = listed.function.as_ref();
    let name = function.map_or("", |function| function.function_name.as_str());
    let around = function
        .and_then(|function| bytes(&text, function.span))
        .unwrap_or(0..text.len());
    let mut hasher = DefaultHasher::new();
    text.get(around.clone()).hash(&mut hasher);
    part.start.saturating_sub(around.start).hash(&mut hasher);
    listed.replacement.hash(&mut hasher);
    let what = listed
        .name
        .splitn(4, ':')
        .nth(3)
        .unwrap_or(&listed.name)
        .trim()
        .to_owned();
    Ok(Mutant {
        number,
        file: listed.file.clone(),
        line: listed.span.start.line,
        key: format!("{} {name} {:016x}", listed.file, hasher.finish()),
        what,
        part,
        replacement: listed.replacement.clone(),
        function: around,
        returns: listed.genre == "FnValue",
    })
}

fn bytes(text: &str, span: Span) -> Option<Range<usize>> {
    let (start, end) = (offset(text, span.start)?, offset(text, span.end)?);
    (start <= end).then_some(start..end)
}

fn offset(text: &str, place: Place) -> Option<usize> {
    let mut before = 0_usize;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index.saturating_add(1) == place.line {
            let column = line
                .char_indices()
                .map(|(at, _)| at)
                .chain([line.len()])
                .nth(place.column.saturating_sub(1))?;
            return Some(before.saturating_add(column));
        }
        before = before.saturating_add(line.len());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_characters() {
        let place = |line, column| Place { line, column };
        let text = "a\nbé c\n";
        assert_eq!(offset(text, place(1, 1)), Some(0));
        assert_eq!(offset(text, place(2, 3)), Some(5));
        assert_eq!(offset(text, place(2, 6)), Some(8));
        assert_eq!(offset(text, place(2, 9)), None);
        assert_eq!(offset(text, place(4, 1)), None);
    }
}
