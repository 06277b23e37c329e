//! A route in JSON: read strictly, each error with the JSON pointer of its cause.

use super::check::{Over, Own};
use super::error::{At, one_of};
use super::options;
use super::url::{BareUrl, finished, parse_backend_url, parse_bare_url, parse_service, parse_sni};
use super::{Backend, MAX_BACKENDS, MAX_ID, MAX_VARS, Route, RouteError, Secret};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// JSON as written: unlike `serde_json::Value` it keeps repeated members, so that they can be refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value and nothing after it. Depth is bounded by `serde_json` (128).
    pub(super) fn parse(text: &[u8]) -> Result<Self, RouteError> {
        serde_json::from_slice(text).map_err(|e| {
            let message = e.to_string();
            let message = message
                .rsplit_once(" at line ")
                .map_or(message.as_str(), |(m, _)| m);
            let message = if e.is_eof() {
                "unfinished value"
            } else {
                message
            };
            RouteError::syntax(message, e.line(), e.column())
        })
    }

    /// The value as text again, for `meta`.
    fn to_value(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Number(n) => Value::Number(n.clone()),
            Self::String(s) => Value::String(s.clone()),
            Self::Array(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_value()))
                    .collect(),
            ),
        }
    }
}

struct JsonVisitor;

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(entry) = map.next_entry()? {
            members.push(entry);
        }
        Ok(Json::Object(members))
    }
}

/// Reads one route from its JSON text.
///
/// # Errors
/// Not JSON (with line and column), an unknown or repeated member, a wrong type or value (with its JSON pointer).
pub fn parse_route(text: &[u8]) -> Result<Route, RouteError> {
    route(Json::parse(text)?, At::Top(""))
}

/// A route from JSON already read; `at` is its pointer.
pub(super) fn route(json: Json, at: At<'_>) -> Result<Route, RouteError> {
    let mut route = Route::default();
    let mut has_backends = false;
    for (name, value) in object(json, at)? {
        let here = At::Member(&at, &name);
        match name.as_str() {
            "id" => route.id = Some(bounded(string(value, here)?, MAX_ID, here)?),
            "backends" => {
                has_backends = true;
                route.backends = backends(value, here)?;
            }
            "vars" => route.vars = strings(value, here)?,
            "keys" => route.keys = secrets(strings(value, here)?),
            "meta" => route.meta = Some(meta(&value, here)?),
            "check" => route.check = check(value, here)?,
            _ => return Err(unknown(&name, ROUTE_MEMBERS, here)),
        }
    }
    if !has_backends {
        return Err(RouteError::new("missing member \"backends\"", at));
    }
    route.id = route.id.filter(|id| !id.is_empty());
    Ok(route)
}

fn backends(json: Json, at: At<'_>) -> Result<Vec<Backend>, RouteError> {
    let Json::Array(items) = json else {
        return Err(RouteError::new("not an array", at));
    };
    if items.len() > MAX_BACKENDS {
        return Err(RouteError::new(
            format!("more than {MAX_BACKENDS} backends"),
            at,
        ));
    }
    items
        .into_iter()
        .enumerate()
        .map(|(i, item)| backend(item, At::Element(&at, i)))
        .collect()
}

pub(super) fn backend(json: Json, at: At<'_>) -> Result<Backend, RouteError> {
    match json {
        Json::String(url) => parse_backend_url(&url, true).map_err(|why| RouteError::new(why, at)),
        Json::Object(_) => backend_object(json, at),
        _ => Err(RouteError::new("neither a string nor an object", at)),
    }
}

pub(super) fn backend_object(json: Json, at: At<'_>) -> Result<Backend, RouteError> {
    let mut members = object(json, at)?;
    let Some(index) = members.iter().position(|(name, _)| name == "url") else {
        return Err(RouteError::new("missing member \"url\"", at));
    };
    let here = At::Member(&at, "url");
    let url = string(members.swap_remove(index).1, here)?;
    let bare = parse_bare_url(&url).map_err(|why| RouteError::new(why, here))?;
    let BareUrl {
        mut backend,
        has_port,
    } = bare;
    for (name, value) in members {
        let here = At::Member(&at, &name);
        match name.as_str() {
            "weight" => backend.weight = weight(&value, here)?,
            "backup" => backend.backup = boolean(&value, here)?,
            "drain" => backend.drain = boolean(&value, here)?,
            "sni" => {
                backend.sni = Some(
                    parse_sni(&string(value, here)?).map_err(|why| RouteError::new(why, here))?,
                )
            }
            "service" => {
                let text = string(value, here)?;
                let service = parse_service(&text).map_err(|why| RouteError::new(why, here))?;
                backend.service = Some(service);
            }
            "max_conns" => {
                let most = options::max_conns(number(&value));
                backend.options.max_conns = most.map_err(|why| RouteError::new(why, here))?;
            }
            "slow_start" => {
                let time = options::slow_start(&string(value, here)?);
                backend.options.slow_start_ms = time.map_err(|why| RouteError::new(why, here))?;
            }
            _ => return Err(unknown(&name, BACKEND_MEMBERS, here)),
        }
    }
    finished(backend, has_port).map_err(|why| RouteError::new(why, at))
}

const ROUTE_MEMBERS: &[&str] = &["id", "backends", "vars", "keys", "meta", "check"];
const BACKEND_MEMBERS: &[&str] = &[
    "url",
    "weight",
    "backup",
    "drain",
    "sni",
    "service",
    "max_conns",
    "slow_start",
];

/// Refuses a member, and says which ones there are.
pub(super) fn unknown(name: &str, known: &[&str], at: At<'_>) -> RouteError {
    let known = one_of(known);
    RouteError::new(format!("unknown member \"{name}\", it must be {known}"), at)
}

/// The members of an object, each name once.
pub(super) fn object(json: Json, at: At<'_>) -> Result<Vec<(String, Json)>, RouteError> {
    let Json::Object(members) = json else {
        return Err(RouteError::new("not an object", at));
    };
    match first_repeated(&members) {
        None => Ok(members),
        Some(name) => Err(RouteError::new(
            format!("duplicate member \"{name}\""),
            At::Member(&at, name),
        )),
    }
}

/// A name that an earlier member has. A few are compared one by one: that is the fastest, and most objects have a few.
fn first_repeated(members: &[(String, Json)]) -> Option<&str> {
    const FEW: usize = 8;
    let names = || members.iter().map(|(name, _)| name.as_str());
    if members.len() <= FEW {
        let is_repeated = |(index, name): &(usize, &str)| names().take(*index).any(|n| n == *name);
        return names().enumerate().find(is_repeated).map(|(_, name)| name);
    }
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    names().find(|name| !seen.insert(*name))
}

fn string(json: Json, at: At<'_>) -> Result<String, RouteError> {
    match json {
        Json::String(text) => Ok(text),
        _ => Err(RouteError::new("not a string", at)),
    }
}

fn boolean(json: &Json, at: At<'_>) -> Result<bool, RouteError> {
    match json {
        Json::Bool(value) => Ok(*value),
        _ => Err(RouteError::new("neither true nor false", at)),
    }
}

fn weight(json: &Json, at: At<'_>) -> Result<u16, RouteError> {
    match number(json).and_then(|n| u16::try_from(n).ok()) {
        Some(n) if n > 0 => Ok(n),
        _ => Err(RouteError::new("weight is not 1 to 65535", at)),
    }
}

fn number(json: &Json) -> Option<u64> {
    match json {
        Json::Number(n) => n.as_u64(),
        _ => None,
    }
}

fn bounded(text: String, max: usize, at: At<'_>) -> Result<String, RouteError> {
    if text.len() <= max {
        Ok(text)
    } else {
        Err(RouteError::new(format!("longer than {max} bytes"), at))
    }
}

/// An object of strings, all together at most [`MAX_VARS`] bytes.
pub(super) fn strings(json: Json, at: At<'_>) -> Result<Vec<(String, String)>, RouteError> {
    let mut total: usize = 0;
    let mut list = Vec::new();
    for (name, value) in object(json, at)? {
        let value = string(value, At::Member(&at, &name))?;
        total = total.saturating_add(name.len()).saturating_add(value.len());
        list.push((name, value));
    }
    if total > MAX_VARS {
        return Err(RouteError::new(format!("longer than {MAX_VARS} bytes"), at));
    }
    Ok(list)
}

pub(super) fn secrets(strings: Vec<(String, String)>) -> Vec<(String, Secret)> {
    strings
        .into_iter()
        .map(|(name, value)| (name, Secret::new(value)))
        .collect()
}

/// The bound of [`strings`], for secrets that come from two places.
pub(super) fn check_keys(keys: &[(String, Secret)], at: At<'_>) -> Result<(), RouteError> {
    let lengths = keys
        .iter()
        .map(|(name, value)| name.len().saturating_add(value.text().len()));
    if lengths.fold(0, usize::saturating_add) > MAX_VARS {
        return Err(RouteError::new(format!("longer than {MAX_VARS} bytes"), at));
    }
    Ok(())
}

/// How a route is checked, as the text that a table keeps; none where nothing is said.
fn check(json: Json, at: At<'_>) -> Result<Option<String>, RouteError> {
    if json == Json::Bool(false) {
        return Ok(Some(Own::Off.to_string()));
    }
    if !matches!(json, Json::Object(_)) {
        return Err(RouteError::new("neither false nor an object", at));
    }
    let mut over = Over::default();
    for (word, value) in object(json, at)? {
        let here = At::Member(&at, &word);
        let value = match word.as_str() {
            "rise" | "fall" => number(&value).map_or_else(String::new, |count| count.to_string()),
            known if Over::WORDS.contains(&known) => string(value, here)?,
            _ => return Err(unknown(&word, Over::WORDS, here)),
        };
        let set = over.set(&word, &value, options::milliseconds);
        set.map_err(|why| RouteError::new(why, here))?;
    }
    let checked = over.check();
    checked.map_err(|(word, why)| RouteError::new(why, At::Member(&at, word)))?;
    let text = Own::Over(Box::new(over)).to_string();
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn meta(json: &Json, at: At<'_>) -> Result<String, RouteError> {
    match json {
        Json::Object(_) => bounded(json.to_value().to_string(), MAX_VARS, at),
        _ => Err(RouteError::new("not an object", at)),
    }
}

/// Whether a route may have this text as its `meta`.
#[must_use]
pub fn is_meta(text: &str) -> bool {
    text.len() <= MAX_VARS && matches!(Json::parse(text.as_bytes()), Ok(Json::Object(_)))
}
