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
    for doubt in doubts(&bytes, for_all) {
        cf.log(Level::Warn, &format!("{shown} {doubt}"));
    }
    Ok(KeyFile { shown, bytes })
}

/// What is to be said about a key file of these bytes; `for_all` says that every user may read it.
pub(crate) fn doubts(bytes: &Secret, for_all: bool) -> impl Iterator<Item = &'static str> {
    let text = bytes.as_bytes();
    let readable = for_all.then_some("is readable by every user of this machine");
    let ends = if text.ends_with(b"\n\n") || text.ends_with(b"\n\r\n") {
        Some("ends in more than one newline, only the last one is dropped")
    } else if text.ends_with(b"\r\n") {
        Some("ends in CRLF, both bytes are dropped")
    } else {
        None
    };
    let is_secret = !gatehouse_token::is_public(text);
    readable.into_iter().chain(ends).filter(move |_| is_secret)
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
