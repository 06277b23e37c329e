//! Key files: read by the master while the configuration is read, never shown.

use crate::Gatehouse;
use gatehouse_nginx::{Conf, Error, Level, ffi::files};
use std::path::Path;

/// A key file, as messages name it.
pub fn shown(path: &Path) -> String {
    format!("key file \"{}\"", path.display())
}

/// The bytes of a key file as they are; the reader of the key's encoding deals with them.
pub fn read_raw(cf: &Conf<'_, Gatehouse>, name: &str) -> Result<Vec<u8>, Error> {
    let path = cf.path(name)?;
    let (bytes, for_all) = files::read_private(&path).map_err(|e| {
        let (path, error) = (path.display(), files::errno(&e));
        let directive = cf.name();
        Error::new(format!(
            "cannot load key file \"{path}\" ({error}) in \"{directive}\" directive"
        ))
    })?;
    let warn = |text: &str| cf.log(Level::Warn, &format!("{} {text}", shown(&path)));
    if for_all {
        warn("is readable by every user of this machine");
    }
    if bytes.ends_with(b"\n\n") || bytes.ends_with(b"\n\r\n") {
        warn("ends in more than one newline, only the last one is dropped");
    } else if bytes.ends_with(b"\r\n") {
        warn("ends in CRLF, both bytes are dropped");
    }
    Ok(bytes)
}

/// The bytes of a key file, one newline at their end dropped; never empty.
pub fn read(cf: &Conf<'_, Gatehouse>, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = read_raw(cf, name)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Error::new(format!(
            "{} is empty in \"{}\" directive",
            shown(&cf.path(name)?),
            cf.name()
        )));
    }
    Ok(bytes)
}
