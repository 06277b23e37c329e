//! What an `issue_cookie` line says, and how a profile hands tokens back by it.

use crate::error::Error;
use crate::location::TokenLocation;
use crate::scheme::Scheme;

/// So many cookies of the name are looked at: one for each `Path` that a client has got them for.
pub(crate) const MOST_TURNS: usize = 4;

/// An `issue_cookie` line.
#[derive(Clone, Debug, Default)]
pub(crate) struct CookieLine {
    /// The cookie's name.
    pub(crate) name: String,
    /// Its `Path`; `None`: that of the token.
    pub(crate) path: Option<String>,
    /// How long the client keeps it; `None`: until it is closed.
    pub(crate) max_age: Option<MaxAge>,
    /// The attributes that are the same for every token.
    pub(crate) flags: String,
}

/// How long a client keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxAge {
    /// As long as its token is good.
    Token,
    /// So many seconds, but not longer than that.
    Seconds(u64),
}

/// How a profile hands tokens back.
#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) line: CookieLine,
    /// The location that the cookie is.
    pub(crate) location: usize,
}

impl Issue {
    /// # Errors
    /// No location has that cookie, or there is no other; a token is more than the cookie can hold.
    pub(crate) fn new(
        line: CookieLine,
        locations: &[TokenLocation],
        scheme: &Scheme,
    ) -> Result<Self, Error> {
        let name = &line.name;
        let is_it = |location: &TokenLocation| match location {
            TokenLocation::Cookie(names) => names.get(0) == Some(name),
            _ => false,
        };
        let refuse = |text: String| Err(Error::about("issue_cookie", text));
        let Some(location) = locations.iter().position(is_it) else {
            return refuse(format!(
                "\"issue_cookie {name}\" needs \"cookie={name}\" in \"from\" directive"
            ));
        };
        if locations.len() < 2 {
            return refuse(format!(
                "\"issue_cookie {name}\" needs another place than that cookie in \"from\" directive"
            ));
        }
        let names = locations.get(location).and_then(TokenLocation::names);
        let count = names.map_or(0, |names| names.count());
        let values = scheme.carriers.len();
        if count < values && (count > 1 || scheme.joined < values) {
            return refuse(format!(
                "\"issue_cookie {name}\" needs {values} names in \"from\" directive, as in \"cookie={name},b\": a token of format \"{}\" is so many values",
                scheme.name
            ));
        }
        Ok(Self { line, location })
    }
}
