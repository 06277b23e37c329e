//! All routes, or a page of them, written while the client takes them.

use super::filter::Filter;
use super::gate::{Call, Expected};
use super::problem::{Problem, head};
use gatehouse_live::table::SharedTable;
use gatehouse_live::{Slice, SystemClock};
use gatehouse_nginx::http::reply::{Next, Producer, Reply};
use gatehouse_nginx::{Request, Zone};
use gatehouse_table::api::{ETag, OWNERS, Query};
use gatehouse_table::route::{Key, write_text};
use gatehouse_table::table::{Listing, Owner, RouteView, Table};
use std::rc::Rc;
use std::time::Duration;

/// Bytes of a piece, about.
const PIECE: usize = 32 * 1024;
/// How long the making of a piece may take.
const SLICE: Duration = Duration::from_millis(3);

/// The arguments of a list.
pub(super) const ARGUMENTS: &[&str] = &["after", "limit", "owner", "search", "state"];

/// The tag of all routes: that of the table's generation.
pub(super) fn tag(routes: &Table<'_>) -> ETag {
    ETag(routes.own_number(), routes.generation())
}

/// `GET /`
pub(super) fn all(r: Request<'_>, call: &Call<'_>) -> Result<Reply, Problem> {
    let query = Query::parse(r.args(), ARGUMENTS)?;
    let routes = call.table.routes().ok_or_else(Problem::busy)?;
    let tag = tag(&routes);
    // The state of backends is not what the tag is of.
    if query.state.is_none() && Expected::of(r).is_known(tag) {
        return Ok(head(304).header("ETag", &tag.to_string()).bytes(""));
    }
    let pages = Pages::new(call, &routes, query, Box::new(write_member));
    Ok(head(200).header("ETag", &tag.to_string()).stream(pages))
}

/// Writes what a list says of a route, behind its key.
pub(super) type Row = Box<dyn Fn(&Table<'_>, &RouteView<'_>, &mut Vec<u8>)>;

/// Of a page of so many routes at most it is said, too, whose each is: that waits in memory for the page's end.
const OWNED: u64 = 1_000;

/// The text of a list, made piece by piece.
pub(super) struct Pages {
    table: Rc<SharedTable<Zone>>,
    row: Row,
    listing: Listing,
    filter: Filter,
    limit: u64,
    count: u64,
    last: Vec<u8>,
    /// The owners of the routes so far, where they are wanted.
    owners: Option<Vec<u8>>,
    stage: Stage,
}

enum Stage {
    Begin,
    Routes,
    /// There are more than wanted.
    Cut,
    End,
}

impl Producer for Pages {
    fn next(&mut self, out: &mut Vec<u8>) -> Next {
        let table = Rc::clone(&self.table);
        let Some(routes) = table.routes() else {
            return Next::Failed;
        };
        if matches!(self.stage, Stage::Begin) {
            out.extend_from_slice(b"{\"version\":1,\"routes\":{");
            self.stage = Stage::Routes;
        }
        let clock = SystemClock::start();
        let slice = Slice::new(&clock, SLICE);
        while matches!(self.stage, Stage::Routes) {
            self.step(&routes, out);
            if out.len() >= PIECE || slice.is_over() {
                return Next::More;
            }
        }
        out.push(b'}');
        if let Some(owners) = &self.owners {
            out.extend_from_slice(b",\"owners\":{");
            out.extend_from_slice(owners);
            out.push(b'}');
        }
        if matches!(self.stage, Stage::Cut) {
            out.extend_from_slice(b",\"next\":");
            write_text(&String::from_utf8_lossy(&self.last), out);
        }
        out.extend_from_slice(b"}\n");
        Next::End
    }
}

impl Pages {
    /// Those of the routes that a query wants.
    pub(super) fn new(call: &Call<'_>, routes: &Table<'_>, mut query: Query, row: Row) -> Self {
        let filter = Filter::new(call, &mut query);
        // A key that is none finds its place in the order as well.
        let after = query.after.map(|text| {
            Key::parse(&text, call.table.mode()).map_or(text, |key| key.as_bytes().to_vec())
        });
        // One more than wanted tells whether there are more.
        let wanted = query.limit.map(|limit| limit.saturating_add(1));
        let wanted = wanted.filter(|_| filter.takes_all());
        Self {
            listing: Listing::new(routes, after.as_deref(), wanted),
            table: Rc::clone(call.table.shared()),
            row,
            filter,
            limit: query.limit.unwrap_or(u64::MAX),
            count: 0,
            last: Vec::new(),
            owners: None,
            stage: Stage::Begin,
        }
    }

    /// The same, with the owners of the routes of a page.
    pub(super) fn with_owners(mut self) -> Self {
        self.owners = (self.limit <= OWNED).then(Vec::new);
        self
    }

    fn step(&mut self, routes: &Table<'_>, out: &mut Vec<u8>) {
        let Self {
            listing,
            row,
            filter,
            limit,
            count,
            last,
            owners,
            ..
        } = self;
        let mut cut = false;
        let more = listing.step(routes, &mut |view| {
            if !filter.takes(routes, &view) {
                return true;
            }
            cut = *count >= *limit;
            if cut {
                return false;
            }
            out.extend_from_slice(if *count > 0 { b",\n" } else { b"\n" });
            write_text(&String::from_utf8_lossy(view.key()), out);
            out.push(b':');
            row(routes, &view, out);
            if let (Some(owners), Some(owner)) = (owners.as_mut(), view.owner()) {
                if *count > 0 {
                    owners.push(b',');
                }
                write_text(&String::from_utf8_lossy(view.key()), owners);
                owners.push(b':');
                write_text(word_of(owner), owners);
            }
            *count = count.saturating_add(1);
            last.clear();
            last.extend_from_slice(view.key());
            true
        });
        if cut {
            self.stage = Stage::Cut;
        } else if !more {
            self.stage = Stage::End;
        }
    }
}

/// What an owner is called.
fn word_of(owner: Owner) -> &'static str {
    let row = OWNERS.iter().find(|(_, known)| *known == owner);
    row.map_or("", |(word, _)| word)
}

/// `{…}`
fn write_member(_: &Table<'_>, view: &RouteView<'_>, out: &mut Vec<u8>) {
    view.written().write_json(out);
}
