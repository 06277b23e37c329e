//! Where a token may be in a request, and how its values are found there.

use gatehouse_base::words;

use crate::error::Error;
use crate::names::Names;
use crate::request::{Presented, RequestView, SignedUrl};
use crate::scheme::{Carrier, Repeated, Scheme, Verifier};
use crate::strip;

/// One location of a `from` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenLocation {
    /// Query arguments.
    Query(Names),
    /// Cookies.
    Cookie(Names),
    /// Request headers.
    Header(Names),
    /// The first segments of the path that have the form of a token.
    Path,
}

/// A word of a `from` line; its default names are filled in once the scheme is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationWord {
    kind: Kind,
    names: Option<Names>,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Query,
    Cookie,
    Header,
    Path,
}

impl LocationWord {
    pub(crate) fn parse(word: &str) -> Result<Self, Error> {
        let (kind, names) = match word.split_once('=') {
            None => (word, None),
            Some((kind, names)) => (kind, Some(names)),
        };
        let kind = match kind {
            "query" => Kind::Query,
            "cookie" => Kind::Cookie,
            "header" => Kind::Header,
            "path" if names.is_none() => Kind::Path,
            _ => {
                let legal = ["query", "cookie", "header", "path"];
                return Err(words::unknown("place", word, "from", legal).into());
            }
        };
        let parse = |text| Names::parse(text).ok_or_else(|| invalid_names(word));
        let names = names.map(parse).transpose()?;
        if kind == Kind::Header {
            names.iter().try_for_each(refuse_framing)?;
        }
        Ok(Self {
            kind,
            names,
            text: word.to_owned(),
        })
    }

    /// The location, for a scheme.
    ///
    /// # Errors
    /// More names than a token of that scheme has values; a place where it has none.
    pub(crate) fn resolve(&self, scheme: &Scheme) -> Result<TokenLocation, Error> {
        let names = |name: fn(&Carrier) -> Option<&'static str>| match &self.names {
            Some(names) if names.count() > scheme.carriers.len() => Err(invalid_names(&self.text)),
            Some(names) => Ok(names.clone()),
            None => {
                let names = Names::new(scheme.carriers.iter().map_while(name));
                let has_names = names.count() > 0;
                has_names
                    .then_some(names)
                    .ok_or_else(|| self.lacks_names(scheme))
            }
        };
        Ok(match self.kind {
            Kind::Query => TokenLocation::Query(names(|carrier| carrier.query)?),
            Kind::Cookie => TokenLocation::Cookie(names(|carrier| carrier.cookie)?),
            Kind::Header => TokenLocation::Header(names(|carrier| carrier.header)?),
            Kind::Path if scheme.path.is_none() => return Err(no_path(scheme)),
            Kind::Path => TokenLocation::Path,
        })
    }

    fn lacks_names(&self, scheme: &Scheme) -> Error {
        let (word, name) = (&self.text, scheme.name);
        let text = format!(
            "\"{word}\" in \"from\" directive needs a name, as in \"{word}=token\": format \"{name}\" has none"
        );
        Error::about("from", text)
    }

    /// Whether it is the same location, whatever the names.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && self.names == other.names
    }
}

fn invalid_names(word: &str) -> Error {
    let text = format!("invalid names \"{word}\" in \"from\" directive");
    Error::about("from", text)
}

fn no_path(scheme: &Scheme) -> Error {
    let name = scheme.name;
    let text = format!(
        "invalid place \"path\" in \"from\" directive, format \"{name}\" has no tokens in a path"
    );
    Error::about("from", text)
}

/// Headers by which nginx finds the end of a request and whom it is for: without them the rest would
/// be another request than the one that was checked.
const FRAMING: [&str; 4] = ["Connection", "Content-Length", "Host", "Transfer-Encoding"];

fn refuse_framing(names: &Names) -> Result<(), Error> {
    let framing = |name: &&str| FRAMING.iter().any(|one| one.eq_ignore_ascii_case(name));
    names.iter().find(framing).map_or(Ok(()), |name| {
        Err(Error::new(format!(
            "header \"{name}\" in \"from\" cannot carry a token, nginx reads the request by it"
        )))
    })
}

/// Why nothing is read of a token that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable<'a> {
    /// The value of this role has a name of its own and is missing.
    Without(&'static str),
    /// This name comes twice.
    Twice(&'a str),
    /// It is in no place that the signed URL has: `..` has taken it out of the path.
    Cancelled,
}

/// Which of several values of a name is read.
#[derive(Clone, Copy)]
pub(crate) struct Which {
    nth: usize,
    repeated: Repeated,
}

impl Which {
    /// The only one, or the first, as the scheme has it.
    pub(crate) fn only(scheme: &Scheme) -> Self {
        Self {
            nth: 0,
            repeated: scheme.repeated,
        }
    }

    /// The n-th, from 0, whatever comes before and behind it.
    pub(crate) fn nth(nth: usize) -> Self {
        Self {
            nth,
            repeated: Repeated::First,
        }
    }
}

impl TokenLocation {
    /// What carries the token; none for a path.
    pub fn names(&self) -> Option<&Names> {
        match self {
            Self::Query(names) | Self::Cookie(names) | Self::Header(names) => Some(names),
            Self::Path => None,
        }
    }

    /// The word of a `from` line, without names.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Query(_) => "query",
            Self::Cookie(_) => "cookie",
            Self::Header(_) => "header",
            Self::Path => "path",
        }
    }

    /// Looks for a token and fills it in; whether there is one.
    ///
    /// # Errors
    /// There is one, but it cannot be read.
    pub(crate) fn find<'a>(
        &'a self,
        request: &'a dyn RequestView,
        scheme: &Scheme,
        verifier: &dyn Verifier,
        which: Which,
        token: &mut Presented<'a>,
    ) -> Result<bool, Unreadable<'a>> {
        token.url = SignedUrl::Whole(request.target());
        let (names, repeated) = match self {
            Self::Query(names) => {
                let target = request.pieces();
                token.url = SignedUrl::WithoutArgs { target, names };
                (names, read_args(target.args(), names, token))
            }
            Self::Cookie(names) => {
                let value = |name: &str, n| request.cookie(name.as_bytes(), n);
                (names, read_lines(names, which, value, token))
            }
            Self::Header(names) => {
                let value = |name: &str, n| {
                    let value = request.header(name, n)?;
                    scheme.of_header(name, value)
                };
                (names, read_lines(names, which, value, token))
            }
            Self::Path => {
                let Some(form) = scheme.path else {
                    return Ok(false);
                };
                let token_at = |path: &[u8], segment: &[u8]| verifier.path_token(path, segment);
                let Some(found) = strip::find_path_token(request.target(), token_at) else {
                    return Ok(false);
                };
                // A signature of another path than the one that is served opens nothing.
                if verifier.signs_target() && !request.serves_target() {
                    return Err(Unreadable::Cancelled);
                }
                token.url = SignedUrl::WithoutSegment(found);
                (form.split)(token, found.token, scheme.joined);
                return Ok(true);
            }
        };
        complete(names, repeated, which, scheme, token)
    }
}

/// Reads query arguments, in one pass; gives the name of one that has a second value.
fn read_args<'a>(args: &'a [u8], names: &'a Names, token: &mut Presented<'a>) -> Option<&'a str> {
    let mut repeated = None;
    for piece in strip::pieces_of_args(args) {
        for (slot, name) in token.values.iter_mut().zip(names.iter()) {
            let Some(value) = strip::arg_value(piece, name.as_bytes()) else {
                continue;
            };
            if slot.is_some() {
                repeated = repeated.or(Some(name));
            } else {
                *slot = Some(value);
            }
            break;
        }
    }
    repeated
}

/// Reads cookies or header lines, of which `value` gives the n-th of a name; gives the name of one that has
/// a second value, where that matters.
fn read_lines<'a>(
    names: &'a Names,
    which: Which,
    value: impl Fn(&str, usize) -> Option<&'a [u8]>,
    token: &mut Presented<'a>,
) -> Option<&'a str> {
    let mut repeated = None;
    for (slot, name) in token.values.iter_mut().zip(names.iter()) {
        *slot = value(name, which.nth);
        if which.repeated == Repeated::Malformed && slot.is_some() && value(name, 1).is_some() {
            repeated = repeated.or(Some(name));
        }
    }
    repeated
}

/// Whether the values that were read are a token.
fn complete<'a>(
    names: &Names,
    repeated: Option<&'a str>,
    which: Which,
    scheme: &Scheme,
    token: &mut Presented<'a>,
) -> Result<bool, Unreadable<'a>> {
    let Some(first) = token.value(0) else {
        return Ok(false);
    };
    if let (Some(name), Repeated::Malformed) = (repeated, which.repeated) {
        return Err(Unreadable::Twice(name));
    }
    if names.count() == 1 {
        token.split(first, scheme.joined);
        return Ok(true);
    }
    let mut named = scheme
        .carriers
        .iter()
        .take(names.count())
        .zip(&token.values);
    match named.find(|(carrier, value)| carrier.required && value.is_none()) {
        Some((carrier, _)) => Err(Unreadable::Without(carrier.role)),
        None => Ok(true),
    }
}

/// Everything a profile's tokens may be in: what is to be stripped from a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carriers {
    /// Names of query arguments.
    pub args: Vec<String>,
    /// Names of cookies.
    pub cookies: Vec<String>,
    /// Names of request headers (case-insensitive).
    pub headers: Vec<String>,
    /// Whether a path segment may be a token.
    pub path: bool,
}

impl Carriers {
    pub(crate) fn of(locations: &[TokenLocation]) -> Self {
        let mut carriers = Self::default();
        for location in locations {
            match location {
                TokenLocation::Query(names) => add(&mut carriers.args, names),
                TokenLocation::Cookie(names) => add(&mut carriers.cookies, names),
                TokenLocation::Header(names) => add(&mut carriers.headers, names),
                TokenLocation::Path => carriers.path = true,
            }
        }
        carriers
    }
}

fn add(list: &mut Vec<String>, names: &Names) {
    for name in names.iter() {
        if !list.iter().any(|one| one == name) {
            list.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schemes::scheme;

    fn location(word: &str, format: &str) -> Result<TokenLocation, String> {
        let word = LocationWord::parse(word).map_err(|error| error.to_string())?;
        word.resolve(scheme(format).unwrap())
            .map_err(|error| error.to_string())
    }

    fn names(token: &str, expiry: Option<&str>) -> Names {
        let names = [Some(token), expiry].into_iter().flatten();
        let names: Vec<&str> = names.collect();
        Names::parse(&names.join(",")).unwrap()
    }

    #[test]
    fn defaults_are_the_schemes_own() {
        let ss = names("ss_token", Some("ss_expiration"));
        assert_eq!(
            location("query", "scalesimple").unwrap(),
            TokenLocation::Query(ss.clone())
        );
        assert_eq!(
            location("cookie", "scalesimple").unwrap(),
            TokenLocation::Cookie(ss)
        );
        let headers = names("X-SS-Token", Some("X-SS-Expiration"));
        assert_eq!(
            location("header", "scalesimple").unwrap(),
            TokenLocation::Header(headers)
        );
        let args = names("md5", Some("expires"));
        assert_eq!(
            location("query", "secure_link").unwrap(),
            TokenLocation::Query(args)
        );
        assert_eq!(
            location("header", "secure_link").unwrap(),
            TokenLocation::Header(names("X-Secure-Link", None))
        );
        assert_eq!(
            location("path", "secure_link").unwrap(),
            TokenLocation::Path
        );
    }

    #[test]
    fn names_can_be_given() {
        assert_eq!(
            location("query=st", "scalesimple").unwrap(),
            TokenLocation::Query(names("st", None))
        );
        assert_eq!(
            location("cookie=t,e", "scalesimple").unwrap(),
            TokenLocation::Cookie(names("t", Some("e")))
        );
    }

    #[test]
    fn bad_words_are_refused() {
        for word in ["", "body", "Query", "path=x", "=x"] {
            assert_eq!(
                location(word, "scalesimple").unwrap_err(),
                format!(
                    "unknown place \"{word}\" in \"from\" directive, it must be \"query\", \"cookie\", \"header\" or \"path\""
                )
            );
        }
        for word in [
            "query=",
            "query=,e",
            "query=t,",
            "query=t,t",
            "query=a,b,c",
            "header=a b",
            "cookie=a;b",
        ] {
            assert_eq!(
                location(word, "scalesimple").unwrap_err(),
                format!("invalid names \"{word}\" in \"from\" directive")
            );
        }
    }

    #[test]
    fn framing_headers_carry_no_token() {
        for (word, name) in [
            ("header=Host", "Host"),
            ("header=x,content-length", "content-length"),
            ("header=TRANSFER-ENCODING", "TRANSFER-ENCODING"),
            ("header=connection,x", "connection"),
        ] {
            let error = location(word, "scalesimple").unwrap_err();
            let start = format!("header \"{name}\" in \"from\" cannot carry a token, ");
            assert!(error.starts_with(&start), "{error}");
        }
        for word in ["query=Host", "cookie=Host,Connection", "header=X-Host"] {
            assert!(location(word, "scalesimple").is_ok(), "{word}");
        }
    }

    #[test]
    fn carriers_list_every_name_once() {
        let locations = ["query", "query=ss_token", "cookie=c", "header", "path"]
            .map(|w| location(w, "scalesimple").unwrap());
        let carriers = Carriers::of(&locations);
        assert_eq!(carriers.args, ["ss_token", "ss_expiration"]);
        assert_eq!(carriers.cookies, ["c"]);
        assert_eq!(carriers.headers, ["X-SS-Token", "X-SS-Expiration"]);
        assert!(carriers.path);
    }
}
