//! The library this code is in: which nginx it was built for, and whether its file is still the one
//! that was loaded.

use crate::ffi::bits;
use crate::ffi::files;
use crate::sys;
use std::ffi::{CStr, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The version of nginx this library was built for; nginx loads it into no other.
pub(crate) fn nginx_version() -> &'static str {
    sys::NGINX_VERSION.to_str().unwrap_or_default()
}

/// Tells one content of a file from another.
#[derive(PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// The file as it was when this process loaded it.
struct Loaded {
    path: PathBuf,
    stamp: Stamp,
}

/// Remembers the file the first time it is asked, right after the library was loaded; later says how
/// it has changed since. None: it has not, or nobody can tell.
///
/// A reload of nginx opens its modules again, but the loader knows a library by its name and gives
/// back the code that is in memory.
pub fn replaced() -> Option<String> {
    static LOADED: OnceLock<Option<Loaded>> = OnceLock::new();
    let loaded = LOADED.get_or_init(find).as_ref()?;
    let shown = loaded.path.display();
    match stamp(&loaded.path) {
        Ok(now) if now == loaded.stamp => None,
        Ok(_) => Some(format!("\"{shown}\" is another file than the one loaded")),
        Err(error) => {
            let error = files::errno(&error);
            Some(format!("\"{shown}\" cannot be looked at ({error})"))
        }
    }
}

fn find() -> Option<Loaded> {
    // SAFETY: asks the loader only.
    let name = unsafe { bits::gatehouse_library_path() };
    if name.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the name as long as the library, which is running now.
    let name = unsafe { CStr::from_ptr(name) };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    let stamp = stamp(&path).ok()?;
    Some(Loaded { path, stamp })
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let meta = fs::metadata(path)?;
    Ok(Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.len(),
        changed: (meta.mtime(), meta.mtime_nsec()),
    })
}
