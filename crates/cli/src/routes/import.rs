//! Brings the API's routes to what a file says, by merge patches of what differs.

use std::collections::BTreeMap;
use std::path::Path;

use gatehouse_table::route::{Match, Route, parse_route};
use serde_json::{Map, Value, json};

use super::change::all;
use super::client::Client;
use super::files::read;
use crate::{Failure, Outcome, files};

/// Bytes of one request, about: below the `body_max` that the API has unless it says otherwise.
const PART: usize = 4 << 20;
/// Routes of one request, at most: a store does nothing else while it takes them.
const ROUTES: usize = 1_000;

pub(super) fn import(
    client: &Client,
    path: &Path,
    prune: bool,
    as_json: bool,
) -> Result<Outcome, Failure> {
    let text = read(path)?;
    let wanted: Value =
        serde_json::from_str(&text).map_err(|error| files::refused(path, &error))?;
    let Value::Object(wanted) = wanted else {
        return Err(files::refused(path, &"not an object"));
    };
    let wanted =
        routes_of(wanted).ok_or_else(|| files::refused(path, &"\"routes\" is no object"))?;
    let mut there = Map::new();
    // A store owns all routes of a table that follows it.
    for owner in ["api", "redis"] {
        let answer = client.send("GET", &all(Some(owner)), None)?.json()?;
        let routes = answer.get("routes").and_then(Value::as_object);
        there.extend(routes.cloned().unwrap_or_default());
    }
    let patches = patches(path, there, wanted, prune)?;
    let mut done = BTreeMap::from(["created", "replaced", "removed"].map(|name| (name, 0)));
    for part in parts(patches) {
        let answer = client.send("PATCH", "", Some(&part))?.json()?;
        for (name, count) in &mut done {
            let more = answer.get(*name).and_then(Value::as_u64);
            *count = more.unwrap_or(0).saturating_add(*count);
        }
    }
    let text = if as_json {
        format!("{}\n", json!(done))
    } else {
        let said = done.iter().map(|(name, count)| format!("{count} {name}"));
        format!("{}\n", said.collect::<Vec<_>>().join(", "))
    };
    Ok(Outcome::done(text))
}

/// The routes of a document in either form.
fn routes_of(mut document: Map<String, Value>) -> Option<Map<String, Value>> {
    if !document.contains_key("version") && !document.contains_key("routes") {
        return Some(document);
    }
    match document.remove("routes") {
        Some(Value::Object(routes)) => Some(routes),
        _ => None,
    }
}

/// What has to be sent, by key.
fn patches(
    path: &Path,
    mut there: Map<String, Value>,
    wanted: Map<String, Value>,
    prune: bool,
) -> Result<Vec<(String, Value)>, Failure> {
    let mut patches = Vec::new();
    for (key, route) in wanted {
        let normal = normal_key(&key);
        let current = there.remove(&normal).or_else(|| there.remove(&key));
        let keys = route.get("keys").cloned();
        let target = normal_form(&route)
            .map_err(|error| files::refused(path, &format!("{error} in the route \"{key}\"")))?;
        let mut patch = match &current {
            Some(current) => difference(current, &target),
            None => target,
        };
        // They are write-only: nobody can tell whether they differ.
        if let (Some(keys), Value::Object(members)) = (keys, &mut patch) {
            members.insert("keys".into(), keys);
        }
        if current.is_none() || patch != json!({}) {
            patches.push((key, patch));
        }
    }
    if prune {
        patches.extend(there.into_iter().map(|(key, _)| (key, Value::Null)));
    }
    Ok(patches)
}

/// A host in the form in which the API lists it.
fn normal_key(key: &str) -> String {
    let key = gatehouse_table::route::Key::parse(key.as_bytes(), Match::Host);
    let bytes = key.map(|key| key.as_bytes().to_vec()).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// A route in the spelling of the API.
fn normal_form(route: &Value) -> Result<Value, String> {
    let route: Route = parse_route(route.to_string().as_bytes()).map_err(|e| e.to_string())?;
    let mut text = Vec::new();
    route.write_json(&mut text);
    serde_json::from_slice(&text).map_err(|e| e.to_string())
}

/// The merge patch (RFC 7396) that makes `to` of `from`.
fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in after {
        match before.get(name) {
            Some(old) if old == value => {}
            Some(old) => {
                patch.insert(name.clone(), difference(old, value));
            }
            None => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

/// The documents to be sent.
fn parts(patches: Vec<(String, Value)>) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut part, mut count) = (String::new(), 0_usize);
    for (key, patch) in patches {
        let member = format!("{}:{patch}", Value::from(key));
        let is_full = part.len().saturating_add(member.len()) > PART || count >= ROUTES;
        if is_full && !part.is_empty() {
            parts.push(format!("{{{part}}}"));
            part.clear();
            count = 0;
        }
        count = count.saturating_add(1);
        if !part.is_empty() {
            part.push(',');
        }
        part.push_str(&member);
    }
    if !part.is_empty() {
        parts.push(format!("{{{part}}}"));
    }
    parts
}
