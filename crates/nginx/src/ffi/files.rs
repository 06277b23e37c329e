//! Files that operators name: only regular ones, since a pipe or a device could make a process
//! wait for ever.

use crate::sys;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, Read, Result};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file for reading; never waits, whatever the name has become meanwhile.
pub fn open(path: &Path) -> Result<File> {
    let flags = sys::O_NONBLOCK as i32;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(Error::other("not a regular file"))
    }
}

/// The whole of a regular file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The whole of a regular file, and whether every user may read it. The bytes are in memory once: the
/// caller may wipe them.
pub fn read_private(path: &Path) -> Result<(Vec<u8>, bool)> {
    let mut file = open(path)?;
    let about = file.metadata()?;
    // Room for one more byte, so that the end is found without a larger buffer.
    let size = usize::try_from(about.len()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    file.read_to_end(&mut bytes)?;
    Ok((bytes, is_for_all(&about)))
}

/// Whether every user may read a file.
pub fn is_for_all(about: &Metadata) -> bool {
    about.mode() & 0o004 != 0
}

/// Whether a user with this group may read a file, as far as its own mode says: he may be in the group of the file, too.
pub fn may_read(path: &Path, (user, group): (u32, u32)) -> bool {
    let Ok(about) = std::fs::metadata(path) else {
        return true;
    };
    let mode = about.mode();
    let of_class = if user == about.uid() {
        mode >> 6
    } else if group == about.gid() {
        mode >> 3
    } else {
        mode >> 3 | mode
    };
    user == 0 || of_class & 0o4 != 0
}

/// The error as nginx writes it between parentheses: `2: No such file or directory`.
pub fn errno(error: &Error) -> String {
    let text = error.to_string();
    let Some(number) = error.raw_os_error() else {
        return text;
    };
    // Rust puts the number behind the text, nginx in front of it.
    let bare = text.strip_suffix(&format!(" (os error {number})"));
    format!("{number}: {}", bare.unwrap_or(&text))
}
