//! Changes of a route in JSON: a merge patch (RFC 7396) of a route, of one backend, and a document of many.

use super::error::At;
use super::file::FileReader;
use super::json::{self, Json};
use super::reads::Take;
use super::{Backend, Key, Match, Route, RouteError, Secret};
use std::collections::HashMap;

/// A merge patch of one route, read but not applied.
#[derive(Clone, Debug)]
pub struct RoutePatch(Json);

impl RoutePatch {
    /// Reads a patch from its text.
    ///
    /// # Errors
    /// Not JSON, or a repeated member at the top.
    pub fn parse(text: &[u8]) -> Result<Self, RouteError> {
        Json::parse(text).map(Self)
    }

    /// Whether it removes the route.
    #[must_use]
    pub fn removes(&self) -> bool {
        self.0 == Json::Null
    }

    /// The route that `current` becomes; None: it is removed. `keys` that the patch does not name stay. `at` is the
    /// patch's own pointer.
    ///
    /// # Errors
    /// What is wrong with the patch or with the route that it makes, and where.
    pub fn apply(self, current: Option<&Route>, at: &str) -> Result<Option<Route>, RouteError> {
        if self.removes() {
            return Ok(None);
        }
        let at = At::Top(at);
        let (mut patch, mut keys) = (json::object(self.0, at)?, None);
        if let Some(place) = patch.iter().position(|(name, _)| name == "keys") {
            keys = Some(patch.swap_remove(place).1);
        }
        let base = match current {
            Some(route) => route_json(route)?,
            None => Json::Null,
        };
        let merged = merge(base, Json::Object(patch), at)?;
        let mut route = json::route(merged, at)?;
        let before = current.map(|route| route.keys.clone()).unwrap_or_default();
        route.keys = match keys {
            None => before,
            Some(patch) => merge_keys(before, patch, at)?,
        };
        Ok(Some(route))
    }
}

/// A route's JSON but for its `keys`.
fn route_json(route: &Route) -> Result<Json, RouteError> {
    let mut text = Vec::new();
    route.write_json(&mut text);
    Json::parse(&text)
}

/// Merges a patch as RFC 7396 section 2 says. A member that comes twice is refused.
fn merge(target: Json, patch: Json, at: At<'_>) -> Result<Json, RouteError> {
    if !matches!(patch, Json::Object(_)) {
        return Ok(patch);
    }
    let patch = json::object(patch, at)?;
    let members = match target {
        Json::Object(members) => members,
        _ => Vec::new(),
    };
    let mut places: HashMap<String, usize> = HashMap::with_capacity(members.len());
    let mut merged: Vec<Option<(String, Json)>> = Vec::with_capacity(members.len());
    for (name, value) in members {
        places.insert(name.clone(), merged.len());
        merged.push(Some((name, value)));
    }
    for (name, value) in patch {
        let place = places.get(&name).and_then(|place| merged.get_mut(*place));
        match (place, value) {
            (None, Json::Null) => {}
            (Some(place), Json::Null) => *place = None,
            (Some(place), value) => {
                let before = place.take().map_or(Json::Null, |(_, value)| value);
                let merged = merge(before, value, At::Member(&at, &name))?;
                *place = Some((name, merged));
            }
            (None, value) => {
                let value = merge(Json::Null, value, At::Member(&at, &name))?;
                merged.push(Some((name, value)));
            }
        }
    }
    Ok(Json::Object(merged.into_iter().flatten().collect()))
}

/// The secrets of a route after a patch of them.
fn merge_keys(
    before: Vec<(String, Secret)>,
    patch: Json,
    at: At<'_>,
) -> Result<Vec<(String, Secret)>, RouteError> {
    let at = At::Member(&at, "keys");
    if patch == Json::Null {
        return Ok(Vec::new());
    }
    let mut after = before;
    let mut named = Vec::new();
    for (name, value) in json::object(patch, at)? {
        after.retain(|(known, _)| *known != name);
        if value != Json::Null {
            named.push((name, value));
        }
    }
    after.extend(json::secrets(json::strings(Json::Object(named), at)?));
    json::check_keys(&after, at)?;
    Ok(after)
}

/// A merge patch of one backend.
#[derive(Clone, Debug)]
pub struct BackendPatch(Json);

impl BackendPatch {
    /// Reads a patch from its text.
    ///
    /// # Errors
    /// Not JSON, or no object.
    pub fn parse(text: &[u8]) -> Result<Self, RouteError> {
        match Json::parse(text)? {
            patch @ Json::Object(_) => Ok(Self(patch)),
            _ => Err(RouteError::new("not an object", "")),
        }
    }

    /// What `current` becomes; it stays the same backend.
    ///
    /// # Errors
    /// What is wrong with the patch, and where.
    pub fn apply(&self, current: &Backend) -> Result<Backend, RouteError> {
        let mut text = Vec::new();
        current.write_object(&mut text);
        let merged = merge(Json::parse(&text)?, self.0.clone(), At::Top(""))?;
        let mut patched = json::backend_object(merged, At::Top(""))?;
        // What the JSON does not say.
        patched.options.proxy = current.options.proxy;
        patched.options.protocol = current.options.protocol;
        if patched.is_at(current) {
            Ok(patched)
        } else {
            let text = "another backend: remove this one, and add that";
            Err(RouteError::new(text, "/url"))
        }
    }
}

/// Reads one backend, a URL or an object.
///
/// # Errors
/// As [`super::parse_route`].
pub fn parse_backend(text: &[u8]) -> Result<Backend, RouteError> {
    json::backend(Json::parse(text)?, At::Top(""))
}

/// One member of a document of patches.
#[derive(Clone, Debug)]
pub struct PatchEntry {
    /// The key in normal form.
    pub key: Key,
    /// What is to become of its route.
    pub patch: RoutePatch,
    /// Where it stands in the document (JSON pointer).
    pub pointer: String,
}

/// Reads a document of patches piece by piece: `{KEY: patch, …}`, or that below `routes` as in the file.
#[derive(Debug)]
pub struct PatchReader(FileReader);

/// Takes each patch of a document; its error ends the reading.
pub type PatchSink<'f> = dyn FnMut(PatchEntry) -> Result<(), RouteError> + 'f;

/// Makes patches of members.
struct Patches<'s, 'f>(&'s mut PatchSink<'f>);

impl Take for Patches<'_, '_> {
    fn knows(&mut self, _: &Key, _: &[u8]) -> bool {
        false
    }

    fn take(&mut self, key: Key, json: Json, pointer: String) -> Result<(), RouteError> {
        self.0(PatchEntry {
            key,
            patch: RoutePatch(json),
            pointer,
        })
    }
}

impl PatchReader {
    /// A reader at the start of a document for a table with this `match`.
    #[must_use]
    pub fn new(mode: Match) -> Self {
        Self(FileReader::of_patches(mode))
    }

    /// Reads the next bytes, see [`FileReader::feed`].
    ///
    /// # Errors
    /// What is wrong and where, or the sink's error.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut PatchSink<'_>) -> Result<(), RouteError> {
        self.0.feed_json(bytes, &mut Patches(sink))
    }

    /// Whether the document may end here.
    ///
    /// # Errors
    /// It ended too early.
    pub fn check_end(&self) -> Result<(), RouteError> {
        self.0.check_end()
    }

    /// The keys so far, of a document that is not read on: to free them piece by piece.
    #[must_use]
    pub fn into_keys(self) -> super::KeySet {
        self.0.into_keys()
    }
}
