//! A walk over the table: which names there are, and which routes have other addresses than name servers say.

use super::answers::Answers;
use super::book::{Book, Seen};
use crate::table::hosts::Hosts;
use gatehouse_table::route::{Located, Sought};
use gatehouse_table::table::{Cursor, RouteView, Table};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Buckets looked at in one step: a route may have more than a hundred names, each to be found among all others.
const BUCKETS: usize = 4;
/// Names looked at in one step once all routes are known.
const NAMES: usize = 256;
/// With so many routes to be put the walk waits.
const MOST_STALE: usize = 256;

/// A walk and how far it has come.
pub(super) struct Walk {
    cursor: Cursor,
    /// What [`Table::named`] was when it began, and how often this worker has raised it since: all that is seen.
    pub(super) named: u64,
    number: u32,
    /// All routes have been seen.
    is_over: bool,
    /// The names up to this one are still in use, or forgotten.
    kept: Option<Rc<str>>,
    /// Keys of routes with other addresses than they are to have.
    pub(super) stale: Vec<Vec<u8>>,
}

/// What a walk works with.
pub(super) struct Ground<'g> {
    pub(super) table: Table<'g, AtomicU64>,
    pub(super) book: &'g mut Book,
    pub(super) answers: &'g mut Answers,
    pub(super) hosts: &'g Hosts,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stride {
    More,
    /// Routes are to be put first.
    Full,
    /// It has seen everything.
    Over,
    /// Entries moved meanwhile: some routes may not have been seen.
    Disturbed,
}

impl Walk {
    pub(super) fn new(table: &Table<'_, AtomicU64>, number: u32) -> Self {
        let named = table.named();
        Self {
            cursor: table.cursor(),
            named,
            number,
            is_over: false,
            kept: None,
            stale: Vec::new(),
        }
    }

    pub(super) fn step(&mut self, ground: &mut Ground<'_>) -> Stride {
        if self.stale.len() >= MOST_STALE {
            return Stride::Full;
        }
        if self.is_over {
            return self.forget(ground);
        }
        let (number, stale) = (self.number, &mut self.stale);
        let table = ground.table;
        let more = table.scan(&mut self.cursor, BUCKETS, &mut |route| {
            if route.has_names() && look(route, number, ground) {
                stale.push(route.key().to_vec());
            }
        });
        self.is_over = !more;
        Stride::More
    }

    /// Names that no route has any more are forgotten, unless some routes may not have been seen.
    fn forget(&mut self, ground: &mut Ground<'_>) -> Stride {
        if ground.table.disturbed(&self.cursor) {
            return Stride::Disturbed;
        }
        for _ in 0..NAMES {
            let next = ground.book.drop_unseen(self.kept.as_ref(), self.number);
            let Some((text, is_forgotten)) = next else {
                return Stride::Over;
            };
            if is_forgotten {
                ground.answers.forget(&text);
            }
            self.kept = Some(text);
        }
        Stride::More
    }
}

/// Notes the names of a route; whether it has other addresses than it is to have.
fn look(route: RouteView<'_>, walk: u32, ground: &mut Ground<'_>) -> bool {
    let named = route.backends().filter_map(|backend| {
        let endpoint = backend.endpoint();
        let located = endpoint.located().filter(|_| !endpoint.is_waiting());
        Some((endpoint.sought()?, located))
    });
    let mut named: Vec<(Sought<'_>, Option<Located>)> = named.collect();
    named.sort_unstable();
    let mut is_stale = false;
    for of_name in named.chunk_by(|one, next| one.0 == next.0) {
        let Some((sought, _)) = of_name.first() else {
            continue;
        };
        let mut found: Vec<Located> = of_name.iter().filter_map(|one| one.1).collect();
        found.dedup_by_key(|one| one.at);
        let seen = Seen {
            route: route.key(),
            is_placed: !found.is_empty(),
        };
        let hosts = ground.hosts;
        let was_reported = || hosts.has_failed(*sought);
        ground.book.see(&sought.text(), walk, &seen, was_reported);
        let answer = ground.answers.get(*sought);
        is_stale |= answer.is_some_and(|answer| **answer != *found);
    }
    is_stale
}
