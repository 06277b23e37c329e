//! Every Rust file of our packages, and the identifiers in it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use crate::cargo::Package;
use crate::chains;

/// One file.
pub(crate) struct Source {
    /// Relative to the repository.
    pub path: String,
    /// The package it belongs to, by its place in the list.
    pub package: usize,
    pub lines: usize,
    /// Every identifier, also inside of macros.
    pub identifiers: HashSet<String>,
    pub has_chains: bool,
}

/// Reads the sources of the packages.
pub(crate) fn read(root: &Path, packages: &[Package]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for (number, package) in packages.iter().enumerate() {
        let mut files: Vec<PathBuf> = Vec::new();
        for part in ["src", "tests", "benches", "examples"] {
            walk(&package.directory().join(part), &mut files);
        }
        // A target may stand elsewhere, as a build script does, with its modules beside it.
        let targets = package.targets.iter().map(|target| target.src_path.clone());
        files.extend(targets);
        files.extend(rust_files(package.directory()));
        files.sort();
        files.dedup();
        for file in files {
            sources.push(source(root, &file, number)?);
        }
    }
    Ok(sources)
}

/// The path of a file in the repository.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    files.extend(rust_files(directory));
    for path in entries(directory).filter(|path| path.is_dir()) {
        walk(&path, files);
    }
}

fn rust_files(directory: &Path) -> impl Iterator<Item = PathBuf> {
    entries(directory).filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn source(root: &Path, file: &Path, package: usize) -> Result<Source, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let text = fs::read_to_string(file).map_err(|e| failed(&e))?;
    let tokens: TokenStream = text.parse().map_err(|e| failed(&e))?;
    let mut identifiers = HashSet::new();
    collect(tokens, &mut identifiers);
    Ok(Source {
        path: relative(root, file),
        package,
        lines: text.lines().count(),
        identifiers,
        has_chains: chains::are_in(&text).map_err(|e| failed(&e))?,
    })
}

fn collect(tokens: TokenStream, found: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => drop(found.insert(name.to_string())),
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
