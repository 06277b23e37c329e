//! Key files: read by the master while the configuration is read, never shown.

use crate::Gatehouse;
use gatehouse_nginx::{Conf, Error, Level, ffi::files};
use gatehouse_token::{KeyEncoding, Secret};

/// A key file as it is; the reader of the key's encoding deals with its bytes.
pub(crate) struct KeyFile {
    /// What messages call it.
    pub shown: String,
    pub bytes: Secret,
}

/// Reads a key file. The error is a whole sentence for the line being read.
pub(crate) fn read_file(cf: &Conf<'_, Gatehouse>, name: &str) -> Result<KeyFile, String> {
    let path = cf
        .path(name)
        .map_err(|_| "the configuration's directory is not UTF-8".to_owned())?;
    let shown = format!("key file \"{}\"", path.display());
    let (bytes, for_all) = files::read_private(&path).map_err(|e| {
        let (error, directive) = (files::errno(&e), cf.name());
        format!("cannot load {shown} ({error}) in \"{directive}\" directive")
    })?;
    let bytes = Secret::new(bytes);
    if gatehouse_token::is_public(bytes.as_bytes()) {
        return Ok(KeyFile { shown, bytes });
    }
    let warn = |text: &str| cf.log(Level::Warn, &format!("{shown} {text}"));
    if for_all {
        warn("is readable by every user of this machine");
    }
    let text = bytes.as_bytes();
    if text.ends_with(b"\n\n") || text.ends_with(b"\n\r\n") {
        warn("ends in more than one newline, only the last one is dropped");
    } else if text.ends_with(b"\r\n") {
        warn("ends in CRLF, both bytes are dropped");
    }
    Ok(KeyFile { shown, bytes })
}

/// Reads the key in a file: its bytes but for one newline at their end; never empty.
pub(crate) fn read(cf: &Conf<'_, Gatehouse>, name: &str) -> Result<Secret, Error> {
    let file = read_file(cf, name)?;
    let key = KeyEncoding::Text.decode(file.bytes.as_bytes());
    key.map_err(|_| {
        let (shown, directive) = (file.shown, cf.name());
        Error::new(format!("{shown} is empty in \"{directive}\" directive"))
    })
}

/// Reads the key that clients send as `Authorization: Bearer KEY`: one that no header can carry is refused.
pub(crate) fn read_bearer(cf: &Conf<'_, Gatehouse>, name: &str) -> Result<Secret, Error> {
    let key = read(cf, name)?;
    let is_carried = key.as_bytes().iter().all(u8::is_ascii_graphic);
    if is_carried {
        return Ok(key);
    }
    let text = format!(
        "has a \"key_file={name}\" whose key has a blank, a control character or a byte that is not ASCII, a header cannot carry it"
    );
    Err(cf.error(&text))
}
