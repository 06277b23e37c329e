//! One route at a time.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::client::{Client, Reply};
use crate::http::encoded;
use crate::{Failure, Outcome};

pub(super) fn list(client: &Client, owner: Option<&str>, json: bool) -> Result<Outcome, Failure> {
    let document = client.send("GET", &all(owner), None)?.json()?;
    if json {
        return Ok(Outcome::done(format!("{document}\n")));
    }
    let routes = document.get("routes").and_then(Value::as_object);
    let mut text = String::new();
    for (key, route) in routes.into_iter().flatten() {
        let backends = route.get("backends").and_then(Value::as_array);
        let shown: Vec<String> = backends.into_iter().flatten().map(shown).collect();
        let _ = writeln!(text, "{key}\t{}", shown.join(" "));
    }
    Ok(Outcome::done(text))
}

/// The path of all routes.
pub(super) fn all(owner: Option<&str>) -> String {
    owner.map_or(String::new(), |owner| format!("?owner={owner}"))
}

/// A backend in the short form.
fn shown(backend: &Value) -> String {
    let Value::Object(members) = backend else {
        return backend.as_str().unwrap_or_default().to_owned();
    };
    let url = members.get("url").and_then(Value::as_str);
    let mut text = url.unwrap_or_default().to_owned();
    let options = members.iter().filter(|(name, _)| *name != "url");
    for (number, (name, value)) in options.enumerate() {
        let value = match value {
            Value::Bool(set) => u8::from(*set).to_string(),
            Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        let _ = write!(
            text,
            "{}{name}={value}",
            if number == 0 { '#' } else { '&' }
        );
    }
    text
}

pub(super) fn get(client: &Client, key: &str, json: bool) -> Result<Outcome, Failure> {
    route_of(client.send("GET", &encoded(key), None)?, json)
}

/// A route that was answered with.
fn route_of(reply: Reply, json: bool) -> Result<Outcome, Failure> {
    let route = reply.json()?;
    Ok(Outcome::done(if json {
        format!("{route}\n")
    } else {
        format!("{route:#}\n")
    }))
}

/// A route of these backends.
pub(super) fn route(
    backends: &[String],
    id: Option<&str>,
    vars: &[String],
) -> Result<String, Failure> {
    let mut route = Map::new();
    if let Some(id) = id {
        route.insert("id".into(), id.into());
    }
    route.insert("backends".into(), json!(backends));
    let mut values = Map::new();
    for var in vars {
        let (name, value) = var
            .split_once('=')
            .ok_or_else(|| Failure::Wrong(format!("--var {var}: NAME=VALUE is needed")))?;
        values.insert(name.into(), value.into());
    }
    if !values.is_empty() {
        route.insert("vars".into(), values.into());
    }
    Ok(Value::from(route).to_string())
}

pub(super) fn put(client: &Client, key: &str, route: &str, json: bool) -> Result<Outcome, Failure> {
    let reply = client.send("PUT", &encoded(key), Some(route))?;
    if json {
        return route_of(reply, true);
    }
    Ok(Outcome::done(String::new()))
}

pub(super) fn remove(client: &Client, keys: &[String]) -> Result<Outcome, Failure> {
    for key in keys {
        let removed = client.send("DELETE", &encoded(key), None);
        removed.map_err(|failure| failure.about(key))?;
    }
    Ok(Outcome::done(String::new()))
}

pub(super) fn drain(client: &Client, key: &str, url: &str, json: bool) -> Result<Outcome, Failure> {
    set_drain(client, key, url, true, json)
}

pub(super) fn enable(
    client: &Client,
    key: &str,
    url: &str,
    json: bool,
) -> Result<Outcome, Failure> {
    let outcome = set_drain(client, key, url, false, json)?;
    let path = format!("{}/backends/reset?url={}", encoded(key), encoded(url));
    client.send("POST", &path, None)?;
    Ok(outcome)
}

fn set_drain(
    client: &Client,
    key: &str,
    url: &str,
    drain: bool,
    json: bool,
) -> Result<Outcome, Failure> {
    let path = format!("{}/backends?url={}", encoded(key), encoded(url));
    let patch = json!({ "drain": drain }).to_string();
    let reply = client.send("PATCH", &path, Some(&patch))?;
    if json {
        return route_of(reply, true);
    }
    Ok(Outcome::done(String::new()))
}
