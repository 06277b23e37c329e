//! Routes in files.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::change::all;
use super::client::Client;
use crate::{Failure, Outcome, files};

/// A text file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = io::stdin().read_to_end(&mut bytes);
        read.map_err(|error| files::unusable(Path::new("standard input"), &error))?;
        bytes
    } else {
        files::read(path)?
    };
    String::from_utf8(bytes).map_err(|_| files::refused(path, &"is not UTF-8"))
}

pub(super) fn export(
    client: &Client,
    owner: Option<&str>,
    file: Option<&Path>,
) -> Result<Outcome, Failure> {
    let mut text = String::new();
    let mut reader = client.send("GET", &all(owner), None)?.reader();
    reader
        .read_to_string(&mut text)
        .map_err(|error| Failure::Unreachable(format!("the answer was cut: {error}")))?;
    let Some(file) = file.filter(|file| *file != Path::new("-")) else {
        return Ok(Outcome::done(text));
    };
    // Whoever reads the file sees the old one or the new one.
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    let beside = Path::new(&name);
    fs::write(beside, text).map_err(|error| files::unusable(beside, &error))?;
    fs::rename(beside, file).map_err(|error| files::unusable(file, &error))?;
    Ok(Outcome::done(String::new()))
}
