//! The words of an `issue_cookie` line.

use gatehouse_base::words;

use crate::cookie::{CookieLine, MaxAge};
use crate::error::Error;
use crate::names::Names;
use crate::word::{Host, first};

const SAME_SITE: [(&str, &str); 3] = [("strict", "Strict"), ("lax", "Lax"), ("none", "None")];

/// Reads the words of a line.
pub(super) fn parse(words: &[&str], host: &dyn Host) -> Result<CookieLine, Error> {
    let name = first(words);
    if Names::parse(name).is_none_or(|names| names.get(1).is_some()) {
        return Err(invalid(name));
    }
    let mut line = CookieLine {
        name: name.to_owned(),
        ..CookieLine::default()
    };
    let (mut is_secure, mut same_site) = (false, None);
    for (index, word) in words.iter().enumerate().skip(1) {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let before = words.iter().take(index).skip(1);
        let mut before = before.map(|one| one.split_once('=').unwrap_or((one, "")).0);
        if before.any(|one| one == key) {
            return Err(words::duplicate(key, "issue_cookie").into());
        }
        match (key, *word) {
            ("path", "path=auto") => {}
            ("path", _) if is_path(value) => line.path = Some(value.to_owned()),
            ("max_age", "max_age=exp") => line.max_age = Some(MaxAge::Token),
            ("max_age", _) => {
                let seconds = host.seconds(value).ok_or_else(|| invalid(word))?;
                line.max_age = Some(MaxAge::Seconds(seconds));
            }
            (_, "secure") => {
                is_secure = true;
                line.flags.push_str("; Secure");
            }
            (_, "httponly") => line.flags.push_str("; HttpOnly"),
            ("samesite", _) => {
                let row = SAME_SITE.iter().find(|row| row.0 == value);
                let legal = SAME_SITE.map(|row| row.0);
                let unknown = || words::unknown("samesite", value, "issue_cookie", legal);
                same_site = Some(row.ok_or_else(unknown)?.1);
            }
            _ => return Err(invalid(word)),
        }
    }
    if let Some(value) = same_site {
        line.flags.push_str("; SameSite=");
        line.flags.push_str(value);
    }
    refuse_useless(&line, is_secure, same_site)?;
    Ok(line)
}

/// Refuses what browsers drop (RFC 6265bis section 5.7).
fn refuse_useless(
    line: &CookieLine,
    is_secure: bool,
    same_site: Option<&str>,
) -> Result<(), Error> {
    let name = &line.name;
    let has = |prefix: &str| {
        let begin = name.get(..prefix.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    let (host, secure) = (has("__Host-"), has("__Secure-"));
    if !is_secure && (host || secure || same_site == Some("None")) {
        let what = if host || secure {
            name
        } else {
            "samesite=none"
        };
        return Err(Error::new(format!(
            "\"{what}\" in \"issue_cookie\" directive needs \"secure\", or browsers drop the cookie"
        )));
    }
    if host && line.path.as_deref() != Some("/") {
        return Err(Error::new(format!(
            "\"{name}\" in \"issue_cookie\" directive needs \"path=/\", or browsers drop the cookie"
        )));
    }
    Ok(())
}

/// Whether a text can be the `Path` of a cookie.
fn is_path(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_graphic() && byte != b';';
    text.starts_with('/') && text.bytes().all(is_legal)
}

fn invalid(word: &str) -> Error {
    Error::parameter(word, "issue_cookie")
}
