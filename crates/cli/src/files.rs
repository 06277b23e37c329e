//! Files that arguments name.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Failure;

/// Bytes that are read of what is no regular file: a pipe has an end, a device may have none.
const MOST: u64 = 256 << 20;

/// The content of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let content = content(path).map_err(|error| unusable(path, &error))?;
    content.ok_or_else(|| {
        let text = format!("longer than {} MiB, and no regular file", MOST >> 20);
        refused(path, &text)
    })
}

/// None: there is more than is read.
fn content(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    let mut content = Vec::new();
    if file.metadata()?.is_file() {
        file.read_to_end(&mut content)?;
        return Ok(Some(content));
    }
    let read = file
        .take(MOST.saturating_add(1))
        .read_to_end(&mut content)?;
    Ok((read as u64 <= MOST).then_some(content))
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

/// The key in a file, without the newline at its end.
pub(crate) fn key(path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(path)?).map_err(|_| refused(path, &"is not UTF-8"))?;
    let key = text.strip_suffix('\n').unwrap_or(&text);
    let key = key.strip_suffix('\r').unwrap_or(key);
    if key.is_empty() || key.contains(char::is_control) {
        return Err(refused(path, &"there is no key, or more than one line"));
    }
    Ok(key.to_owned())
}
