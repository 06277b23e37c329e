//! A full read of the store: which routes it has, and which ones of the table it has no more.

use super::batch::{Site, take_over};
use super::scan::Scan;
use crate::chunks::Stack;
use crate::memory::Memory;
use crate::table::brake::Brake;
use gatehouse_table::route::{Key, KeySet};
use gatehouse_table::table::{ApplyError, Change, Cursor, NoWriter, Owner};

/// Buckets compared or routes removed between two looks at the clock.
const BUCKETS: usize = 64;
const REMOVALS: usize = 16;

/// Walks that others may disturb by moving entries; the next full read finds what the last one did not.
const WALKS: u32 = 3;

/// A full read and how far it has come.
pub(super) struct Full {
    /// Tells its commands from those of a read that was given up.
    pub(super) number: u32,
    pub(super) scan: Scan,
    /// Lists on their way.
    pub(super) unread: usize,
    /// Somebody has emptied the store: that it has no routes is to be believed.
    pub(super) is_emptied: bool,
    /// The routes that the store has.
    pub(super) seen: KeySet,
    /// How many there are.
    pub(super) found: usize,
    walk: Option<Walk>,
    /// Keys of the table's routes that the store has no more.
    gone: Stack<u8>,
    is_judged: bool,
}

struct Walk {
    cursor: Cursor,
    number: u32,
    before: usize,
}

/// What came of a step.
pub(super) enum Step {
    More,
    Wait,
    Lost,
    /// The table has what the store has.
    Done,
    /// Too many routes are gone: they stay, for this reason.
    Held(String),
}

impl Full {
    pub(super) fn new(number: u32, is_emptied: bool) -> Self {
        Self {
            number,
            scan: Scan::begin(),
            unread: 0,
            is_emptied,
            seen: KeySet::default(),
            found: 0,
            walk: None,
            gone: Stack::default(),
            is_judged: false,
        }
    }

    /// The store has this route.
    pub(super) fn saw(&mut self, key: &Key) {
        if self.seen.add(key.as_bytes()) {
            self.found = self.found.saturating_add(1);
        }
    }

    /// Whether all of the store has been read.
    pub(super) fn is_read(&self) -> bool {
        self.scan.is_over() && self.unread == 0
    }

    /// Removes what the store has no more, a little at a time. All that was read is in the table.
    pub(super) fn step<M: Memory>(
        &mut self,
        site: &Site<'_, M>,
        changed: &mut usize,
    ) -> Result<Step, String> {
        if self.is_judged {
            return Ok(self.remove(site, changed));
        }
        let Some(routes) = site.table.routes() else {
            return Ok(Step::Lost);
        };
        let walk = self.walk.get_or_insert_with(|| Walk {
            cursor: routes.cursor(),
            number: 1,
            before: 0,
        });
        let (seen, gone, before) = (&self.seen, &mut self.gone, &mut walk.before);
        let mut has_memory = true;
        let more = routes.scan(&mut walk.cursor, BUCKETS, &mut |route| {
            // Registrations of before end by themselves.
            if matches!(route.owner(), Some(Owner::Redis | Owner::File | Owner::Api)) {
                *before = before.saturating_add(1);
                if !seen.contains(route.key()) {
                    has_memory &= gone.push(route.key());
                }
            }
        });
        if !has_memory {
            return Err("no memory".into());
        }
        if more {
            return Ok(Step::More);
        }
        if routes.disturbed(&walk.cursor) && walk.number < WALKS {
            walk.cursor = routes.cursor();
            walk.number = walk.number.saturating_add(1);
            walk.before = 0;
            self.gone = Stack::default();
            return Ok(Step::More);
        }
        let before = walk.before;
        self.is_judged = true;
        match self.judge(before, site.table.brake) {
            Err(why) => Ok(Step::Held(why)),
            Ok(()) => Ok(Step::More),
        }
    }

    /// Whether the loss is believed.
    fn judge(&self, before: usize, brake: Brake) -> Result<(), String> {
        let gone = self.gone.len();
        if gone > 0 && self.found == 0 && !self.is_emptied && brake == Brake::On {
            return Err(format!(
                "has no routes: {before} stay in use, only \"shrink=any\" allows that"
            ));
        }
        brake.check(before, gone)
    }

    fn remove<M: Memory>(&mut self, site: &Site<'_, M>, changed: &mut usize) -> Step {
        if self.gone.is_empty() {
            return Step::Done;
        }
        site.world.before_change();
        let mut step = Step::Wait;
        site.table.memory.try_locked(&mut || {
            step = self.remove_locked(site, changed);
        });
        step
    }

    fn remove_locked<M: Memory>(&mut self, site: &Site<'_, M>, changed: &mut usize) -> Step {
        let Some(routes) = site.table.routes() else {
            return Step::Lost;
        };
        let mut writer = match routes.feeding_writer(site.who, site.world.now_ms()) {
            Ok(writer) => writer,
            Err(NoWriter::Repairing) => return Step::More,
            Err(NoWriter::LeaseLost) => return Step::Lost,
        };
        take_over(&mut writer);
        for _ in 0..REMOVALS {
            let Some(text) = self.gone.last() else { break };
            // It may have come meanwhile.
            let key = Key::parse(text, site.table.mode)
                .ok()
                .filter(|key| !self.seen.contains(key.as_bytes()));
            if let Some(key) = key {
                let result = writer.apply(&Change::Remove {
                    key: &key,
                    owner: Owner::Redis,
                });
                match result {
                    Ok(_) => *changed = changed.saturating_add(1),
                    Err(ApplyError::Superseded) => return Step::Lost,
                    Err(_) => {}
                }
            }
            self.gone.pop();
        }
        Step::More
    }

    /// Frees a part of the memory; false when there is none left.
    pub(super) fn shrink(&mut self) -> bool {
        let (seen, gone) = (self.seen.shrink(), self.gone.shrink());
        seen | gone
    }
}
