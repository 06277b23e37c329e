//! Checks that the source keeps to its rooms: `rooms.toml` says who may use whom, how large a room and a file may be,
//! and where `unsafe` may stand. Also that every dependency is used and compiles with the oldest Rust we promise.
//!
//! usage: fence [DIRECTORY]

#![forbid(unsafe_code)]
#![allow(clippy::arithmetic_side_effects)] // a tool for developers: an overflow is a panic

mod arrows;
mod cargo;
mod chains;
mod checks;
mod modules;
mod paths;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = std::env::args_os()
        .nth(1)
        .map_or_else(repository, PathBuf::from);
    match run(&root) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fence: {error}");
            ExitCode::from(2)
        }
    }
}

/// Two directories above this package.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Prints what is wrong; gives how many checks failed.
fn run(root: &Path) -> Result<usize, String> {
    let table = table::read(&root.join("t/fence/rooms.toml"))?;
    let packages = cargo::packages(root, &table.manifests)?;
    let sources = source::read(root, &packages)?;
    let mut failed = 0_usize;
    for (name, found) in checks::all(root, &table, &packages, &sources)? {
        let well = found.is_empty();
        println!("{} - {name}", if well { "ok" } else { "not ok" });
        for line in &found {
            println!("# {line}");
        }
        failed = failed.saturating_add(usize::from(!well));
    }
    Ok(failed)
}
