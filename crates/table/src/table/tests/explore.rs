//! Explores every interleaving and every permitted reordering (C11 memory model, by loom) of two threads on one table.
//!
//! The words that matter to a race are loom's, the others plain: what loom explores grows with each.

use crate::table::{Table, Word};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Who looks at a word of a model. Loom (0.7, its issue 392) stops exploring when a thread that stores also loads, so a
/// thread's loads are loom's only where a stale value could come of it.
#[derive(Clone, Copy)]
pub(super) enum Role {
    /// The only one to store: it reads back what it stored last.
    Writer,
    /// Only loads.
    Reader,
    /// One of several that compare and swap: reads as such.
    Swapper,
}

/// A word explored by loom, and what its only writer stored last.
pub(super) struct Explored {
    word: loom::sync::atomic::AtomicU64,
    last: AtomicU64,
}

/// A word as one thread of a model has it. Words nobody races for are each thread's own.
pub(super) enum Shared {
    Own(AtomicU64),
    Explored(Role, Arc<Explored>),
}

impl Word for Shared {
    fn load(&self, order: Ordering) -> u64 {
        match self {
            Self::Own(w) => w.load(order),
            Self::Explored(Role::Writer, w) => w.last.load(Ordering::Relaxed),
            Self::Explored(Role::Reader, w) => w.word.load(order),
            Self::Explored(Role::Swapper, w) => w.word.fetch_add(0, Ordering::AcqRel),
        }
    }

    fn store(&self, value: u64, order: Ordering) {
        match self {
            Self::Own(w) => w.store(value, order),
            // Loom lets a plain store slip between the two halves of another thread's swap.
            Self::Explored(Role::Swapper, w) => {
                w.word.swap(value, order);
            }
            Self::Explored(_, w) => {
                w.last.store(value, Ordering::Relaxed);
                w.word.store(value, order);
            }
        }
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        match self {
            Self::Own(w) => w.fetch_add(value, order),
            Self::Explored(_, w) => w.word.fetch_add(value, order),
        }
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        ok: Ordering,
        failed: Ordering,
    ) -> Result<u64, u64> {
        match self {
            Self::Own(w) => w.compare_exchange(current, new, ok, failed),
            Self::Explored(_, w) => w.word.compare_exchange(current, new, ok, failed),
        }
    }

    fn fence(order: Ordering) {
        loom::sync::atomic::fence(order);
    }
}

/// Runs two threads on copies of `memory` in every way that differs; gives how many ways these were.
pub(super) fn explore(
    memory: &[AtomicU64],
    explored: &BTreeSet<usize>,
    there: (Role, Act),
    here: (Role, Act),
) -> usize {
    let image: Vec<u64> = memory.iter().map(|w| w.load(Ordering::Relaxed)).collect();
    let explored = explored.clone();
    let ways = Arc::new(AtomicUsize::new(0));
    let count = ways.clone();
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.max_branches = 10_000;
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let shared: BTreeMap<usize, Arc<Explored>> = explored
            .iter()
            .map(|at| {
                let (word, last) = (
                    loom::sync::atomic::AtomicU64::new(image[*at]),
                    AtomicU64::new(image[*at]),
                );
                (*at, Arc::new(Explored { word, last }))
            })
            .collect();
        let words_of = |role| -> Vec<Shared> {
            let own = image
                .iter()
                .map(|value| Shared::Own(AtomicU64::new(*value)));
            let mut words: Vec<_> = own.collect();
            for (at, word) in &shared {
                words[*at] = Shared::Explored(role, word.clone());
            }
            words
        };
        let (theirs, ours) = (words_of(there.0), words_of(here.0));
        let thread = loom::thread::spawn(move || there.1(&Table::attach(&theirs).unwrap()));
        here.1(&Table::attach(&ours).unwrap());
        thread.join().unwrap();
    });
    ways.load(Ordering::Relaxed)
}

/// What a thread of a model does.
pub(super) type Act = fn(&Table<'_, Shared>);

/// A writer against a reader.
pub(super) fn write_and_read(
    memory: &[AtomicU64],
    explored: &BTreeSet<usize>,
    writer: Act,
    reader: Act,
) {
    let ways = explore(
        memory,
        explored,
        (Role::Writer, writer),
        (Role::Reader, reader),
    );
    assert!(ways > 5, "only {ways} ways were explored");
}

/// Two of a kind.
pub(super) fn both(memory: &[AtomicU64], explored: &BTreeSet<usize>, there: Act, here: Act) {
    let ways = explore(
        memory,
        explored,
        (Role::Swapper, there),
        (Role::Swapper, here),
    );
    assert!(ways > 5, "only {ways} ways were explored");
}
