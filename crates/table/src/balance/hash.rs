//! `balance=hash`: the backend of a key, as nginx's `hash … consistent` chooses it. When a backend leaves, its keys go to
//! the others, and all other keys stay where they are.

use super::candidates::{Candidate, Candidates};
use super::policy::{Policy, PolicyRow};
use super::ring::{Ring, Rings};
use crate::table::Word;
use std::cell::RefCell;

pub(super) const ROW: PolicyRow = PolicyRow {
    name: "hash",
    text: "The backend that the `hash_key` has on a ring of points, those of nginx's `hash … consistent`.",
    build: || Box::<Hash>::default(),
};

/// Points without a usable backend that a request passes by: then its backend is the next one in turn, as in nginx.
const STEPS: usize = 20;

/// Consistent hashing.
#[derive(Debug, Default)]
pub(super) struct Hash {
    pub(super) rings: RefCell<Rings>,
}

impl<W: Word> Policy<W> for Hash {
    fn next(&self, candidates: &Candidates<'_, W>) -> Option<Candidate> {
        // Backups take turns, and so do requests without a key.
        let has_key = !candidates.key.is_empty() && !candidates.are_backups();
        let mut rings = self.rings.try_borrow_mut().ok().filter(|_| has_key);
        let ring = rings.as_mut().and_then(|rings| rings.of(candidates.route));
        ring.and_then(|ring| walk(ring, candidates))
            .or_else(|| candidates.turn(|_| true))
    }

    fn takes_key(&self) -> bool {
        true
    }
}

fn walk<W: Word>(ring: &Ring, candidates: &Candidates<'_, W>) -> Option<Candidate> {
    let start = ring.find(candidates.key);
    (0..=STEPS).find_map(|step| {
        let (number, place) = ring.place(start.saturating_add(step))?;
        if place.is_alone {
            candidates.at(place.first.into())
        } else {
            candidates.turn(|candidate| ring.is_at(candidate.index, number))
        }
    })
}
