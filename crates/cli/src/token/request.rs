//! The request a link stands for, as far as the arguments describe it.

use std::net::IpAddr;

use gatehouse_token::{
    Area, BadKey, InPath, Names, Profile, RequestView, TokenLocation, normal, strip,
};

use super::url::Url;

/// What a client would send, and what nginx would know about it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The URL, if one was given.
    pub(crate) url: Option<Url>,
    /// Header lines.
    pub(crate) headers: Vec<(String, String)>,
    /// The client's address.
    pub(crate) address: Option<IpAddr>,
    /// Variables whose values were given.
    pub(crate) variables: Vec<(String, String)>,
}

/// A value, or what is missing to know it.
type Value = Result<Vec<u8>, String>;

impl Request {
    fn target(&self) -> &str {
        self.url.as_ref().map_or("/", |url| &url.target)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.iter();
        lines
            .find(|line| line.0.eq_ignore_ascii_case(name))
            .map(|line| line.1.as_str())
    }

    /// The same request with a token in a location; it has a value for each of the scheme's carriers.
    pub(crate) fn carrying(
        &self,
        profile: &Profile,
        location: &TokenLocation,
        values: &[String],
    ) -> Self {
        let mut request = self.clone();
        match location {
            TokenLocation::Query(names) => {
                let mark = if self.target().contains('?') {
                    '&'
                } else {
                    '?'
                };
                let args = pairs(profile, names, values).join("&");
                request.set_target(format!("{}{mark}{args}", self.target()));
            }
            TokenLocation::Cookie(names) => {
                let cookies = pairs(profile, names, values).join("; ");
                request.headers.push(("Cookie".to_owned(), cookies));
            }
            TokenLocation::Header(names) => {
                let lines = pairs(profile, names, values);
                let lines = lines.iter().filter_map(|pair| pair.split_once('='));
                let lines =
                    lines.map(|(name, value)| (name.to_owned(), profile.in_header(name, value)));
                request.headers.extend(lines);
            }
            TokenLocation::Path => {
                let join = profile.scheme().path.map(|form| form.join);
                let segment = join.map_or(String::new(), |join| join(values));
                request.set_target(match self.target().split_once(HERE) {
                    Some((before, after)) => format!("{before}{segment}{after}"),
                    None => format!("/{segment}{}", self.target()),
                });
            }
        }
        request
    }

    fn set_target(&mut self, target: String) {
        self.url = self.url.take().map(|url| url.with_target(target));
    }

    /// What `--var` says.
    fn given(&self, name: &str) -> Option<&str> {
        let mut given = self.variables.iter();
        given
            .find(|given| given.0 == name)
            .map(|given| given.1.as_str())
    }

    /// The value of an nginx variable; its name is in lower case.
    fn variable(&self, profile: &Profile, name: &str) -> Value {
        if let Some(value) = self.given(name) {
            return Ok(value.as_bytes().to_vec());
        }
        let text = |text: &str| Ok(text.as_bytes().to_vec());
        let url = || self.url.as_ref().ok_or("give --url".to_owned());
        let origin = || {
            let origin = self.url.as_ref().and_then(|url| url.origin.as_ref());
            origin.ok_or("give a --url with scheme and host".to_owned())
        };
        let host = || match self.header("host") {
            Some(host) => Ok(host),
            None => origin().map(|(_, host)| host.as_str()),
        };
        let address = || self.address.ok_or("give --address".to_owned());
        match name {
            "uri" | "document_uri" => {
                let url = url()?;
                Ok(without_token(profile, &url.target, url.path()?))
            }
            "request_uri" => text(&url()?.target),
            "args" | "query_string" => text(url()?.args()),
            "is_args" => text(if url()?.args().is_empty() { "" } else { "?" }),
            "scheme" => text(&origin()?.0),
            "https" => text(if origin()?.0 == "https" { "on" } else { "" }),
            "http_host" => text(host()?),
            "server_port" => match (port(host()?), origin()?.0.as_str()) {
                (Some(port), _) => text(port),
                (None, "https") => text("443"),
                (None, _) => text("80"),
            },
            "host" => text(&without_port(host()?).to_ascii_lowercase()),
            "remote_addr" => text(&address()?.to_string()),
            "binary_remote_addr" => Ok(match address()? {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            }),
            _ => {
                if let Some(name) = name.strip_prefix("arg_") {
                    text(argument(url()?.args(), name))
                } else if let Some(name) = name.strip_prefix("cookie_") {
                    let lines = self.headers.iter();
                    let mut lines = lines.filter(|line| line.0.eq_ignore_ascii_case("cookie"));
                    let found = lines.find_map(|line| cookie(&line.1, name));
                    found
                        .map(|value| value.as_bytes().to_vec())
                        .ok_or_else(|| format!("give --header \"Cookie: {name}=…\""))
                } else if let Some(name) = name.strip_prefix("http_") {
                    let name = name.replace('_', "-");
                    let value = self.header(&name).map(|value| value.as_bytes().to_vec());
                    value.ok_or_else(|| format!("give --header \"{name}: …\""))
                } else {
                    Err(format!("give --var {name}=…"))
                }
            }
        }
    }

    /// The texts of a message with the values of their variables.
    ///
    /// # Errors
    /// All variables that have none, and what would give them one.
    pub(crate) fn texts(&self, profile: &Profile) -> Result<Vec<Vec<u8>>, String> {
        let mut unknown: Vec<String> = Vec::new();
        let mut values = Vec::new();
        for text in profile.message_texts() {
            let mut value = Vec::new();
            for piece in pieces(text)? {
                match piece {
                    Piece::Text(text) => value.extend_from_slice(text.as_bytes()),
                    Piece::Variable(name) => match self.variable(profile, &name) {
                        Ok(bytes) => value.extend_from_slice(&bytes),
                        Err(need) => unknown.push(format!("\"${name}\" ({need})")),
                    },
                }
            }
            values.push(value);
        }
        if unknown.is_empty() {
            return Ok(values);
        }
        // Only some tokens need them; those will be refused.
        if !profile.needs_message() {
            return Ok(Vec::new());
        }
        unknown.dedup();
        Err(format!(
            "the message has what the arguments do not say: {}",
            unknown.join(", ")
        ))
    }

    /// The variables of a message that another request has another value for.
    pub(crate) fn differing(&self, other: &Self, profile: &Profile) -> Vec<String> {
        variables(profile)
            .filter(|name| self.variable(profile, name) != other.variable(profile, name))
            .collect()
    }
}

/// The names of the variables in a profile's message, in lower case.
pub(crate) fn variables(profile: &Profile) -> impl Iterator<Item = String> {
    let pieces = profile
        .message_texts()
        .flat_map(|text| pieces(text).unwrap_or_default());
    pieces.filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name),
        Piece::Text(_) => None,
    })
}

/// The name of the variable that holds the expiry in a location where it has a name of its own.
pub(crate) fn expiry_variable(location: &TokenLocation) -> Option<String> {
    let prefix = match location {
        TokenLocation::Query(_) => "arg",
        TokenLocation::Cookie(_) => "cookie",
        TokenLocation::Header(_) => "http",
        TokenLocation::Path => return None,
    };
    let name = location.names()?.get(1)?.to_ascii_lowercase();
    Some(format!("{prefix}_{}", name.replace('-', "_")))
}

/// Where in a `--url` a path token goes.
const HERE: &str = "{token}";

/// `name=value` for each name.
fn pairs(profile: &Profile, names: &Names, values: &[String]) -> Vec<String> {
    let pairs = profile.scheme().pairs(names, values).into_iter();
    pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// As the module has it: a path token is no part of `$uri`.
fn without_token(profile: &Profile, target: &str, path: Vec<u8>) -> Vec<u8> {
    let mut room = vec![0; target.len()];
    match profile.in_path(target.as_bytes(), &path, &mut room) {
        InPath::Both { path, .. } => [path.before, path.after].concat(),
        InPath::Nowhere | InPath::Cancelled => path,
    }
}

fn without_port(host: &str) -> &str {
    let port = port(host).map_or(0, |port| port.len().saturating_add(1));
    host.get(..host.len().saturating_sub(port)).unwrap_or(host)
}

fn port(host: &str) -> Option<&str> {
    let (_, port) = host.rsplit_once(':')?;
    port.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(port)
}

/// `$arg_NAME`: nginx does not tell upper from lower case here.
fn argument<'a>(args: &'a str, name: &str) -> &'a str {
    let mut pairs = args.split('&').filter_map(|piece| piece.split_once('='));
    pairs
        .find(|pair| pair.0.eq_ignore_ascii_case(name))
        .map_or("", |pair| pair.1)
}

/// `$cookie_NAME`: nor here.
fn cookie<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = line.split(';').filter_map(|piece| piece.split_once('='));
    pairs
        .find(|pair| pair.0.trim().eq_ignore_ascii_case(name))
        .map(|pair| pair.1.trim())
}

enum Piece<'a> {
    Text(&'a str),
    Variable(String),
}

/// Takes apart what nginx calls a complex value.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        pieces.push(Piece::Text(before));
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').unwrap_or(("", braced)),
            None => after.split_at(after.find(|char| !is_name(char)).unwrap_or(after.len())),
        };
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!(
                "invalid variable name in the message, at \"${after}\""
            ));
        }
        pieces.push(Piece::Variable(name.to_ascii_lowercase()));
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// A request and the values of the message's texts, for the verifier.
pub(crate) struct View<'a> {
    /// Who reads it.
    pub(crate) profile: &'a Profile,
    /// The request.
    pub(crate) request: &'a Request,
    /// The values, in order.
    texts: Vec<Vec<u8>>,
    /// The path that nginx serves; none when it answers 400.
    path: Option<Vec<u8>>,
}

impl<'a> View<'a> {
    /// A request with the values of the message's texts.
    pub(crate) fn new(profile: &'a Profile, request: &'a Request, texts: Vec<Vec<u8>>) -> Self {
        let url = request.url.as_ref();
        let path = url.and_then(|url| {
            let path = url.path().ok()?;
            let is_plain = normal::is_as_spelled(url.target.as_bytes(), &path);
            is_plain.then(|| without_token(profile, &url.target, path))
        });
        Self {
            profile,
            request,
            texts,
            path,
        }
    }
}

impl RequestView for View<'_> {
    /// There are no routes: keys come from files.
    fn route_key(&self, _: usize, _: &mut dyn FnMut(&[u8]) -> Result<(), BadKey>) {}

    fn target(&self) -> &[u8] {
        self.request.target().as_bytes()
    }

    fn header(&self, name: &str, n: usize) -> Option<&[u8]> {
        let lines = self.request.headers.iter();
        let mut lines = lines.filter(|line| line.0.eq_ignore_ascii_case(name));
        lines.nth(n).map(|line| line.1.as_bytes())
    }

    fn cookie(&self, name: &[u8], n: usize) -> Option<&[u8]> {
        let lines = self.request.headers.iter();
        lines
            .filter(|line| line.0.eq_ignore_ascii_case("cookie"))
            .flat_map(|line| strip::cookies_called(line.1.as_bytes(), name))
            .nth(n)
    }

    fn serves_target(&self) -> bool {
        let path = self.request.url.as_ref().and_then(|url| url.path().ok());
        let path = path.unwrap_or_default();
        let target = self.target();
        let mut room = vec![0; target.len()];
        self.profile.in_path(target, &path, &mut room) != InPath::Cancelled
    }

    fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    fn address(&self) -> Option<IpAddr> {
        self.request.address
    }

    /// Never given back: a command ends soon.
    fn room(&self, len: usize) -> Option<&mut [u8]> {
        Some(vec![0; len].leak())
    }

    fn method(&self) -> &[u8] {
        self.request
            .given("request_method")
            .unwrap_or("GET")
            .as_bytes()
    }

    /// What `--var` says of the client, as the variables of geoip would.
    fn is_in(&self, area: Area<'_>) -> Option<bool> {
        let given = |name| self.request.given(name);
        match area {
            Area::Place(place) => {
                let country = given("geoip_country");
                let part = given("geoip_subdivision");
                (country.is_some() || part.is_some())
                    .then(|| [country, part].contains(&Some(place)))
            }
            Area::Network(number) => Some(given("geoip_asn")? == number.to_string()),
        }
    }

    fn message(&self, text: usize) -> Option<&[u8]> {
        self.texts.get(text).map(Vec::as_slice)
    }
}
