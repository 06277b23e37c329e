//! Many routes of a table that follows a store: one transaction there.

use super::bulk::{PIECE, text};
use super::gate::{Call, Expected};
use super::list::tag;
use super::problem::{Problem, json};
use super::stored::{before, check, target, write};
use gatehouse_live::nginx::in_slices;
use gatehouse_live::table::redis::{Found, Session, Shown, StoreWriter, Transaction, wait_shown};
use gatehouse_live::table::{Counts, SharedTable};
use gatehouse_nginx::http::body::{Body, BodyReader};
use gatehouse_nginx::http::content::Answer;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::Query;
use gatehouse_table::route::{Key, PatchEntry, PatchReader, Route, RouteError};
use std::rc::Rc;

/// Most routes of one transaction: the work of the store to watch so many lists grows with their square.
const MOST: usize = 2_000;
/// Most bytes of one transaction.
const LONGEST: usize = 8 << 20;

/// `PATCH /`
pub(super) fn patch(
    r: Request<'_>,
    call: &Call<'_>,
    store: Rc<StoreWriter>,
    body: Body<'_>,
) -> Result<Answer, Problem> {
    Query::parse(r.args(), &[])?;
    if Expected::of(r).is_any() {
        let text = "a store has no version of all routes: If-Match and If-None-Match are for single routes here";
        return Err(Problem::new(400, "invalid_argument", text));
    }
    let table = Rc::clone(call.table.shared());
    let patching = Patching {
        reader: PatchReader::new(table.mode()),
        body: body.reader()?,
        transaction: Transaction::default(),
        made: Vec::new(),
        counts: Counts::default(),
        store,
        table,
    };
    Ok(Answer::later(async move {
        patching.run().await.unwrap_or_else(Reply::from)
    }))
}

/// A patch under way.
struct Patching {
    table: Rc<SharedTable<Zone>>,
    store: Rc<StoreWriter>,
    reader: PatchReader,
    body: BodyReader,
    transaction: Transaction,
    /// What the transaction makes.
    made: Vec<(Key, Option<Route>)>,
    counts: Counts,
}

impl Patching {
    async fn run(mut self) -> Result<Reply, Problem> {
        let mut session = self.store.session().await?;
        let read = self.read(&mut session).await;
        let mut keys = self.reader.into_keys();
        in_slices(|| keys.shrink()).await;
        if let Err(problem) = read {
            session.forget().await;
            return Err(problem);
        }
        if !session.commit(self.transaction).await? {
            let text = "one of the routes was changed by somebody else meanwhile";
            return Err(Problem::new(409, "changed_meanwhile", text));
        }
        let mut is_late = false;
        for (key, route) in &self.made {
            let shown = wait_shown(&mut session, &self.table, key, route.as_ref()).await?;
            if shown == Shown::Late {
                is_late = true;
                break;
            }
        }
        let reply = json(if is_late { 202 } else { 200 }, text(self.counts));
        Ok(match self.table.routes() {
            Some(routes) => reply.header("ETag", &tag(&routes).to_string()),
            None => reply,
        })
    }

    /// Reads all of the document, and what the store has of its hosts.
    async fn read(&mut self, session: &mut Session) -> Result<(), Problem> {
        loop {
            let piece = self.body.read(PIECE)?;
            if piece.is_empty() {
                self.reader.check_end()?;
                return self.check_loss();
            }
            let mut entries = Vec::new();
            self.reader.feed(&piece, &mut |entry| {
                entries.push(entry);
                Ok(())
            })?;
            let keys: Vec<Key> = entries.iter().map(|entry| entry.key.clone()).collect();
            if keys.is_empty() {
                continue;
            }
            let found = session.read(&keys).await?;
            for (entry, found) in entries.into_iter().zip(&found) {
                self.take(entry, found).await?;
            }
        }
    }

    /// Prepares the change of one route.
    async fn take(&mut self, entry: PatchEntry, found: &Found) -> Result<(), Problem> {
        let PatchEntry {
            key,
            patch,
            pointer,
        } = entry;
        if key.as_bytes() == b"-" {
            let error = RouteError::new("the key \"-\" is reserved", pointer);
            return Err(error.into());
        }
        let there = before(found, patch.removes()).map_err(|problem| problem.at(&pointer))?;
        let after = patch.apply(there, &pointer)?;
        let target = target(there, after.as_ref(), &pointer)?;
        if let Some(route) = &target.route {
            check(&key, route, &pointer)?;
        }
        if target.is_there {
            if there.is_some() {
                self.counts.unchanged = self.counts.unchanged.saturating_add(1);
            }
            return Ok(());
        }
        let count = match (there, &target.route) {
            (None, _) => &mut self.counts.created,
            (_, Some(_)) => &mut self.counts.replaced,
            (_, None) => &mut self.counts.removed,
        };
        *count = count.saturating_add(1);
        write(&mut self.transaction, &self.store, &key, found, &target);
        self.made.push((key, target.route));
        if self.made.len() > MOST || self.transaction.size() > LONGEST {
            let text = format!(
                "one request changes at most {MOST} routes and {LONGEST} bytes in redis, send several"
            );
            return Err(Problem::new(413, "too_large", text));
        }
        Ok(())
    }

    /// Whether all nginx that follow the store would believe that so many routes are gone.
    fn check_loss(&self) -> Result<(), Problem> {
        let loss = self.table.check_loss(self.counts.removed);
        loss.map_err(|why| Problem::new(409, "too_many_removed", format!("this {why}")))
    }
}
