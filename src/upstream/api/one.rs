//! One route, and what else is read or set at once.

use super::gate::{Call, Expected};
use super::problem::{Problem, head, json};
use crate::upstream::balance::say_back;
use gatehouse_live::table::{Refused, tell, url_of};
use gatehouse_nginx::Request;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::api::{ETag, Query};
use gatehouse_table::route::{Backend, Key, Route, parse_backend_place};
use gatehouse_table::table::{By, What};

/// The key that a path names.
pub(super) fn key(call: &Call<'_>, text: &[u8]) -> Result<Key, Problem> {
    if std::str::from_utf8(text).is_err() {
        return Err(Problem::new(400, "invalid_key", "the key is not UTF-8"));
    }
    Ok(Key::parse(text, call.table.mode())?)
}

/// A route with its tag.
pub(super) fn reply(status: u16, route: &Route, tag: ETag) -> Reply {
    let mut text = Vec::new();
    route.write_json(&mut text);
    text.push(b'\n');
    json(status, text).header("ETag", &tag.to_string())
}

/// `GET /KEY`
pub(super) fn show(r: Request<'_>, call: &Call<'_>, text: &[u8]) -> Result<Reply, Problem> {
    Query::parse(r.args(), &[])?;
    let key = key(call, text)?;
    let routes = call.table.routes().ok_or(Refused::NoTable)?;
    let found = call.table.shared().current(&key)?;
    let (taken, version) = found.ok_or_else(Problem::no_route)?;
    let tag = ETag(routes.own_number(), version);
    if Expected::of(r).is_known(tag) {
        return Ok(head(304).header("ETag", &tag.to_string()).bytes(""));
    }
    Ok(reply(200, &taken.view().written(), tag))
}

/// The backend that `url=` names.
pub(super) fn backend(r: Request<'_>) -> Result<Backend, Problem> {
    let query = Query::parse(r.args(), &["url"])?;
    let missing = || Problem::new(400, "invalid_argument", "missing argument \"url\"");
    let url = query.url.ok_or_else(missing)?;
    parse_backend_place(&url).map_err(|why| Problem::new(400, "invalid_argument", why))
}

/// There is no such backend in the route.
pub(super) fn no_backend() -> Problem {
    Problem::new(404, "no_backend", "the route has no backend of this URL")
}

/// `POST /KEY/backends/reset?url=URL`
pub(super) fn reset(r: Request<'_>, call: &Call<'_>, text: &[u8]) -> Result<Reply, Problem> {
    let (key, wanted) = (key(call, text)?, backend(r)?);
    let routes = call.table.routes().ok_or(Refused::NoTable)?;
    let found = call.table.shared().current(&key)?;
    let (taken, _) = found.ok_or_else(Problem::no_route)?;
    let view = taken.view();
    let mut found = false;
    for backend in view.backends().filter(|one| one.endpoint().is_of(&wanted)) {
        found = true;
        if let Some(peer) = routes.peer(backend.peer()) {
            let is_down = peer.probe().is_some_and(|probe| !probe.up);
            let was_out = is_down || peer.is_out(call.table.passive());
            peer.reset();
            if let Some(answers) = call.table.answers() {
                answers.forget_tally(backend.peer());
            }
            if was_out {
                let (up, by) = (true, By::Reset);
                let (what, url) = (What::Health { up, by }, url_of(&backend));
                say_back(r, call.table.name(), &url);
                tell(call.table.shared(), what, url);
            }
        }
    }
    if !found {
        return Err(no_backend());
    }
    Ok(Reply::new(204)
        .header("Cache-Control", "no-store")
        .bytes(""))
}
