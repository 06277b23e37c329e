//! Changes of one route in a table that is the API's own.

use super::edit::{Edit, check_asked};
use super::gate::{Call, Expected};
use super::names::Names;
use super::one;
use super::problem::Problem;
use gatehouse_live::table::{Condition, Refused, SharedTable, Wanted, change};
use gatehouse_nginx::http::content::Answer;
use gatehouse_nginx::http::reply::Reply;
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::ETag;
use gatehouse_table::route::Key;
use gatehouse_table::table::{Applied, Owner};
use std::rc::Rc;

/// Begins a change.
pub(super) fn begin(r: Request<'_>, call: &Call<'_>, key: Key, edit: Edit) -> Answer {
    let editing = Editing {
        table: Rc::clone(call.table.shared()),
        has_check: call.table.checks().on,
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
    /// The table checks its backends.
    has_check: bool,
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
            let asked = before.as_ref().and_then(|route| route.check.clone());
            let after = self.edit.apply(before)?;
            check_asked(self.has_check, asked.as_deref(), after.as_ref(), "")?;
            let is_whole = matches!(self.edit, Edit::Put(_));
            let resolved = match &after {
                Some(route) => {
                    let names = &mut self.names;
                    Some(names.resolve(&self.key, route, view, !is_whole).await)
                }
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
