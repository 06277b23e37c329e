//! Where a token may be in a request, and what the signer signed of its URL.

use super::strip::{self, PathToken};
use super::{Check, Error, Presented, Received, Repeated, Scheme};
use gatehouse_base::words;

/// What carries a token: one name, or one for the token and one for its expiry. With one name the value
/// is `token,expiry` or the token alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// What carries the token.
    pub token: String,
    /// What carries the expiry, when it does not share a value with the token.
    pub expiry: Option<String>,
}

impl Names {
    fn default_of((token, expiry): super::DefaultNames) -> Self {
        Self {
            token: token.to_owned(),
            expiry: expiry.map(str::to_owned),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (token, expiry) = match text.split_once(',') {
            None => (text, None),
            Some((token, expiry)) => (token, Some(expiry)),
        };
        let good = is_name(token) && expiry.is_none_or(is_name) && expiry != Some(token);
        good.then(|| Self {
            token: token.to_owned(),
            expiry: expiry.map(str::to_owned),
        })
    }

    fn iter(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.token).chain(&self.expiry)
    }

    fn is_arg(&self, piece: &[u8]) -> bool {
        self.iter()
            .any(|name| strip::arg_value(piece, name.as_bytes()).is_some())
    }
}

/// What argument, cookie and header names have in common: a subset of RFC 9110's token.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}

/// One place of a `from` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Query arguments.
    Query(Names),
    /// Cookies.
    Cookie(Names),
    /// Request headers.
    Header(Names),
    /// The first path segment that has the form of a token.
    Path,
}

/// A word of a `from` line; its default names are filled in once the scheme is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlaceWord {
    kind: Kind,
    names: Option<Names>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Query,
    Cookie,
    Header,
    Path,
}

impl PlaceWord {
    pub(super) fn parse(word: &str) -> Result<Self, Error> {
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
                return Err(Error::new(words::unknown("place", word, "from", legal)));
            }
        };
        let names = names
            .map(|text| {
                Names::parse(text).ok_or_else(|| {
                    Error::new(format!("invalid names \"{word}\" in \"from\" directive"))
                })
            })
            .transpose()?;
        if kind == Kind::Header {
            names.iter().try_for_each(refuse_framing)?;
        }
        Ok(Self { kind, names })
    }

    pub(super) fn resolve(&self, scheme: &Scheme) -> Place {
        let names = |default| {
            self.names
                .clone()
                .unwrap_or_else(|| Names::default_of(default))
        };
        match self.kind {
            Kind::Query => Place::Query(names(scheme.carriers.query)),
            Kind::Cookie => Place::Cookie(names(scheme.carriers.cookie)),
            Kind::Header => Place::Header(names(scheme.carriers.header)),
            Kind::Path => Place::Path,
        }
    }

    /// The places of a profile without a `from` line.
    pub(super) fn defaults() -> Vec<Self> {
        [Kind::Query, Kind::Cookie, Kind::Header]
            .map(|kind| Self { kind, names: None })
            .into()
    }
}

/// Headers by which nginx finds the end of a request and whom it is for: without them the rest would
/// be another request than the one that was checked.
const FRAMING: [&str; 4] = ["Connection", "Content-Length", "Host", "Transfer-Encoding"];

fn refuse_framing(names: &Names) -> Result<(), Error> {
    let framing = |name: &&String| FRAMING.iter().any(|one| one.eq_ignore_ascii_case(name));
    names.iter().find(framing).map_or(Ok(()), |name| {
        Err(Error::new(format!(
            "header \"{name}\" in \"from\" cannot carry a token, nginx reads the request by it"
        )))
    })
}

/// Why nothing is read of a token that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable<'a> {
    /// The expiry's own name is missing.
    NoExpiry,
    /// This name comes twice.
    Twice(&'a str),
    /// It is in no place that the signed URL has: `..` has taken it out of the path.
    Cancelled,
}

/// What a place of a request holds.
pub(super) enum Found<'a> {
    /// No token.
    Nothing,
    /// A token that cannot be read.
    Malformed(Unreadable<'a>),
    /// A token.
    Token(Presented<'a>),
}

impl Place {
    pub(super) fn find<'a>(
        &'a self,
        rx: &'a dyn Received,
        repeated: Repeated,
        check: &dyn Check,
    ) -> Found<'a> {
        let target = rx.target();
        match self {
            Self::Query(names) => {
                let values = query_values(strip::args_of(target), names);
                found(
                    names,
                    repeated,
                    values,
                    SignedUrl::WithoutArgs { target, names },
                )
            }
            Self::Cookie(names) => {
                let values = Values::of(names, |name, n| rx.cookie(name.as_bytes(), n));
                found(names, repeated, values, SignedUrl::Whole(target))
            }
            Self::Header(names) => {
                let values = Values::of(names, |name, n| rx.header(name, n));
                found(names, repeated, values, SignedUrl::Whole(target))
            }
            Self::Path => {
                let is_token = |segment: &[u8]| check.is_path_token(segment);
                match strip::find_path_token(target, is_token) {
                    None => Found::Nothing,
                    // A signature of another path than the one that is served opens nothing.
                    Some(_) if check.signs_target() && !rx.serves_target() => {
                        Found::Malformed(Unreadable::Cancelled)
                    }
                    Some(found) => combined(found.token, SignedUrl::WithoutSegment(found)),
                }
            }
        }
    }
}

/// The first values of a token and its expiry.
#[derive(Default)]
struct Values<'a> {
    token: Option<&'a [u8]>,
    expiry: Option<&'a [u8]>,
    /// The name of the one that has a second value.
    repeated: Option<&'a str>,
}

impl<'a> Values<'a> {
    fn of(names: &'a Names, value: impl Fn(&str, usize) -> Option<&'a [u8]>) -> Self {
        let expiry = names.expiry.as_deref();
        let twice = |name: &&str| value(name, 1).is_some();
        Self {
            token: value(&names.token, 0),
            expiry: expiry.and_then(|name| value(name, 0)),
            repeated: Some(names.token.as_str())
                .filter(twice)
                .or_else(|| expiry.filter(twice)),
        }
    }
}

/// The token and the expiry among query arguments, in one pass.
fn query_values<'a>(args: &'a [u8], names: &'a Names) -> Values<'a> {
    let mut values = Values::default();
    for piece in strip::pieces_of_args(args) {
        let value = |name: &'a str| Some((name, strip::arg_value(piece, name.as_bytes())?));
        let expiry = names.expiry.as_deref();
        let (slot, (name, value)) = match (value(&names.token), expiry.and_then(value)) {
            (Some(token), _) => (&mut values.token, token),
            (None, Some(expiry)) => (&mut values.expiry, expiry),
            (None, None) => continue,
        };
        if slot.is_some() {
            values.repeated.get_or_insert(name);
        } else {
            *slot = Some(value);
        }
    }
    values
}

fn found<'a>(
    names: &Names,
    repeated: Repeated,
    values: Values<'a>,
    url: SignedUrl<'a>,
) -> Found<'a> {
    let Some(token) = values.token else {
        return Found::Nothing;
    };
    if let (Some(name), Repeated::Malformed) = (values.repeated, repeated) {
        return Found::Malformed(Unreadable::Twice(name));
    }
    match (&names.expiry, values.expiry) {
        (None, _) => combined(token, url),
        (Some(_), None) => Found::Malformed(Unreadable::NoExpiry),
        (Some(_), expiry) => Found::Token(Presented { token, expiry, url }),
    }
}

/// A token and its expiry in one value.
fn combined<'a>(value: &'a [u8], url: SignedUrl<'a>) -> Found<'a> {
    let mut halves = value.splitn(2, |byte| *byte == b',');
    let token = halves.next().unwrap_or_default();
    Found::Token(Presented {
        token,
        expiry: halves.next(),
        url,
    })
}

/// The request target as the signer saw it.
pub(super) enum SignedUrl<'a> {
    Whole(&'a [u8]),
    WithoutArgs { target: &'a [u8], names: &'a Names },
    WithoutSegment(PathToken<'a>),
}

impl<'a> SignedUrl<'a> {
    /// Gives `emit` the pieces of the URL, in order.
    pub(super) fn each(&self, mut emit: impl FnMut(&'a [u8])) {
        match self {
            Self::Whole(target) => emit(target),
            Self::WithoutArgs { target, names } => {
                if !strip::kept_target(target, |piece| names.is_arg(piece), &mut emit) {
                    emit(target);
                }
            }
            Self::WithoutSegment(found) => {
                emit(found.before);
                emit(found.after);
            }
        }
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
    pub(super) fn of(places: &[Place]) -> Self {
        let mut carriers = Self::default();
        for place in places {
            match place {
                Place::Query(names) => add(&mut carriers.args, names),
                Place::Cookie(names) => add(&mut carriers.cookies, names),
                Place::Header(names) => add(&mut carriers.headers, names),
                Place::Path => carriers.path = true,
            }
        }
        carriers
    }
}

fn add(list: &mut Vec<String>, names: &Names) {
    for name in names.iter() {
        if !list.contains(name) {
            list.push(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scheme;
    use super::*;

    fn place(word: &str, format: &str) -> Result<Place, String> {
        let word = PlaceWord::parse(word).map_err(|error| error.to_string())?;
        Ok(word.resolve(scheme(format).unwrap()))
    }

    fn names(token: &str, expiry: Option<&str>) -> Names {
        Names {
            token: token.into(),
            expiry: expiry.map(Into::into),
        }
    }

    #[test]
    fn defaults_are_the_schemes_own() {
        let ss = names("ss_token", Some("ss_expiration"));
        assert_eq!(
            place("query", "scalesimple").unwrap(),
            Place::Query(ss.clone())
        );
        assert_eq!(place("cookie", "scalesimple").unwrap(), Place::Cookie(ss));
        let headers = names("X-SS-Token", Some("X-SS-Expiration"));
        assert_eq!(
            place("header", "scalesimple").unwrap(),
            Place::Header(headers)
        );
        let args = names("md5", Some("expires"));
        assert_eq!(place("query", "secure_link").unwrap(), Place::Query(args));
        assert_eq!(
            place("header", "secure_link").unwrap(),
            Place::Header(names("X-Secure-Link", None))
        );
        assert_eq!(place("path", "secure_link").unwrap(), Place::Path);
    }

    #[test]
    fn names_can_be_given() {
        assert_eq!(
            place("query=st", "scalesimple").unwrap(),
            Place::Query(names("st", None))
        );
        assert_eq!(
            place("cookie=t,e", "scalesimple").unwrap(),
            Place::Cookie(names("t", Some("e")))
        );
    }

    #[test]
    fn bad_words_are_refused() {
        for word in ["", "body", "Query", "path=x", "=x"] {
            assert_eq!(
                place(word, "scalesimple").unwrap_err(),
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
                place(word, "scalesimple").unwrap_err(),
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
            let error = place(word, "scalesimple").unwrap_err();
            let start = format!("header \"{name}\" in \"from\" cannot carry a token, ");
            assert!(error.starts_with(&start), "{error}");
        }
        for word in ["query=Host", "cookie=Host,Connection", "header=X-Host"] {
            assert!(place(word, "scalesimple").is_ok(), "{word}");
        }
    }

    #[test]
    fn carriers_list_every_name_once() {
        let places = ["query", "query=ss_token", "cookie=c", "header", "path"]
            .map(|w| place(w, "scalesimple").unwrap());
        let carriers = Carriers::of(&places);
        assert_eq!(carriers.args, ["ss_token", "ss_expiration"]);
        assert_eq!(carriers.cookies, ["c"]);
        assert_eq!(carriers.headers, ["X-SS-Token", "X-SS-Expiration"]);
        assert!(carriers.path);
    }
}
