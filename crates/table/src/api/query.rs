//! The arguments of a request.

use super::place::decode;
use crate::table::Owner;

/// What a request's arguments say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Routes behind this key.
    pub after: Option<Vec<u8>>,
    /// So many routes at most.
    pub limit: Option<u64>,
    /// Routes of this owner.
    pub owner: Option<Owner>,
    /// A backend's URL.
    pub url: Option<String>,
    /// Routes with this text in them.
    pub search: Option<Vec<u8>>,
    /// Routes with a backend in this state, one of [`STATES`].
    pub state: Option<&'static str>,
    /// What the URLs of backends begin with.
    pub backends: Option<Vec<u8>>,
}

/// Why arguments are refused, for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError(pub String);

/// The words of `owner=`.
pub const OWNERS: [(&str, Owner); 4] = [
    ("file", Owner::File),
    ("api", Owner::Api),
    ("registration", Owner::Registration),
    ("redis", Owner::Redis),
];

/// The words of `state=`: how a backend can be.
pub const STATES: [&str; 4] = ["up", "down", "draining", "waiting"];

/// Whether a text is in another one, whatever the case of its ASCII letters.
#[must_use]
pub fn has_text(whole: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else {
        return true;
    };
    let starts = |at: &[u8]| {
        at.get(..rest.len())
            .is_some_and(|at| at.eq_ignore_ascii_case(rest))
    };
    let mut left = whole;
    while let Some((byte, after)) = left.split_first() {
        if byte.eq_ignore_ascii_case(first) && starts(after) {
            return true;
        }
        left = after;
    }
    false
}

impl Query {
    /// Reads the arguments of a resource that takes those of `known`; each comes once, percent-decoded.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(text: &[u8], known: &[&'static str]) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for argument in arguments(text, known) {
            let (name, value) = argument?;
            if query.set(name, value).ok_or_else(|| invalid(name))? {
                return Err(QueryError(format!("duplicate argument \"{name}\"")));
            }
        }
        Ok(query)
    }

    /// True: the argument was there already; None: its value is invalid.
    fn set(&mut self, name: &str, value: Vec<u8>) -> Option<bool> {
        Some(match name {
            "after" => self.after.replace(value).is_some(),
            "search" => self.search.replace(value).is_some(),
            "state" => {
                let word = STATES.iter().find(|word| word.as_bytes() == value)?;
                self.state.replace(word).is_some()
            }
            "backends" => self.backends.replace(value).is_some(),
            "url" => self.url.replace(String::from_utf8(value).ok()?).is_some(),
            "limit" => {
                let digits = value.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(&value).ok().filter(|_| digits)?;
                let limit = text.parse().ok().filter(|limit| *limit > 0)?;
                self.limit.replace(limit).is_some()
            }
            _ => {
                let row = OWNERS.iter().find(|row| row.0.as_bytes() == value)?;
                self.owner.replace(row.1).is_some()
            }
        })
    }
}

/// The arguments of a resource that takes those of `known`, percent-decoded.
pub(crate) fn arguments<'a>(
    text: &'a [u8],
    known: &'a [&'static str],
) -> impl Iterator<Item = Result<(&'static str, Vec<u8>), QueryError>> + 'a {
    let arguments = text.split(|b| *b == b'&').filter(|a| !a.is_empty());
    arguments.map(move |argument| {
        let mut halves = argument.splitn(2, |b| *b == b'=');
        let name = halves.next().unwrap_or_default();
        let name = known.iter().find(|known| known.as_bytes() == name);
        let name = *name.ok_or_else(|| {
            let known = match known {
                [] => "there is none here".to_owned(),
                _ => format!("it must be {}", crate::route::one_of(known)),
            };
            QueryError(format!("unknown argument, {known}"))
        })?;
        let value = decode(halves.next().unwrap_or_default());
        Ok((name, value.ok_or_else(|| invalid(name))?))
    })
}

fn invalid(name: &str) -> QueryError {
    QueryError(format!("invalid argument \"{name}\""))
}
