//! `upstream_api`: the routes of a table over HTTP.

mod bulk;
mod conf;
mod edit;
mod editing;
mod events;
mod filter;
pub(super) mod gate;
mod health;
mod list;
mod names;
mod one;
pub(super) mod problem;
mod stored;
mod stored_bulk;

pub(super) use conf::Api;

use super::conf::use_table;
use crate::words::{answer_location, below_location, duplicate};
use crate::{Gatehouse, Loc as Locations, keys, page, report};
use conf::{BODY_MAX, ROUTE_MAX};
use edit::Edit;
use gate::{Call, Method};
use gatehouse_base::words;
use gatehouse_nginx::http::body::Body;
use gatehouse_nginx::http::content::{Answer, Content};
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Conf, Error, Merging, Request};
use gatehouse_table::api::{Place, place};
use gatehouse_table::route::Key;
use problem::Problem;
use std::cell::OnceCell;
use std::rc::Rc;

/// Reads an `upstream_api` directive.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    answer_location(cf)?;
    below_location(cf, "/_apps/")?;
    let given = cf.words()?;
    let (mut write, mut key, mut body_max) = (None, None, None);
    for word in given.iter().skip(2) {
        let twice = match word.split_once('=') {
            Some(("write", value)) => write.replace(flag(cf, value)?).is_some(),
            Some(("key_file", path)) if !path.is_empty() => {
                key.replace(keys::read_bearer(cf, path)?).is_some()
            }
            Some(("body_max", size)) => {
                let size = cf.size(size).map_err(|_| cf.invalid(word))?;
                body_max.replace(size as u64).is_some()
            }
            _ => return Err(cf.invalid_parameter(word)),
        };
        if twice {
            return Err(duplicate(cf, word));
        }
    }
    let table = use_table(cf, given.get(1).cloned().unwrap_or_default());
    let write = write.unwrap_or(false);
    let main = &mut cf.main().upstream;
    if write {
        main.writers.push(Rc::clone(&table));
    }
    let hosts = main.hosts();
    cf.loc().upstream.api = Some(Rc::new(Api {
        table,
        write,
        key,
        body_max: body_max.unwrap_or(BODY_MAX),
        hosts,
        resolver: OnceCell::new(),
    }));
    cf.content::<Answers>();
    Ok(())
}

fn flag(cf: &Conf<'_, Gatehouse>, value: &str) -> Result<bool, Error> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        other => {
            Err(words::invalid(other, &format!("write\" of \"{}", cf.name()), ["on", "off"]).into())
        }
    }
}

/// Completes a location: its `if` and `limit_except` answer as it does.
pub(super) fn merge(
    cf: &mut Merging<'_, Gatehouse>,
    parent: &Locations,
    child: &mut Locations,
) -> Result<(), Error> {
    if child.upstream.api.is_none() && cf.is_part_of_location() {
        child.upstream.api.clone_from(&parent.upstream.api);
        if child.upstream.api.is_some() {
            cf.content::<Answers>();
        }
    }
    if let Some(api) = &child.upstream.api {
        cf.leave_body_size_to_content();
        if api.write && api.resolver.get().is_none() {
            let _ = api.resolver.set(cf.resolver()?);
        }
    }
    Ok(())
}

/// The answers of a location with `upstream_api`.
pub(super) struct Answers;

impl Content for Answers {
    const NAME: &'static str = "answering an API request";

    fn body_limit(r: Request<'_>) -> Option<u64> {
        // A request that is refused anyway has its body thrown away.
        let call = gate::admit(r).ok()?;
        match (&call.place, call.method) {
            (_, Method::Get | Method::Head | Method::Options | Method::Delete) => None,
            (Place::All, _) => Some(call.api.body_max),
            _ => Some(call.api.body_max.min(ROUTE_MAX)),
        }
    }

    fn too_large(_: Request<'_>) -> Reply {
        Problem::new(413, "too_large", "the body is too large").into()
    }

    fn run(r: Request<'_>, body: Body<'_>) -> Answer {
        // There is nothing in the page that needs the key: it asks for that itself.
        if page::is_wanted(r) && place(r.location(), r.uri(), r.target()) == Place::All {
            return page::reply(r).into();
        }
        let answer = gate::admit(r).and_then(|call| serve(r, &call, body));
        answer.unwrap_or_else(|problem| Reply::from(problem).into())
    }
}

fn serve(r: Request<'_>, call: &Call<'_>, body: Body<'_>) -> Result<Answer, Problem> {
    use Method::{Delete, Get, Head, Options, Patch, Post, Put};
    match (&call.place, call.method) {
        (_, Options) => {
            let mut reply = Reply::new(204).header("Allow", call.allowed());
            let name = call.table.name();
            // A header line has no other characters.
            if call.place == Place::All && name.bytes().all(|b| b.is_ascii_graphic()) {
                reply = reply.header("Gatehouse-Table", name);
            }
            Ok(reply.bytes("").into())
        }
        (Place::All, Get | Head) => list::all(r, call).map(Answer::from),
        (Place::All, Patch) => match call.table.store() {
            Some(store) => stored_bulk::patch(r, call, Rc::clone(store), body),
            None => bulk::patch(r, call, body),
        },
        (Place::Route(key), Get | Head) => one::show(r, call, key).map(Answer::from),
        (Place::Route(key), Put | Patch | Delete) => {
            Ok(change(r, call, edit::route(r, call, key, body)?))
        }
        (Place::Backends(key), Post | Patch | Delete) => {
            Ok(change(r, call, edit::backends(r, call, key, body)?))
        }
        (Place::Reset(key), Post) => one::reset(r, call, key).map(Answer::from),
        (Place::Health, Get | Head) => health::show(r, call).map(Answer::from),
        (Place::Events, Get | Head) => events::follow(r, call).map(Answer::from),
        (Place::Report(of), Get | Head) => report::answer(r, *of).map(Answer::from),
        _ => Err(Problem::nowhere()),
    }
}

/// Changes a route, in the store if there is one.
fn change(r: Request<'_>, call: &Call<'_>, (key, edit): (Key, Edit)) -> Answer {
    match call.table.store() {
        Some(store) => stored::begin(r, call, Rc::clone(store), key, edit),
        None => editing::begin(r, call, key, edit),
    }
}
