//! What the API answers when it does not do what is asked: a status, and a JSON object that says why.

use gatehouse_live::table::Refused;
use gatehouse_live::table::redis::Unwritten;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::api::QueryError;
use gatehouse_table::route::{KeyError, RouteError, write_text};
use gatehouse_table::table::{ApplyError, Owner};

/// Why a request is not done.
pub(crate) struct Problem {
    status: u16,
    code: &'static str,
    message: String,
    /// The JSON pointer of the fault in the body.
    pointer: Option<String>,
    header: Option<(&'static str, &'static str)>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            pointer: None,
            header: None,
        }
    }

    /// The same with a header line.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The same about a place in the body.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// There is nothing at this path.
    pub(crate) fn nowhere() -> Self {
        Self::new(404, "unknown_path", "there is nothing at this path")
    }

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

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut out = b"{\"error\":{\"code\":".to_vec();
        write_text(problem.code, &mut out);
        out.extend_from_slice(b",\"message\":");
        write_text(&problem.message, &mut out);
        if let Some(pointer) = &problem.pointer {
            out.extend_from_slice(b",\"pointer\":");
            write_text(pointer, &mut out);
        }
        out.extend_from_slice(b"}}\n");
        let mut reply = json(problem.status, out);
        if let Some((name, value)) = problem.header {
            reply = reply.header(name, value);
        }
        reply
    }
}

/// A reply with a JSON text.
pub(crate) fn json(status: u16, text: Vec<u8>) -> Reply {
    head(status).bytes(text)
}

/// The headers that every JSON reply has.
pub(crate) fn head(status: u16) -> Reply {
    Reply::new(status)
        .header("Content-Type", "application/json")
        .header("Cache-Control", "no-store")
        .header("X-Content-Type-Options", "nosniff")
}
