//! The journal of a table's requests in flight: this worker's part of it, and what killed workers left in theirs.

use super::shared::SharedTable;
use crate::feeder::{Feeder, Next, Turn};
use crate::memory::Memory;
use crate::world::{Level, World};
use gatehouse_table::table::{Journal, JournalRow};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// How often the worker that leads looks for killed ones.
const PAUSE_MS: u64 = 1_000;

/// Where a worker notes its requests in flight. Without a journal they are counted all the same.
#[derive(Default)]
pub struct InFlight {
    journal: OnceCell<Journal<'static>>,
    row: Cell<Option<JournalRow<'static>>>,
}

impl InFlight {
    /// Takes the table's journal into use, which is in this memory; false if it is too small.
    pub fn keep_in(&self, words: &'static [AtomicU64]) -> bool {
        let journal = Journal::new(words);
        // A configuration has one.
        journal.is_some_and(|journal| self.journal.set(journal).is_ok())
    }

    /// Whether there is a journal.
    pub fn is_kept(&self) -> bool {
        self.journal.get().is_some()
    }

    /// This worker's part.
    pub fn row(&self) -> Option<JournalRow<'static>> {
        self.row.get()
    }
}

/// Gives each worker its part of the journal, and gives back what killed ones have counted.
pub struct Returner<M> {
    table: Rc<SharedTable<M>>,
    in_flight: Rc<InFlight>,
    world: Rc<dyn World>,
    due_ms: u64,
}

impl<M: Memory> Returner<M> {
    /// What does so for a table.
    pub fn new(table: Rc<SharedTable<M>>, in_flight: Rc<InFlight>, world: Rc<dyn World>) -> Self {
        Self {
            table,
            in_flight,
            world,
            due_ms: 0,
        }
    }

    fn give_back(&self, journal: &Journal<'static>) {
        let Some(table) = self.table.routes() else {
            return;
        };
        let is_alive = |process| self.world.is_alive(process);
        let requests = journal.give_back(self.world.process(), &table, &is_alive);
        if requests > 0 {
            let name = self.table.name();
            let line = format!(
                "upstream table \"{name}\": {requests} requests in flight of processes that have ended are counted no more"
            );
            self.world.log(Level::Notice, &line);
        }
    }

    fn take_row(&self, journal: &Journal<'static>) {
        if self.in_flight.row.get().is_none() {
            let table = self.table.routes();
            let row = table.and_then(|table| journal.row(self.world.process(), &table));
            self.in_flight.row.set(row);
        }
    }
}

impl<M: Memory> Feeder for Returner<M> {
    fn name(&self) -> String {
        format!(
            "giving back requests of upstream table \"{}\"",
            self.table.name()
        )
    }

    /// The worker that takes a killed one's place is the first to know.
    fn start(&mut self) {
        if let Some(journal) = self.in_flight.journal.get() {
            self.give_back(journal);
            self.take_row(journal);
        }
    }

    fn poll(&mut self, turn: &Turn<'_>) -> Next {
        let Some(journal) = self.in_flight.journal.get() else {
            return Next::IDLE;
        };
        // With `master_process off` no worker starts after a reload.
        self.take_row(journal);
        if turn.leader.is_none() {
            return Next::IDLE;
        }
        if turn.now_ms >= self.due_ms {
            self.give_back(journal);
            self.due_ms = turn.now_ms.saturating_add(PAUSE_MS);
        }
        Next::In(self.due_ms.saturating_sub(turn.now_ms))
    }

    fn abandon(&mut self) {}
}
