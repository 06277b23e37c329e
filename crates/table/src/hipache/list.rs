//! The list of a route.

use crate::route::{Backend, MAX_BACKENDS, MAX_ID, Route, parse_backend_url};
use std::fmt;

/// Most elements of a list.
pub const MAX_ELEMENTS: usize = 4096;

/// Most bytes of an element that are shown.
const SHOWN: usize = 200;

/// A route as a list says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The route.
    pub route: Route,
    /// For each URL of the list its backend in the route; None where it is left out. Marks count by this.
    pub positions: Vec<Option<usize>>,
    /// The elements that are left out.
    pub faults: Vec<Fault>,
}

/// An element that is left out, and nothing else with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which one, counted from 0 as Redis does.
    pub element: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at element {}, left out", self.why, self.element)
    }
}

/// Reads a list: the identifier, then URLs.
///
/// # Errors
/// Why it is no route at all.
pub fn read_list<'e>(elements: impl IntoIterator<Item = &'e [u8]>) -> Result<List, String> {
    let mut list = List::default();
    for (element, bytes) in elements.into_iter().enumerate() {
        if element >= MAX_ELEMENTS {
            return Err(format!("list is longer than {MAX_ELEMENTS} elements"));
        }
        let read = if element == 0 {
            identifier(bytes).map(|id| list.route.id = id)
        } else {
            let backend = url(bytes).and_then(|backend| place(&mut list.route, backend));
            list.positions.push(backend.as_ref().ok().copied());
            backend.map(|_| ())
        };
        if let Err(why) = read {
            list.faults.push(Fault { element, why });
        }
    }
    Ok(list)
}

fn identifier(bytes: &[u8]) -> Result<Option<String>, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= MAX_ID => Ok(Some(text.to_owned()).filter(|id| !id.is_empty())),
        Ok(_) => Err(format!("identifier is longer than {MAX_ID} bytes")),
        Err(_) => Err("identifier is not UTF-8".into()),
    }
}

/// A backend's URL. As in hipache, a path means nothing.
fn url(bytes: &[u8]) -> Result<Backend, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "URL is not UTF-8".to_owned())?;
    let (address, options) = match text.split_once('#') {
        Some((address, options)) => (address, Some(options)),
        None => (text, None),
    };
    let mut plain = without_path(address).to_owned();
    if let Some(options) = options.filter(|options| !options.is_empty()) {
        plain.push('#');
        plain.push_str(options);
    }
    parse_backend_url(&plain, true).map_err(|why| shortened(&why))
}

/// `http://host:port` of `http://host:port/path?query`.
fn without_path(address: &str) -> &str {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address;
    };
    if rest.starts_with("unix:") {
        return address;
    }
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let length = scheme.len().saturating_add(3).saturating_add(authority);
    address.get(..length).unwrap_or(address)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Adds a backend to the route, or its weight to that of the same one: its number.
fn place(route: &mut Route, backend: Backend) -> Result<usize, String> {
    let same = |known: &&mut Backend| {
        let weight = known.weight;
        **known
            == Backend {
                weight,
                ..backend.clone()
            }
    };
    let number = route.backends.len();
    if let Some((number, known)) = (0..).zip(&mut route.backends).find(|(_, b)| same(b)) {
        known.weight = known.weight.saturating_add(backend.weight);
        return Ok(number);
    }
    if number >= MAX_BACKENDS {
        return Err(format!("more than {MAX_BACKENDS} backends"));
    }
    route.backends.push(backend);
    Ok(number)
}

/// Why a route has no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable {
    /// The JSON pointer of what hipache's schema has no place for.
    pub pointer: String,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" cannot be kept in redis", self.pointer)
    }
}

impl std::error::Error for Unwritable {}

/// The list of a route: [`read_list`] of it gives the route back.
///
/// # Errors
/// The schema has an identifier and backends, and no place for anything else.
pub fn write_list(route: &Route) -> Result<Vec<String>, Unwritable> {
    for (member, is_there) in [
        ("vars", !route.vars.is_empty()),
        ("keys", !route.keys.is_empty()),
        ("meta", route.meta.is_some()),
        ("check", route.check.is_some()),
    ] {
        if is_there {
            let pointer = format!("/{member}");
            return Err(Unwritable { pointer });
        }
    }
    let mut list = vec![route.id.clone().unwrap_or_default()];
    for (number, backend) in route.backends.iter().enumerate() {
        if backend.options.are_unwritten() {
            let pointer = format!("/backends/{number}");
            return Err(Unwritable { pointer });
        }
        list.push(written(backend));
    }
    Ok(list)
}

fn written(backend: &Backend) -> String {
    let mut options = Vec::new();
    if backend.weight != 1 {
        options.push(format!("weight={}", backend.weight));
    }
    if backend.backup {
        options.push("backup=1".to_owned());
    }
    if backend.drain {
        options.push("drain=1".to_owned());
    }
    if let Some(sni) = &backend.sni {
        options.push(format!("sni={sni}"));
    }
    if let Some(service) = &backend.service {
        options.push(format!("service={service}"));
    }
    if backend.options.max_conns != 0 {
        options.push(format!("max_conns={}", backend.options.max_conns));
    }
    if backend.options.slow_start_ms != 0 {
        options.push(format!("slow_start={}", backend.options.slow_start()));
    }
    let sign = if options.is_empty() { "" } else { "#" };
    format!("{}{sign}{}", backend.url(), options.join("&"))
}
