//! Changes on their way into the table: some at a time, under one hold of the lock.

use crate::memory::Memory;
use crate::table::hosts::Hosts;
use crate::table::shared::SharedTable;
use crate::world::World;
use gatehouse_table::route::{Key, Resolved, Route, Sought};
use gatehouse_table::table::{
    Applied, ApplyError, Candidate, Change, MAX_RECORD_WORDS, NoWriter, Owner, Room, Writer,
    resolve,
};
use std::cell::RefCell;

/// Changes that are applied together: below a millisecond.
const CHANGES: usize = 32;

/// Losses within this time are one loss.
const AT_ONCE_MS: u64 = 1_000;

/// A full zone is put in order at most so often: that walks over all of it.
const ORDER_MS: u64 = 10_000;

/// A route of the store, or that it is gone.
pub(super) struct Wanted {
    pub(super) key: Key,
    /// The store's key, for messages.
    pub(super) stored: Vec<u8>,
    pub(super) route: Option<Route>,
}

/// What the changes work with.
pub(super) struct Site<'s, M> {
    pub(super) table: &'s SharedTable<M>,
    pub(super) hosts: &'s RefCell<Hosts>,
    pub(super) world: &'s dyn World,
    pub(super) who: Candidate,
}

/// What came of applying.
pub(super) enum Outcome {
    /// It is done, or a part of it.
    More,
    /// Somebody else has the lock.
    Wait,
    /// Another worker leads.
    Lost,
}

/// Something to be said about a key of the store.
pub(super) struct Complaint {
    pub(super) stored: Vec<u8>,
    pub(super) text: String,
}

/// Changes, and what became of those before.
#[derive(Default)]
pub(super) struct Batch {
    wanted: Vec<Wanted>,
    /// The zone is being put in order.
    ordering: Option<Room>,
    ordered_ms: Option<u64>,
    loss: Loss,
    pub(super) complaints: Vec<Complaint>,
    /// Changes of the table since this was last looked at.
    pub(super) changed: usize,
    /// Routes without room since this was last looked at.
    pub(super) refused: usize,
    /// Why routes that are gone stay.
    pub(super) held: Option<String>,
    pub(super) repaired: bool,
}

/// How many routes went within a short time.
#[derive(Default)]
struct Loss {
    since_ms: u64,
    before: usize,
    removed: usize,
}

impl Batch {
    pub(super) fn push(&mut self, wanted: Wanted) {
        self.wanted.push(wanted);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.wanted.len() >= CHANGES
    }

    /// Applies what there is.
    pub(super) fn apply<M: Memory>(&mut self, site: &Site<'_, M>) -> Outcome {
        // Names first: routes may bring some that stand in /etc/hosts since a moment ago.
        if site.hosts.borrow_mut().step() {
            return Outcome::More;
        }
        self.hold_back(site);
        let wanted = std::mem::take(&mut self.wanted);
        let routes: Vec<Option<Resolved<'_>>> =
            wanted.iter().map(|one| self.resolve(site, one)).collect();
        site.world.before_change();
        let mut done = 0;
        let mut outcome = Outcome::Wait;
        site.table.memory.try_locked(&mut || {
            outcome = self.apply_locked(site, &wanted, &routes, &mut done);
        });
        drop(routes);
        self.wanted = wanted;
        self.wanted.drain(..done);
        outcome
    }

    fn apply_locked<M: Memory>(
        &mut self,
        site: &Site<'_, M>,
        wanted: &[Wanted],
        routes: &[Option<Resolved<'_>>],
        done: &mut usize,
    ) -> Outcome {
        let Some(table) = site.table.routes() else {
            return Outcome::Lost;
        };
        let now_ms = site.world.now_ms();
        let mut writer = match table.feeding_writer(site.who, now_ms) {
            Ok(writer) => writer,
            Err(NoWriter::Repairing) => return Outcome::More,
            Err(NoWriter::LeaseLost) => return Outcome::Lost,
        };
        self.repaired |= writer.repaired();
        take_over(&mut writer);
        if let Some(room) = &mut self.ordering {
            if !writer.make_room(room) {
                self.ordering = None;
            }
            return Outcome::More;
        }
        for (one, route) in wanted.iter().zip(routes) {
            let result = change(&mut writer, &one.key, route.as_ref());
            if result == Err(ApplyError::Full) && self.is_to_be_ordered(now_ms) {
                self.ordering = Some(Room::default());
                return Outcome::More;
            }
            *done = done.saturating_add(1);
            self.count(one, result);
        }
        Outcome::More
    }

    fn is_to_be_ordered(&mut self, now_ms: u64) -> bool {
        let long_ago = |then: u64| now_ms.saturating_sub(then) >= ORDER_MS;
        let is_due = self.ordered_ms.is_none_or(long_ago);
        if is_due {
            self.ordered_ms = Some(now_ms);
        }
        is_due
    }

    fn count(&mut self, one: &Wanted, result: Result<Applied, ApplyError>) {
        match result {
            Ok(Applied::Unchanged | Applied::Missing) => {}
            Ok(Applied::Created | Applied::Replaced | Applied::Removed) => {
                self.changed = self.changed.saturating_add(1);
            }
            Err(error) => {
                self.refused = self
                    .refused
                    .saturating_add(usize::from(error == ApplyError::Full));
                self.complain(&one.stored, error.to_string());
            }
        }
    }

    /// Notes something to be said about a key of the store.
    pub(super) fn complain(&mut self, stored: &[u8], text: String) {
        self.complaints.push(Complaint {
            stored: stored.to_vec(),
            text,
        });
    }

    /// The changes do not come: their connection has gone.
    pub(super) fn forget(&mut self) {
        self.wanted.clear();
        self.ordering = None;
    }

    fn resolve<'w, M>(&mut self, site: &Site<'_, M>, one: &'w Wanted) -> Option<Resolved<'w>> {
        let route = one.route.as_ref()?;
        let (hosts, answers) = (site.hosts.borrow(), site.table.answers.borrow());
        let ask = &mut |sought: Sought<'_>| hosts.ask_here(&answers, sought);
        let mut cut = Vec::new();
        let resolved = resolve(&one.key, route, ask, &mut |backend| {
            // Names are asked for after this.
            if backend.partly {
                cut.push(backend.why);
            }
        });
        if !cut.is_empty() {
            self.complain(&one.stored, cut.join("; "));
        }
        Some(resolved)
    }

    /// Routes that are gone stay if they are too many at once.
    fn hold_back<M: Memory>(&mut self, site: &Site<'_, M>) {
        let Some(table) = site.table.routes() else {
            return;
        };
        let mut buf = [0; MAX_RECORD_WORDS];
        let mut is_there = |key: &Key| {
            let hit = table.lookup(key.as_bytes(), &mut buf);
            hit.is_ok_and(|hit| hit.is_some_and(|hit| hit.route.key() == key.as_bytes()))
        };
        let gone = |one: &Wanted| one.route.is_none() && is_there(&one.key);
        let count = self.wanted.iter().map(gone).filter(|gone| *gone).count();
        if count == 0 {
            return;
        }
        if let Err(why) = self.loss.check(site, table.stats().routes as usize, count) {
            self.held = Some(why);
            self.wanted.retain(|one| one.route.is_some());
        }
    }
}

impl Loss {
    /// Whether so many more may go now.
    fn check<M>(&mut self, site: &Site<'_, M>, routes: usize, count: usize) -> Result<(), String> {
        let now_ms = site.world.now_ms();
        if now_ms.saturating_sub(self.since_ms) > AT_ONCE_MS {
            *self = Self {
                since_ms: now_ms,
                before: routes,
                removed: 0,
            };
        }
        let removed = self.removed.saturating_add(count);
        site.table.brake.check(self.before, removed)?;
        self.removed = removed;
        Ok(())
    }
}

/// What others brought before the table followed a store is the store's now.
pub(super) fn take_over(writer: &mut Writer<'_>) {
    writer.take_over(Owner::File);
    writer.take_over(Owner::Api);
    writer.take_over(Owner::Registration);
}

fn change(
    writer: &mut Writer<'_>,
    key: &Key,
    route: Option<&Resolved<'_>>,
) -> Result<Applied, ApplyError> {
    let owner = Owner::Redis;
    writer.apply(&match route {
        Some(route) => Change::Put { key, route, owner },
        None => Change::Remove { key, owner },
    })
}
