//! Files that arguments name.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use crate::Failure;

/// The content of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unusable(path, &error))
}

/// A file that is not there or not allowed: the answer is not no, it was asked in the wrong way.
pub(crate) fn unusable(path: &Path, error: &io::Error) -> Failure {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or(&text);
    Failure::Wrong(format!("{}: {reason}", path.display()))
}

/// A file whose content is not accepted.
pub(crate) fn refused(path: &Path, reason: &dyn Display) -> Failure {
    Failure::Refused(format!("{}: {reason}", path.display()))
}
