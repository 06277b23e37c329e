//! Changes of one route: what is to become of it.

use super::conf::ROUTE_MAX;
use super::gate::{Call, Method};
use super::one;
use super::problem::Problem;
use gatehouse_nginx::Request;
use gatehouse_nginx::http::body::{Body, BodyError};
use gatehouse_table::api::Query;
use gatehouse_table::check::own::asks;
use gatehouse_table::route::{
    Backend, BackendPatch, Key, Route, RoutePatch, parse_backend, parse_route,
};

/// What is to be done with a route.
pub(super) enum Edit {
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
) -> Result<(Key, Edit), Problem> {
    Query::parse(r.args(), &[])?;
    let key = one::key(call, text)?;
    let edit = match call.method {
        Method::Put => Edit::Put(parse_route(bytes(body)?)?),
        Method::Patch => Edit::Patch(RoutePatch::parse(bytes(body)?)?),
        _ => Edit::Remove,
    };
    Ok((key, edit))
}

/// `POST`, `PATCH`, `DELETE /KEY/backends`
pub(super) fn backends(
    r: Request<'_>,
    call: &Call<'_>,
    text: &[u8],
    body: Body<'_>,
) -> Result<(Key, Edit), Problem> {
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
    Ok((key, edit))
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

/// Refuses a route that asks for checks where the table makes none: nobody would make them. What it has asked for
/// already (its table had a `check` line then) may stay. `at` is the route's JSON pointer.
pub(super) fn check_asked(
    has_check: bool,
    before: Option<&str>,
    after: Option<&Route>,
    at: &str,
) -> Result<(), Problem> {
    let asked = after.and_then(|route| route.check.as_deref());
    if has_check || !asks(asked) || asked == before {
        return Ok(());
    }
    let text = "the table has no \"check\" line, so that nobody would check the backends";
    Err(Problem::new(400, "invalid_route", text).at(format!("{at}/check")))
}

impl Edit {
    /// What becomes of a route.
    pub(super) fn apply(&self, before: Option<Route>) -> Result<Option<Route>, Problem> {
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
