//! Many routes at once: a merge patch of the whole table, read piece by piece and then made as a whole.

use super::edit::check_asked;
use super::gate::{Call, Expected};
use super::list::tag;
use super::names::Names;
use super::problem::{Problem, json};
use gatehouse_live::nginx::in_slices;
use gatehouse_live::table::{Bulk, Counts, Refused, SharedTable, change_all};
use gatehouse_live::{Slice, SystemClock, TURN};
use gatehouse_nginx::event::sleep::sleep;
use gatehouse_nginx::http::body::{Body, BodyReader};
use gatehouse_nginx::http::content::Answer;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::Query;
use gatehouse_table::route::{PatchEntry, PatchReader, RouteError};
use gatehouse_table::table::{Owner, Prepared};
use std::rc::Rc;
use std::time::Duration;

/// Bytes read at once: what is done with them takes well below a millisecond.
pub(super) const PIECE: usize = 8 * 1024;

/// `PATCH /`
pub(super) fn patch(r: Request<'_>, call: &Call<'_>, body: Body<'_>) -> Result<Answer, Problem> {
    Query::parse(r.args(), &[])?;
    let table = Rc::clone(call.table.shared());
    let routes = call.table.routes().ok_or(Refused::NoTable)?;
    let expected = Expected::of(r);
    expected.check(Some(tag(&routes)))?;
    let only_if = expected.is_any().then(|| routes.generation());
    let patching = Patching {
        bulk: Bulk::new(Owner::Api, table.mode(), only_if),
        reader: PatchReader::new(table.mode()),
        body: body.reader()?,
        names: call.api.names(),
        has_check: call.table.checks().on,
        table,
    };
    Ok(Answer::later(async move {
        patching.run().await.unwrap_or_else(Reply::from)
    }))
}

/// A patch under way.
struct Patching {
    table: Rc<SharedTable<Zone>>,
    bulk: Bulk,
    reader: PatchReader,
    body: BodyReader,
    names: Names,
    /// The table checks its backends.
    has_check: bool,
}

impl Patching {
    async fn run(mut self) -> Result<Reply, Problem> {
        let read = self.read().await;
        let Self {
            table,
            mut bulk,
            reader,
            ..
        } = self;
        let mut keys = reader.into_keys();
        in_slices(|| keys.shrink()).await;
        if let Err(problem) = read {
            bulk.give_up();
            // Nothing was made: this frees its memory.
            let _ = change_all(&*table, bulk).await;
            return Err(problem);
        }
        let made = change_all(&*table, bulk).await;
        let counts = made.map_err(|(refused, key)| {
            let problem = match refused {
                Refused::Condition if key.is_some() => {
                    let text = "a route was changed by somebody else meanwhile";
                    Problem::new(409, "changed_meanwhile", text)
                }
                refused => Problem::from(refused),
            };
            match key {
                Some(key) => problem.at(pointer(key.as_bytes())),
                None => problem,
            }
        })?;
        let tag = table.routes().map(|routes| tag(&routes));
        let reply = json(200, text(counts));
        Ok(match tag {
            Some(tag) => reply.header("ETag", &tag.to_string()),
            None => reply,
        })
    }

    /// Reads and checks all of the document.
    async fn read(&mut self) -> Result<(), Problem> {
        loop {
            let clock = SystemClock::start();
            let slice = Slice::new(&clock, TURN);
            while !slice.is_over() {
                let piece = self.body.read(PIECE)?;
                if piece.is_empty() {
                    return Ok(self.reader.check_end()?);
                }
                let mut entries = Vec::new();
                self.reader.feed(&piece, &mut |entry| {
                    entries.push(entry);
                    Ok(())
                })?;
                for entry in entries {
                    self.take(entry).await?;
                }
            }
            sleep(Duration::ZERO).await;
        }
    }

    /// Prepares the change of one route.
    async fn take(&mut self, entry: PatchEntry) -> Result<(), Problem> {
        let PatchEntry {
            key,
            patch,
            pointer,
        } = entry;
        if key.as_bytes() == b"-" {
            let error = RouteError::new("the key \"-\" is reserved", pointer);
            return Err(error.into());
        }
        let stored = self.table.current(&key)?;
        let version = stored.as_ref().map(|(_, version)| *version);
        let view = stored.as_ref().map(|(taken, _)| taken.view());
        if let Some(owner) = view.and_then(|view| view.owner()) {
            if owner != Owner::Api {
                return Err(Problem::foreign(owner).at(pointer));
            }
        }
        let before = stored.as_ref().map(|(taken, _)| taken.written());
        let after = patch.apply(before.as_ref(), &pointer)?;
        let asked = before.as_ref().and_then(|route| route.check.as_deref());
        check_asked(self.has_check, asked, after.as_ref(), &pointer)?;
        let prepared =
            match after {
                None => None,
                Some(route) => {
                    let names = &mut self.names;
                    let resolved = names.resolve(&key, &route, view, true).await;
                    let prepared = Prepared::new(&key, Owner::Api, &resolved);
                    Some(prepared.map_err(|error| {
                        Problem::from(Refused::Table(error)).at(pointer.as_str())
                    })?)
                }
            };
        if version.is_none() && prepared.is_none() {
            return Ok(());
        }
        if self.bulk.push(&key, version, prepared.as_ref()) {
            Ok(())
        } else {
            Err(Problem::no_memory())
        }
    }
}

/// The JSON pointer of a key in the document.
fn pointer(key: &[u8]) -> String {
    let name = String::from_utf8_lossy(key);
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

pub(super) fn text(counts: Counts) -> Vec<u8> {
    let Counts {
        created,
        replaced,
        removed,
        unchanged,
    } = counts;
    format!(
        "{{\"created\":{created},\"replaced\":{replaced},\"removed\":{removed},\"unchanged\":{unchanged}}}\n"
    )
    .into_bytes()
}
