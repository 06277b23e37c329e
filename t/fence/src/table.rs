//! `rooms.toml`: what is allowed.

use std::path::Path;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// Manifests whose packages are looked at.
    pub manifests: Vec<String>,
    /// A file may have so many lines.
    pub lines: usize,
    /// A room may have so many percent of all lines.
    pub share: usize,
    /// Where `unsafe` may stand.
    pub r#unsafe: Vec<String>,
    /// Files that only compose state out of the rooms' types. They have no function, and what they name is no use.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Dependencies that no source names, with the reason.
    #[serde(default)]
    pub unnamed: Vec<Unnamed>,
    /// The rooms.
    #[serde(rename = "room")]
    pub rooms: Vec<Room>,
    /// Arrows, as `FILE -> FILE`, that lead up or round all the same.
    #[serde(default)]
    pub known: Vec<String>,
}

/// A part of the source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Room {
    /// Its name; `a/b` is a part of `a` and counts as `a` where sizes and users are meant.
    pub name: String,
    /// Files and directories; of two rooms a file is in the one with the longer path.
    pub paths: Vec<String>,
    /// The rooms it may use.
    #[serde(default)]
    pub uses: Vec<String>,
}

/// A dependency that is there without its name being written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unnamed {
    /// The package that has it.
    pub package: String,
    /// Its name.
    pub dependency: String,
    /// Why it is needed all the same.
    #[expect(dead_code, reason = "for the reader of the file")]
    pub why: String,
}

/// Reads it.
pub(crate) fn read(path: &Path) -> Result<Table, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    toml::from_str(&text).map_err(|e| failed(&e))
}

impl Table {
    /// Whether this arrow is one of those known.
    pub(crate) fn knows(&self, (from, to): &(String, String)) -> bool {
        self.known.contains(&format!("{from} -> {to}"))
    }

    /// The room of a file or of a package's directory.
    pub(crate) fn room(&self, path: &str) -> Option<&Room> {
        let fits = |room: &&Room| room.paths.iter().any(|p| is_below(path, p));
        let longest = |room: &&Room| {
            let paths = room.paths.iter().filter(|p| is_below(path, p));
            paths.map(String::len).max()
        };
        self.rooms.iter().filter(fits).max_by_key(longest)
    }
}

impl Room {
    /// The name before any `/`.
    pub(crate) fn house(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// Whether it may use the other.
    pub(crate) fn may_use(&self, other: &Room) -> bool {
        self.name == other.name
            || self
                .uses
                .iter()
                .any(|name| *name == other.name || *name == other.house())
    }
}

/// Whether `path` is `prefix` or in it.
pub(crate) fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
