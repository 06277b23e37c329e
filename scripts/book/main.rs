//! `gatehouse-book REPOSITORY [OUTPUT]`: checks the links of every page, then builds the book into a folder.

mod links;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [repository] => check(Path::new(repository)),
        [repository, output] => check(Path::new(repository))
            .and_then(|()| build(&Path::new(repository).join("docs"), Path::new(output))),
        _ => Err("usage: gatehouse-book REPOSITORY [OUTPUT]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn check(repository: &Path) -> Result<(), String> {
    let broken = links::broken(repository)?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(broken.join("\n"))
}

#[cfg(feature = "book")]
fn build(docs: &Path, output: &Path) -> Result<(), String> {
    let mut book = mdbook_driver::MDBook::load(docs).map_err(|e| format!("{e:#}"))?;
    // mdBook takes a relative path as one below docs/.
    book.config.build.build_dir = std::path::absolute(output).map_err(|e| e.to_string())?;
    book.build().map_err(|e| format!("{e:#}"))
}

#[cfg(not(feature = "book"))]
fn build(_docs: &Path, _output: &Path) -> Result<(), String> {
    eprintln!("the book is not built: mdBook needs Rust 1.88");
    Ok(())
}
