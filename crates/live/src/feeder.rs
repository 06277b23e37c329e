//! The trait of whatever keeps something current.

use crate::slice::Slice;
use gatehouse_table::table::Candidate;

/// Keeps one thing current. Every worker has its own feeder of it; the elected worker's one does the work.
pub trait Feeder {
    /// What it is doing, for the log line of a panic: `feeding upstream table "apps"`.
    fn name(&self) -> String;

    /// A worker starts. It does not serve yet, so this may take its time.
    fn start(&mut self) {}

    /// Works until there is nothing to do or the slice is over. No single step on the way takes longer than 5 ms.
    ///
    /// Feeders of workers that do not lead, and of a worker that exits, are polled as well: to look at what the leader
    /// did, and to free memory.
    fn poll(&mut self, turn: &Turn<'_>) -> Next;

    /// Gives up the work in hand: another worker leads now, this one exits, or the work panicked. What is left to be
    /// freed is freed by later polls.
    fn abandon(&mut self);

    /// This worker exits: it gives up its work, and whatever other processes wait for.
    fn leave(&mut self) {
        self.abandon();
    }

    /// In the master, when all its workers have gone and it is about to go as well: what is to outlive nginx is written
    /// down, and may take its time.
    fn finish(&mut self) {}
}

/// What a feeder is told when it is polled.
pub struct Turn<'t> {
    /// How long it may work.
    pub slice: &'t Slice<'t>,
    /// The clock of the event loop, milliseconds, the same in all processes.
    pub now_ms: u64,
    /// This worker, as the lease knows it, if it leads; None in every other worker.
    pub leader: Option<Candidate>,
}

/// When a feeder wants to be polled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Work is left: as soon as the event loop has turned once.
    Soon,
    /// Nothing is to be done for so many milliseconds.
    In(u64),
}

impl Next {
    /// Nothing is to be done until something else changes.
    pub const IDLE: Self = Self::In(u64::MAX);
}
