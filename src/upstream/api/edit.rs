//! Changes of one route.

use super::conf::ROUTE_MAX;
use super::gate::{Call, Expected, Method};
use super::names::Names;
use super::one;
use super::problem::Problem;
use gatehouse_live::table::{Condition, Refused, SharedTable, Wanted, change};
use gatehouse_nginx::http::body::{Body, BodyError};
use gatehouse_nginx::http::content::Answer;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::{ETag, Query};
use gatehouse_table::route::{
    Backend, BackendPatch, Key, Route, RoutePatch, parse_backend, parse_route,
};
use gatehouse_table::table::{Applied, Owner};
use std::rc::Rc;

/// What is to be done with a route.
enum Edit {
    Put(Route),
    Patch(RoutePatch),
    Remove,
    AddBackend(Backend),
    PatchBackend(Backend, BackendPatch),
    RemoveBackend(Backend),
}

/// `PUT`, `PATCH`, `DELETE /KEY`
pub(super) fn route(
    r: Request<'_>,
    call: &Call<'_>,
    text: &[u8],
    body: Body<'_>,
) -> Result<Answer, Problem> {
    Query::parse(r.args(), &[])?;
    let key = one::key(call, text)?;
    let edit = match call.method {
        Method::Put => Edit::Put(parse_route(bytes(body)?)?),
        Method::Patch => Edit::Patch(RoutePatch::parse(bytes(body)?)?),
        _ => Edit::Remove,
    };
    Ok(begin(r, call, key, edit))
}

/// `POST`, `PATCH`, `DELETE /KEY/backends`
pub(super) fn backends(
    r: Request<'_>,
    call: &Call<'_>,
    text: &[u8],
    body: Body<'_>,
) -> Result<Answer, Problem> {
    let key = one::key(call, text)?;
    let edit = match call.method {
        Method::Post => {
            Query::parse(r.args(), &[])?;
            Edit::AddBackend(parse_backend(bytes(body)?)?)
        }
        Method::Patch => {
            let backend = one::backend(r)?;
            Edit::PatchBackend(backend, BackendPatch::parse(bytes(body)?)?)
        }
        _ => Edit::RemoveBackend(one::backend(r)?),
    };
    Ok(begin(r, call, key, edit))
}

/// All of a short body.
fn bytes(body: Body<'_>) -> Result<&[u8], Problem> {
    body.bytes(ROUTE_MAX).map_err(Problem::from)
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::new(413, "too_large", error.to_string()),
            BodyError::Unreadable => {
                Self::new(503, "unreadable", error.to_string()).with("Retry-After", "1")
            }
            BodyError::NoMemory => Self::no_memory(),
        }
    }
}

fn begin(r: Request<'_>, call: &Call<'_>, key: Key, edit: Edit) -> Answer {
    let editing = Editing {
        table: Rc::clone(call.table.shared()),
        names: call.api.names(),
        expected: Expected::of(r),
        key,
        edit,
    };
    Answer::later(async move { editing.run().await.unwrap_or_else(Reply::from) })
}

/// How often a change is begun again because somebody else was quicker.
const ATTEMPTS: usize = 100;

/// A change under way.
struct Editing {
    table: Rc<SharedTable<Zone>>,
    names: Names,
    expected: Expected,
    key: Key,
    edit: Edit,
}

impl Editing {
    /// Reads the route, makes the new one of it, and puts that in its place if it is still the same.
    async fn run(mut self) -> Result<Reply, Problem> {
        for _ in 0..ATTEMPTS {
            let number = self.table.routes().ok_or(Refused::NoTable)?.own_number();
            let stored = self.table.current(&self.key)?;
            let version = stored.as_ref().map(|(_, version)| *version);
            self.expected
                .check(version.map(|version| ETag(number, version)))?;
            let view = stored.as_ref().map(|(taken, _)| taken.view());
            if let Some(owner) = view.and_then(|view| view.owner()) {
                if owner != Owner::Api {
                    return Err(Problem::foreign(owner));
                }
            }
            let before = stored.as_ref().map(|(taken, _)| taken.written());
            let after = self.edit.apply(before)?;
            let is_whole = matches!(self.edit, Edit::Put(_));
            let resolved = match &after {
                Some(route) => Some(
                    self.names
                        .resolve(&self.key, route, view, !is_whole, "")
                        .await?,
                ),
                None => None,
            };
            let made = change(
                &*self.table,
                Wanted {
                    key: &self.key,
                    owner: Owner::Api,
                    only_if: match version {
                        _ if is_whole && !self.expected.is_any() => Condition::Any,
                        Some(version) => Condition::Is(version),
                        None => Condition::Absent,
                    },
                    route: resolved.as_ref(),
                },
            );
            let made = match made.await {
                Err(Refused::Condition) => continue,
                made => made?,
            };
            return Ok(match (&after, made.version) {
                (Some(route), Some(version)) => {
                    let is_new = made.applied == Applied::Created
                        || matches!(self.edit, Edit::AddBackend(_));
                    one::reply(if is_new { 201 } else { 200 }, route, ETag(number, version))
                }
                _ => Reply::new(204)
                    .header("Cache-Control", "no-store")
                    .bytes(""),
            });
        }
        Err(Problem::busy())
    }
}

impl Edit {
    /// What becomes of a route.
    fn apply(&self, before: Option<Route>) -> Result<Option<Route>, Problem> {
        if let Self::Put(route) = self {
            return Ok(Some(route.clone()));
        }
        let mut route = before.ok_or_else(Problem::no_route)?;
        match self {
            Self::Put(_) | Self::Remove => return Ok(None),
            Self::Patch(patch) => return Ok(patch.clone().apply(Some(&route), "")?),
            Self::AddBackend(backend) => {
                if route.backends.iter().any(|one| one.is_at(backend)) {
                    let text = "the route has this backend already, PATCH changes it";
                    return Err(Problem::new(409, "backend_exists", text));
                }
                if route.backends.len() >= gatehouse_table::route::MAX_BACKENDS {
                    let text = "the route has as many backends as a route may have";
                    return Err(Problem::new(400, "invalid_route", text));
                }
                route.backends.push(backend.clone());
            }
            Self::PatchBackend(backend, patch) => {
                let mut any = false;
                for one in route.backends.iter_mut().filter(|one| one.is_at(backend)) {
                    *one = patch.apply(one)?;
                    any = true;
                }
                if !any {
                    return Err(one::no_backend());
                }
            }
            Self::RemoveBackend(backend) => {
                let count = route.backends.len();
                route.backends.retain(|one| !one.is_at(backend));
                if route.backends.len() == count {
                    return Err(one::no_backend());
                }
            }
        }
        Ok(Some(route))
    }
}
