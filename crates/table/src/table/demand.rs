//! How large a table must be for given routes, known before any of them is applied.

use super::fitting::nowhere;
use super::layout::{self, CLASSES, Geometry, LINE, PAGE, class_of, class_words};
use super::peers::{Identity, identity};
use super::record::{Owner, encode};
use super::{ApplyError, HashKey};
use crate::route::{Key, Resolved};
use std::collections::HashSet;

/// What routes need of a table's memory, added up one after another.
///
/// A file is checked as a whole before any of it is applied: [`Demand::add`] for each of its routes (resolved as they
/// will be applied), then [`Demand::fits`] with the words of the zone; if it does not fit, the file is refused. The
/// answer depends on the routes alone, so it is the same for `nginx -t`, for a reload and for a change while nginx runs.
///
/// If it fits, an empty table takes all of it in any order. In a table in use, old and new routes are side by side for a
/// while, and what is free may be scattered. So: remove first what is gone, then put what is new; when a put says
/// [`ApplyError::Full`], call [`Writer::make_room`](super::Writer::make_room) slice by slice until it has no more to do,
/// and put again. If that says so again, old and new do not fit side by side: remove the route of a key whose turn has
/// yet to come and put again, then of two, of four and so on, with `make_room` in between. With a demand that fits, that
/// always ends with every route in the table.
#[derive(Debug)]
pub struct Demand {
    key: HashKey,
    routes: usize,
    records: [usize; CLASSES],
    peers: HashSet<Identity>,
    cells: usize,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            // The identities never leave this value: any key will do as long as nobody can guess it.
            key: HashKey::random(),
            routes: 0,
            records: [0; CLASSES],
            peers: HashSet::new(),
            cells: 0,
        }
    }
}

/// Pages beyond what the routes fill: while a route is replaced its old and its new record, peers and cells are there;
/// and the table keeps one for moving things.
const SPARE_PAGES: usize = 4;

impl Demand {
    /// Adds a route.
    ///
    /// # Errors
    /// [`ApplyError::TooBig`]: no table takes this route.
    pub fn add(&mut self, key: &Key, route: &Resolved<'_>) -> Result<(), ApplyError> {
        let places = nowhere(route);
        let record = encode(key.as_bytes(), Owner::File, route, &places);
        let class = record.and_then(|record| class_of(record.len()));
        let count = class
            .and_then(|class| self.records.get_mut(class))
            .ok_or(ApplyError::TooBig)?;
        *count = count.saturating_add(1);
        self.routes = self.routes.saturating_add(1);
        let secrets = &self.key.secrets;
        self.peers
            .extend(route.endpoints.iter().map(|e| identity(e, secrets)));
        if route.endpoints.len() > 1 {
            self.cells = self.cells.saturating_add(route.endpoints.len());
        }
        Ok(())
    }

    /// Routes added so far.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routes
    }

    fn pages(&self) -> usize {
        let records = self.records.iter().enumerate();
        let records = records.map(|(class, count)| count.div_ceil(PAGE / class_words(class)));
        let peers = self.peers.len().div_ceil(PAGE / LINE);
        let cells = self.cells.div_ceil(layout::CELLS_PER_PAGE as usize);
        records
            .sum::<usize>()
            .saturating_add(peers)
            .saturating_add(cells)
            .saturating_add(SPARE_PAGES)
    }

    /// Whether a table of so many words ([`Stats::words`](super::Stats::words)) takes the routes.
    #[must_use]
    pub fn fits(&self, words: usize) -> bool {
        Geometry::new(words).is_some_and(|geo| {
            // An index seven eighths full finds room for every entry.
            let slots = geo.buckets.saturating_mul(layout::BUCKET);
            geo.pages >= self.pages() && slots.saturating_sub(slots / 8) >= self.routes
        })
    }

    /// Bytes of the smallest memory that takes the routes, in whole KiB.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let kib = |words: usize| words.div_ceil(128);
        let (mut small, mut enough) = (1_usize, 1_usize);
        while !self.fits(enough.saturating_mul(128)) && enough < kib(layout::MAX_WORDS) {
            (small, enough) = (enough, enough.saturating_mul(2));
        }
        while small < enough {
            let middle = small.midpoint(enough);
            if self.fits(middle.saturating_mul(128)) {
                enough = middle;
            } else {
                small = middle.saturating_add(1);
            }
        }
        enough.saturating_mul(1024)
    }
}
