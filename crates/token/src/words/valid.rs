//! Words about what follows a valid token.

use gatehouse_base::words;

use super::cookie;
use crate::error::Error;
use crate::limit::{Limit, MOST_ADDRESSES, MOST_USES};
use crate::settings::Settings;
use crate::word::{Arity, Host, Word, first, on_off};

/// `limit [uses=N] [addresses=N] zone=size`
pub(super) const LIMIT: Word = Word {
    name: "limit",
    args: Arity::Some,
    repeated: false,
    syntax: || "[uses=N] [addresses=N] zone=size".to_owned(),
    text: include_str!("limit.md"),
    parse: limit,
};

/// `issue_cookie NAME [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=…]`
pub(super) const ISSUE_COOKIE: Word = Word {
    name: "issue_cookie",
    args: Arity::Some,
    repeated: false,
    syntax: || {
        "name [path=PREFIX|auto] [max_age=exp|time] [secure] [httponly] [samesite=strict|lax|none]"
            .to_owned()
    },
    text: include_str!("issue_cookie.md"),
    parse: |settings, words, host| {
        settings.issue = Some(cookie::parse(words, host)?);
        Ok(())
    },
};

/// `close_websocket on|off`
pub(super) const CLOSE_WEBSOCKET: Word = Word {
    name: "close_websocket",
    args: Arity::One,
    repeated: false,
    syntax: || "on | off".to_owned(),
    text: include_str!("close_websocket.md"),
    parse: |settings, words, _| {
        settings.close_websocket = on_off("close_websocket", first(words))?;
        Ok(())
    },
};

fn limit(settings: &mut Settings, words: &[&str], host: &dyn Host) -> Result<(), Error> {
    let (mut uses, mut addresses, mut zone) = (None, None, None);
    for word in words {
        let is_second = match word.split_once('=') {
            Some(("uses", text)) => uses.replace(count(text, MOST_USES)?).is_some(),
            Some(("addresses", text)) => {
                let most = u32::try_from(MOST_ADDRESSES).unwrap_or(u32::MAX);
                addresses.replace(count(text, most)?).is_some()
            }
            Some(("zone", text)) => {
                let size = host.size(text).ok_or_else(|| invalid(word))?;
                zone.replace(size).is_some()
            }
            _ => return Err(invalid(word)),
        };
        if is_second {
            return Err(words::duplicate(word, "limit").into());
        }
    }
    if uses.is_none() && addresses.is_none() {
        let text = "\"limit\" must have \"uses\" or \"addresses\" parameter";
        return Err(Error::new(text));
    }
    let zone = zone.ok_or_else(|| Error::new("\"limit\" must have \"zone\" parameter"))?;
    settings.limit = Some(Limit {
        uses,
        addresses: addresses.map(|count| u8::try_from(count).unwrap_or(u8::MAX)),
        zone,
    });
    Ok(())
}

fn invalid(word: &str) -> Error {
    Error::parameter(word, "limit")
}

/// A number from 1 on.
fn count(text: &str, most: u32) -> Result<u32, Error> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| {
            Error::new(format!(
                "invalid value \"{text}\" in \"limit\" directive, it must be between 1 and {most}"
            ))
        })
}
