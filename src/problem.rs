//! What a location of ours answers when it does not do what is asked: a status, and a JSON object that says why.

use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::route::write_text;

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
