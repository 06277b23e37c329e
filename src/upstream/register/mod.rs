//! `upstream_register`: backends that add themselves to a table, and stay as long as they say so.

mod change;
mod conf;
mod hold;
mod own;
mod renewal;

pub(super) use conf::Register;

use super::api::gate::{authorize, check_sender};
use super::api::problem::{Problem, json};
use super::table::UpstreamTable;
use crate::words::answer_location;
use crate::{Gatehouse, Loc as Locations};
use change::Target;
use conf::{SHORTEST_MS, Who};
use gatehouse_live::table::{Act, Outcome, Unregistered};
use gatehouse_nginx::http::body::Body;
use gatehouse_nginx::http::content::{Answer, Content};
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Conf, Error, Merging, Request};
use gatehouse_table::api::is_json;
use gatehouse_table::registration::{Wish, check_place};
use gatehouse_table::route::{Key, write_text};
use hold::Hold;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// Reads an `upstream_register` directive.
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    answer_location(cf)?;
    let register = Rc::new(conf::read(cf)?);
    let main = &mut cf.main().upstream;
    main.writers.push(Rc::clone(&register.table));
    main.registers.push(Rc::clone(&register.table));
    cf.loc().upstream.register = Some(register);
    cf.content::<Answers>();
    Ok(())
}

/// Completes a location: its `if` and `limit_except` answer as it does.
pub(super) fn merge(cf: &mut Merging<'_, Gatehouse>, parent: &Locations, child: &mut Locations) {
    if child.upstream.register.is_none() && cf.is_part_of_location() {
        child
            .upstream
            .register
            .clone_from(&parent.upstream.register);
        if child.upstream.register.is_some() {
            cf.content::<Answers>();
        }
    }
}

/// The answers of a location with `upstream_register`.
struct Answers;

impl Content for Answers {
    const NAME: &'static str = "answering a registration";

    fn body_limit(_: Request<'_>) -> Option<u64> {
        None
    }

    fn run(r: Request<'_>, _: Body<'_>) -> Answer {
        serve(r).unwrap_or_else(|problem| Reply::from(problem).into())
    }
}

const ALLOWED: &str = "OPTIONS, POST, DELETE";

fn serve(r: Request<'_>) -> Result<Answer, Problem> {
    let register = r.loc::<Gatehouse>().upstream.register.as_deref();
    let register = register.ok_or_else(Problem::nowhere)?;
    let main = &r.main_conf::<Gatehouse>().upstream;
    let table = main.table(&register.table).ok_or_else(Problem::nowhere)?;
    let is_anybody = admit(r, &register.who)?;
    let leaves = match r.method() {
        b"POST" => false,
        b"DELETE" => true,
        b"OPTIONS" => {
            let reply = Reply::new(204).header("Allow", ALLOWED);
            return Ok(reply.bytes("").into());
        }
        _ => {
            let text = "a registration is a POST, its end is a DELETE";
            return Err(Problem::new(405, "method_not_allowed", text).with("Allow", ALLOWED));
        }
    };
    check_sender(r, !is_anybody)?;
    if is_anybody && !leaves && !is_json(r.header(b"content-type"), false) {
        let text = "Content-Type must be application/json";
        return Err(Problem::new(415, "unsupported_media_type", text));
    }
    let wish = Wish::parse(r.args())?;
    if !register.hosts.allows(&wish.host) {
        let text = "this host may not be registered here";
        return Err(Problem::new(403, "host_not_allowed", text));
    }
    let at = SocketAddr::new(address(r)?, wish.port);
    let ttl_ms = wish.ttl_ms.unwrap_or(register.ttl_ms);
    let asked = Asked {
        target: Target {
            table: Rc::clone(table.shared()),
            store: table.store().cloned(),
        },
        host: wish.host,
        at,
        ttl_ms: ttl_ms.clamp(SHORTEST_MS, register.max_ttl_ms),
        hold: wish.hold,
    };
    if leaves {
        return Ok(Answer::later(async move {
            asked.leave().await.unwrap_or_else(Reply::from)
        }));
    }
    if own::is_own(at) {
        let text = "this nginx itself listens at this address and port";
        return Err(Problem::new(403, "own_listener", text));
    }
    let most = register.most;
    Ok(Answer::later(async move {
        asked.join(most).await.unwrap_or_else(Reply::from)
    }))
}

/// Whether the caller is anybody, and not one whose key or token was looked at.
fn admit(r: Request<'_>, who: &Who) -> Result<bool, Problem> {
    match who {
        Who::Key(key) => authorize(r, Some(key))?,
        Who::Token(judge) if judge.accepts(r) == Some(true) => {}
        Who::Token(_) => {
            let text = "this needs a token";
            return Err(Problem::new(401, "unauthorized", text).with("WWW-Authenticate", "Bearer"));
        }
        Who::Anybody => return Ok(true),
    }
    Ok(false)
}

/// Where the caller is, as nginx sees it.
fn address(r: Request<'_>) -> Result<IpAddr, Problem> {
    let refused = |text: String| Problem::new(403, "address_not_allowed", text);
    let ip = r
        .client()
        .ok_or_else(|| refused("the caller has no IP address".into()))?;
    check_place(ip).map_err(|why| refused(why.to_string()))
}

/// A request that may be served.
struct Asked {
    target: Target,
    host: Key,
    at: SocketAddr,
    ttl_ms: u64,
    hold: bool,
}

impl Asked {
    async fn join(self, most: usize) -> Result<Reply, Problem> {
        let ttl_ms = self.ttl_ms;
        let act = Act::Join { ttl_ms, most };
        let outcome = self.target.change(&self.host, self.at, act).await?;
        let Outcome::Joined { is_new, until_ms } = outcome else {
            return Err(Problem::busy());
        };
        let status = if is_new { 201 } else { 200 };
        let text = self.text();
        if !self.hold {
            return Ok(json(status, text));
        }
        let hold = Hold::new(self.target, self.host, self.at, ttl_ms, until_ms, text);
        Ok(super::api::problem::head(status)
            .header("X-Accel-Buffering", "no")
            .stream(hold))
    }

    async fn leave(self) -> Result<Reply, Problem> {
        let act = Act::Leave { until_ms: None };
        self.target.change(&self.host, self.at, act).await?;
        let reply = Reply::new(204).header("Cache-Control", "no-store");
        Ok(reply.bytes(""))
    }

    fn text(&self) -> Vec<u8> {
        let mut out = b"{\"host\":".to_vec();
        write_text(&String::from_utf8_lossy(self.host.as_bytes()), &mut out);
        out.extend_from_slice(b",\"backend\":");
        write_text(&format!("http://{}", self.at), &mut out);
        out.extend_from_slice(format!(",\"ttl_ms\":{}}}\n", self.ttl_ms).as_bytes());
        out
    }
}

impl From<Unregistered> for Problem {
    fn from(why: Unregistered) -> Self {
        match why {
            Unregistered::Refused(refused) => Self::from(refused),
            Unregistered::Unwritten(why) => Self::from(why),
            Unregistered::TooMany => {
                let text = "the host has as many backends as it may have";
                Self::new(409, "too_many_backends", text)
            }
            Unregistered::Gone => Self::new(
                404,
                "no_backend",
                "there is no such registration of this caller",
            ),
        }
    }
}

/// Whether registrations make sense in this table.
pub(super) fn accepts(table: &UpstreamTable) -> bool {
    table.mode() == gatehouse_table::route::Match::Host
}
