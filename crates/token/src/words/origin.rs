//! The word about scheme and host of the URLs that are signed.

use crate::error::Error;
use crate::word::{Arity, Word, first};

/// `origin string`
pub(super) const ORIGIN: Word = Word {
    name: "origin",
    args: Arity::One,
    repeated: false,
    syntax: || "string".to_owned(),
    text: include_str!("origin.md"),
    parse: |settings, words, _| {
        settings.options.origin = origin(first(words))?.to_owned();
        Ok(())
    },
};

/// Refuses a text that is no beginning of a URL, whatever its variables say: no token would ever match.
fn origin(text: &str) -> Result<&str, Error> {
    if text.is_empty() {
        return Err(Error::new("\"origin\" directive is empty"));
    }
    let host = match text.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() => host,
        // A variable may hold all of it.
        _ if text.starts_with('$') => text,
        _ => "",
    };
    if host.is_empty() || host.ends_with('/') {
        return Err(Error::new(format!(
            "invalid value \"{text}\" in \"origin\" directive, it must be scheme and host, as \"https://media.example.com\""
        )));
    }
    Ok(text)
}
