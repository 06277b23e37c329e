//! One writing of a state, a step at a time.

use super::file::{Draft, Replaced, StateFile};
use super::seen::{Seen, Unseen};
use crate::memory::Memory;
use crate::table::shared::SharedTable;
use gatehouse_table::snapshot::{Head, Snapshot};
use gatehouse_table::table::{Candidate, Cursor, Saved, Table};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Buckets of the table looked at in one step: some hundred routes.
const BUCKETS: usize = 64;
/// Walks over the table after the first one, as long as entries move; each is a fraction of the one before.
const WALKS: u32 = 8;

/// A writing and how far it has come.
pub(super) struct Job {
    stage: Stage,
    seen: Seen,
}

enum Stage {
    /// Routes are collected and written.
    Writing(Box<Writing>),
    /// Memory and room on the disk are given back.
    Freeing(Option<Replaced>),
}

struct Writing {
    draft: Draft,
    snapshot: Snapshot,
    cursor: Cursor,
    walks: u32,
    /// All of it is in the draft.
    is_whole: bool,
    saved: Saved,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do.
    More,
    /// Somebody else has the zone's lock: later.
    Wait,
    /// The file is in its place.
    Written,
    /// Another worker leads, or another table has taken over.
    Lost,
    /// Nothing is left to do.
    Done,
}

impl Job {
    /// Begins to write the table.
    pub(super) fn begin<M: Memory>(
        state: &Rc<StateFile>,
        table: &SharedTable<M>,
        routes: &Table<'_, AtomicU64>,
    ) -> io::Result<Self> {
        // Before the first look: what changes from here on is to be written once more.
        let saved = routes.to_be_saved(state.name());
        let head = Head {
            name: table.name.clone(),
            mode: table.mode,
            source: routes.source(),
        };
        let writing = Writing {
            draft: state.create()?,
            snapshot: Snapshot::new(&head),
            cursor: routes.cursor(),
            walks: 0,
            is_whole: false,
            saved,
        };
        Ok(Self {
            stage: Stage::Writing(Box::new(writing)),
            seen: Seen::default(),
        })
    }

    /// Ends it where it is: only memory is left to be freed.
    pub(super) fn abandon(&mut self) {
        if matches!(self.stage, Stage::Writing(_)) {
            self.stage = Stage::Freeing(None);
        }
    }

    /// Does a little. Whoever does not lead has nothing to do but to free memory.
    pub(super) fn step<M: Memory>(
        &mut self,
        table: &SharedTable<M>,
        leader: Option<Candidate>,
    ) -> io::Result<Step> {
        match (&mut self.stage, leader) {
            (Stage::Freeing(replaced), _) => {
                let more = replaced.as_mut().is_some_and(Replaced::shrink) | self.seen.shrink();
                Ok(if more { Step::More } else { Step::Done })
            }
            (_, None) => Ok(Step::Lost),
            (Stage::Writing(writing), Some(who)) if writing.is_whole => {
                let mut renamed = None;
                let tried = table.memory.try_locked(&mut || {
                    renamed = Some(rename(writing, table, who));
                });
                match renamed {
                    _ if !tried => Ok(Step::Wait),
                    Some(Ok(Some(replaced))) => {
                        self.stage = Stage::Freeing(Some(replaced));
                        Ok(Step::Written)
                    }
                    Some(Err(error)) => Err(error),
                    _ => Ok(Step::Lost),
                }
            }
            (Stage::Writing(writing), Some(_)) => {
                let Some(routes) = table.routes() else {
                    return Ok(Step::Lost);
                };
                write(writing, &mut self.seen, &routes)?;
                Ok(Step::More)
            }
        }
    }

    /// All of it at once, in a process that is alone with the table.
    pub(super) fn run(mut self, routes: &Table<'_, AtomicU64>) -> io::Result<()> {
        let Stage::Writing(writing) = &mut self.stage else {
            return Ok(());
        };
        while !writing.is_whole {
            write(writing, &mut self.seen, routes)?;
        }
        writing.draft.commit()?;
        routes.set_saved(writing.saved);
        Ok(())
    }
}

/// Writes a few routes.
fn write(writing: &mut Writing, seen: &mut Seen, routes: &Table<'_, AtomicU64>) -> io::Result<()> {
    let mut walk = Unseen {
        seen,
        snapshot: &mut writing.snapshot,
        no_memory: false,
    };
    let more = routes.scan_wanted(&mut writing.cursor, BUCKETS, &mut walk);
    if walk.no_memory {
        return Err(ErrorKind::OutOfMemory.into());
    }
    if !more {
        // An entry that moved from a place to come to one that had been seen was not met.
        let again = routes.disturbed(&writing.cursor) && writing.walks < WALKS;
        writing.walks = writing.walks.saturating_add(1);
        writing.cursor = routes.cursor();
        if !again {
            writing.snapshot.finish();
            writing.is_whole = true;
        }
    }
    writing.draft.write(writing.snapshot.ready())?;
    writing.snapshot.wrote();
    Ok(())
}

/// Under the zone's lock the lease cannot change hands: a worker that was stopped for longer than it had the lease does
/// not put its old file over a newer one.
fn rename<M: Memory>(
    writing: &Writing,
    table: &SharedTable<M>,
    who: Candidate,
) -> io::Result<Option<Replaced>> {
    let routes = table.routes().filter(|routes| routes.is_led_by(who));
    let Some(routes) = routes else {
        return Ok(None);
    };
    let replaced = writing.draft.commit()?;
    routes.set_saved(writing.saved);
    Ok(Some(replaced))
}
