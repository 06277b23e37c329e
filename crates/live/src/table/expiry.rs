//! Ends registrations whose time is over: one worker, in slices.

use super::change::{Attempt, Attempts, Condition, Wanted};
use super::registering::resolved;
use super::shared::SharedTable;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::world::{Level, World};
use gatehouse_table::registration::drop_expired;
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{Owner, RouteView, Sweep};
use std::rc::Rc;

/// The pause between two walks over the table, at least. A walk over a large one takes longer: then the pause is
/// [`SHARE`] times as long as the walk, up to [`LONGEST_PAUSE_MS`].
const PAUSE_MS: u64 = 250;
const SHARE: u64 = 4;
const LONGEST_PAUSE_MS: u64 = 10_000;
/// The pause where there is no registration and none can come.
const IDLE_MS: u64 = 60_000;

/// Walks over a table again and again.
pub struct Expiry<M> {
    table: Rc<SharedTable<M>>,
    world: Rc<dyn World>,
    walk: Option<Walk>,
    due_ms: u64,
}

#[derive(Default)]
struct Walk {
    sweep: Sweep,
    began_ms: u64,
    is_over: bool,
    found_any: bool,
    /// Hosts with registrations that are over.
    expired: Vec<Key>,
    attempts: Attempts,
}

impl<M: Memory> Feeder for Expiry<M> {
    fn name(&self) -> String {
        format!(
            "ending registrations of upstream table \"{}\"",
            self.table.name()
        )
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        if turn.leader.is_none() {
            return Next::IDLE;
        }
        if self.walk.is_none() && turn.now_ms < self.due_ms {
            return Next::In(self.due_ms.saturating_sub(turn.now_ms));
        }
        let mut walk = self.walk.take().unwrap_or_else(|| Walk {
            began_ms: turn.now_ms,
            ..Walk::default()
        });
        loop {
            let must_wait = match walk.expired.last() {
                Some(key) => {
                    let is_over = self.end_one(key, &mut walk.attempts, turn.now_ms);
                    if is_over {
                        walk.expired.pop();
                        walk.attempts = Attempts::default();
                    }
                    !is_over
                }
                None if walk.is_over => return Next::In(self.rest(&walk, turn.now_ms)),
                None => {
                    self.look(&mut walk, turn.now_ms);
                    false
                }
            };
            if must_wait || turn.slice.is_over() {
                self.walk = Some(walk);
                return Next::Soon;
            }
        }
    }

    fn abandon(&mut self) {
        self.walk = None;
        self.due_ms = 0;
    }
}

impl<M: Memory> Expiry<M> {
    /// One that walks over this table.
    pub fn new(table: Rc<SharedTable<M>>, world: Rc<dyn World>) -> Self {
        Self {
            table,
            world,
            walk: None,
            due_ms: 0,
        }
    }

    /// The pause after a walk.
    fn rest(&mut self, walk: &Walk, now_ms: u64) -> u64 {
        let pause = if walk.found_any || self.table.takes_registrations.get() {
            let took = now_ms.saturating_sub(walk.began_ms);
            took.saturating_mul(SHARE).clamp(PAUSE_MS, LONGEST_PAUSE_MS)
        } else {
            IDLE_MS
        };
        self.due_ms = now_ms.saturating_add(pause);
        pause
    }

    fn look(&self, walk: &mut Walk, now_ms: u64) {
        let Some(routes) = self.table.routes() else {
            walk.is_over = true;
            return;
        };
        let (expired, found_any) = (&mut walk.expired, &mut walk.found_any);
        let mut show = |view: RouteView<'_>| {
            *found_any = true;
            if drop_expired(&mut view.written(), now_ms) > 0 {
                expired.extend(Key::parse(view.key(), Match::Host));
            }
        };
        walk.is_over = !walk.sweep.step(&routes, Owner::Registration, &mut show);
    }

    /// Ends what is over of a host; false: the lock was not to be had. A host that was changed at that very moment is
    /// looked at by the next walk.
    fn end_one(&self, key: &Key, attempts: &mut Attempts, now_ms: u64) -> bool {
        let Ok(Some((taken, version))) = self.table.current(key) else {
            return true;
        };
        if taken.view().owner() != Some(Owner::Registration) {
            return true;
        }
        let mut route = taken.view().written();
        let count = drop_expired(&mut route, now_ms);
        if count == 0 {
            return true;
        }
        let left = resolved(&route);
        let wanted = Wanted {
            key,
            owner: Owner::Registration,
            only_if: Condition::Is(version),
            route: left.as_ref(),
        };
        match attempts.attempt(&self.table, now_ms, &wanted) {
            Attempt::Again => false,
            Attempt::Over(made) => {
                if made.is_ok() {
                    self.table.log_ended(self.world.as_ref(), key, count);
                }
                true
            }
        }
    }
}

impl<M> SharedTable<M> {
    /// Says that registrations of a host are over.
    pub(super) fn log_ended(&self, world: &dyn World, key: &Key, count: usize) {
        let (table, host) = (&self.name, String::from_utf8_lossy(key.as_bytes()));
        let plural = if count == 1 { "" } else { "s" };
        let line = format!(
            "upstream table \"{table}\": \"{host}\" has {count} backend{plural} less, not registered any more"
        );
        world.log(Level::Notice, &line);
    }
}
