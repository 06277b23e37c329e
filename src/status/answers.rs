//! The answers of a location with `gatehouse_status`.

use crate::problem::Problem;
use crate::{page, report};
use gatehouse_nginx::Request;
use gatehouse_nginx::http::body::Body;
use gatehouse_nginx::http::content::{Answer, Content};
use gatehouse_nginx::http::reply::Reply;
use gatehouse_table::api::{Place, place};

const ALLOWED: &str = "GET, HEAD, OPTIONS";

pub(super) struct Answers;

impl Content for Answers {
    const NAME: &'static str = "answering about this nginx";

    fn body_limit(_: Request<'_>) -> Option<u64> {
        None
    }

    fn run(r: Request<'_>, _: Body<'_>) -> Answer {
        serve(r).unwrap_or_else(Reply::from).into()
    }
}

fn serve(r: Request<'_>) -> Result<Reply, Problem> {
    let report = match place(r.location(), r.uri(), r.target()) {
        Place::All if page::is_wanted(r) => return Ok(page::reply(r)),
        Place::All if r.method() == b"OPTIONS" => return Ok(options()),
        Place::Report(report) => report,
        _ => return Err(Problem::nowhere()),
    };
    match r.method() {
        b"GET" | b"HEAD" => report::answer(r, report),
        b"OPTIONS" => Ok(options()),
        _ => {
            let text = "this can only be read";
            Err(Problem::new(405, "method_not_allowed", text).with("Allow", ALLOWED))
        }
    }
}

fn options() -> Reply {
    Reply::new(204).header("Allow", ALLOWED).bytes("")
}
