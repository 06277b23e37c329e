//! Changes of one route of a table that follows a store: they are made there, and the table has them from there.
//!
//! What the store has is read and watched, the change is made of it, and the store takes that only if nothing has changed
//! meanwhile: of two nginx that change a route at the same time, the second one reads what the first one has written.

use super::edit::Edit;
use super::gate::{Call, Expected};
use super::one;
use super::problem::{Problem, json};
use gatehouse_live::table::redis::{
    Found, Session, Shown, StoreWriter, Transaction, version, wait_shown,
};
use gatehouse_live::table::{Refused, SharedTable};
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::ffi::process;
use gatehouse_nginx::http::content::Answer;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::ETag;
use gatehouse_table::hipache::{read_list, write_list};
use gatehouse_table::route::{Key, Route, Sought};
use gatehouse_table::table::{Owner, Prepared, resolve};
use std::rc::Rc;
use std::slice;
use std::time::Duration;

/// How long a change is tried again because somebody else was quicker, or because the table is behind its store.
const PATIENCE_MS: u64 = 5_000;
const PAUSE: Duration = Duration::from_millis(3);

/// Begins a change.
pub(super) fn begin(
    r: Request<'_>,
    call: &Call<'_>,
    store: Rc<StoreWriter>,
    key: Key,
    edit: Edit,
) -> Answer {
    let storing = Storing {
        table: Rc::clone(call.table.shared()),
        expected: Expected::of(r),
        store,
        key,
        edit,
    };
    Answer::later(async move { storing.run().await.unwrap_or_else(Reply::from) })
}

/// A change under way.
struct Storing {
    table: Rc<SharedTable<Zone>>,
    store: Rc<StoreWriter>,
    expected: Expected,
    key: Key,
    edit: Edit,
}

/// What is to be in the store: a list and the route that it says, or nothing.
pub(super) struct Target {
    pub(super) list: Vec<String>,
    pub(super) route: Option<Route>,
    /// It is there already.
    pub(super) is_there: bool,
}

impl Storing {
    async fn run(mut self) -> Result<Reply, Problem> {
        let until = process::now_ms().saturating_add(PATIENCE_MS);
        loop {
            if let Some(reply) = self.once().await? {
                return Ok(reply);
            }
            if process::now_ms() >= until {
                return Err(Problem::busy());
            }
            sleep(PAUSE).await;
        }
    }

    /// None: once more, soon.
    async fn once(&mut self) -> Result<Option<Reply>, Problem> {
        // First the table: that it is behind the store is seen when the store has been read.
        let number = self.table.routes().ok_or(Refused::NoTable)?.own_number();
        let known = self.table.current(&self.key)?.map(|(_, version)| version);
        self.expected
            .check(known.map(|version| ETag(number, version)))?;
        let mut session = self.store.session().await?;
        let found = session.read(slice::from_ref(&self.key)).await?.pop();
        let found = found.unwrap_or_default();
        if self.expected.is_any() && self.is_behind(&found, known)? {
            session.forget().await;
            return Ok(None);
        }
        let target = match self.target(&found).await {
            Ok(target) => target,
            Err(problem) => {
                session.forget().await;
                return Err(problem);
            }
        };
        let mut transaction = Transaction::default();
        if !target.is_there {
            write(&mut transaction, &self.store, &self.key, &found, &target);
        }
        // Also where nothing is to be written: what was read must still be so.
        if !session.commit(transaction).await? {
            return Ok(None);
        }
        let is_new = found.list.is_none() || matches!(self.edit, Edit::AddBackend(_));
        let reply = self.reply(&mut session, &target, is_new, number).await?;
        Ok(Some(reply))
    }

    /// Whether the table does not have what the store has, or has had another version when this began.
    fn is_behind(&self, found: &Found, known: Option<u64>) -> Result<bool, Problem> {
        let stored = found.list.as_ref().map(|list| &list.route);
        Ok(version(&self.table, &self.key, stored)? != Ok(known))
    }

    async fn target(&mut self, found: &Found) -> Result<Target, Problem> {
        let before = before(found, matches!(self.edit, Edit::Put(_) | Edit::Remove))?;
        let after = self.edit.apply(before.cloned())?;
        let mut target = target(before, after.as_ref(), "")?;
        // What nobody can read of a list goes with the list.
        target.is_there &= found
            .list
            .as_ref()
            .is_none_or(|list| list.faults.is_empty());
        if let Some(route) = &target.route {
            check(&self.key, route, "")?;
        }
        Ok(target)
    }

    async fn reply(
        &self,
        session: &mut Session,
        target: &Target,
        is_new: bool,
        number: u64,
    ) -> Result<Reply, Problem> {
        let wanted = target.route.as_ref();
        let shown = wait_shown(session, &self.table, &self.key, wanted).await?;
        let late = shown == Shown::Late;
        Ok(match (wanted, shown) {
            (Some(route), Shown::As(Some(version))) => {
                one::reply(if is_new { 201 } else { 200 }, route, ETag(number, version))
            }
            (Some(route), _) => {
                let mut text = Vec::new();
                route.write_json(&mut text);
                text.push(b'\n');
                let done = if is_new { 201 } else { 200 };
                json(if late { 202 } else { done }, text)
            }
            (None, _) => Reply::new(if late { 202 } else { 204 })
                .header("Cache-Control", "no-store")
                .bytes(""),
        })
    }
}

/// The route that the store has. What is not `whole` must not lose elements that nobody can read.
pub(super) fn before(found: &Found, whole: bool) -> Result<Option<&Route>, Problem> {
    if found.is_registered {
        return Err(Problem::foreign(Owner::Registration));
    }
    let refused = |why: &str| Problem::new(409, "unreadable_list", why);
    if let Some(why) = &found.unreadable {
        return Err(refused(why));
    }
    match found.list.as_ref().and_then(|list| list.faults.first()) {
        Some(fault) if !whole => Err(refused(&format!(
            "the list in redis has an error, PUT replaces it: {} at element {}",
            fault.why, fault.element
        ))),
        _ => Ok(found.list.as_ref().map(|list| &list.route)),
    }
}

/// What is to be in the store; `at` is the route's JSON pointer.
pub(super) fn target(
    before: Option<&Route>,
    after: Option<&Route>,
    at: &str,
) -> Result<Target, Problem> {
    let Some(after) = after else {
        return Ok(Target {
            list: Vec::new(),
            route: None,
            is_there: before.is_none(),
        });
    };
    let list = write_list(after).map_err(|why| {
        let text = why.to_string();
        Problem::new(400, "invalid_route", text).at(format!("{at}{}", why.pointer))
    })?;
    let read = read_list(list.iter().map(String::as_bytes));
    // As whoever reads the list will have it.
    let route = read.map_err(|why| Problem::new(400, "invalid_route", why).at(at))?;
    let is_there = before == Some(&route.route);
    let route = Some(route.route);
    Ok(Target {
        list,
        route,
        is_there,
    })
}

/// Adds a change to a transaction.
pub(super) fn write(
    transaction: &mut Transaction,
    store: &StoreWriter,
    key: &Key,
    found: &Found,
    target: &Target,
) {
    match &target.route {
        Some(_) => transaction.put(store.keys(), key, &target.list, found.lasts_ms),
        None => transaction.remove(store.keys(), key),
    }
}

/// Whether a table can have this route. Whoever follows the store asks for its names.
pub(super) fn check(key: &Key, route: &Route, at: &str) -> Result<(), Problem> {
    let mut ask = |_: Sought<'_>| Err(String::new());
    let resolved = resolve(key, route, &mut ask, &mut |_| {});
    let prepared = Prepared::new(key, Owner::Redis, &resolved);
    prepared
        .map(drop)
        .map_err(|error| Problem::from(Refused::Table(error)).at(at))
}
