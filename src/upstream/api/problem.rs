//! Why the API does not do what is asked.

pub(crate) use crate::problem::{Problem, head, json};

use gatehouse_live::table::Refused;
use gatehouse_live::table::redis::Unwritten;
use gatehouse_table::api::QueryError;
use gatehouse_table::route::{KeyError, RouteError};
use gatehouse_table::table::{ApplyError, Owner};

impl Problem {
    /// There is no route of this key.
    pub(crate) fn no_route() -> Self {
        Self::new(404, "no_route", "there is no route of this key")
    }

    /// The route is not what the request's conditions say.
    pub(crate) fn condition() -> Self {
        let text = "what is there is not what If-Match or If-None-Match says";
        Self::new(412, "precondition_failed", text)
    }

    pub(crate) fn busy() -> Self {
        Self::from(Refused::Busy)
    }

    pub(crate) fn no_memory() -> Self {
        Self::from(Refused::NoMemory)
    }

    /// The key's route is somebody else's.
    pub(crate) fn foreign(owner: Owner) -> Self {
        let code = match owner {
            Owner::File => "owned_by_file",
            Owner::Api => "owned_by_api",
            Owner::Registration => "owned_by_registration",
            Owner::Redis => "owned_by_redis",
        };
        Self::new(409, code, ApplyError::Foreign(owner).to_string())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        let later = |code| Self::new(503, code, text.as_str()).with("Retry-After", "1");
        match refused {
            Refused::Condition => Self::condition(),
            Refused::Busy => later("busy"),
            Refused::NoMemory => later("no_memory"),
            Refused::NoTable => later("no_table"),
            Refused::Table(ApplyError::Superseded) => later("superseded"),
            Refused::Table(ApplyError::Foreign(owner)) => Self::foreign(owner),
            Refused::Table(ApplyError::Full) => Self::new(507, "zone_full", text),
            Refused::Table(ApplyError::TooBig) => Self::new(400, "invalid_route", text),
        }
    }
}

impl From<Unwritten> for Problem {
    fn from(why: Unwritten) -> Self {
        let text = why.to_string();
        match why {
            Unwritten::Away(_) => {
                Self::new(503, "store_unavailable", text).with("Retry-After", "1")
            }
            Unwritten::Unknown(_) => {
                Self::new(503, "outcome_unknown", text).with("Retry-After", "1")
            }
            Unwritten::Full(_) => Self::new(507, "store_full", text),
            Unwritten::Forbidden(_) => Self::new(403, "store_refused", text),
        }
    }
}

impl From<RouteError> for Problem {
    fn from(error: RouteError) -> Self {
        match error.position {
            Some(_) => Self::new(400, "invalid_json", error.to_string()),
            None => Self::new(400, "invalid_route", error.message).at(error.pointer),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::new(400, "invalid_key", error.to_string())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::new(400, "invalid_argument", error.0)
    }
}
