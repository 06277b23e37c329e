//! How large a table must be for given routes, known before any of them is applied.

use super::ApplyError;
use super::cells::cells_for;
use super::layout::{
    self, CELLS_PER_PAGE, CLASSES, Geometry, PAGE, PEERS_PER_PAGE, class_of, class_words,
};
use super::peers::identity;
use super::prepared::Prepared;
use super::record::Owner;
use super::view::RouteView;
use crate::route::{Endpoint, Key, Resolved};
use gatehouse_base::hashes::HashShards;
use rapidhash::v3::RapidSecrets;
use std::hash::{BuildHasher, RandomState};

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
    secrets: RapidSecrets,
    routes: usize,
    /// Blocks of each size: records and what is attached to them.
    blocks: [usize; CLASSES],
    peers: HashShards,
    cells: usize,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            // The identities never leave this value: any secrets will do as long as it cannot be guessed.
            secrets: RapidSecrets::seed(RandomState::new().hash_one(0)),
            routes: 0,
            blocks: [0; CLASSES],
            peers: HashShards::default(),
            cells: 0,
        }
    }
}

/// Pages beyond what the routes fill: while a route is replaced its old and its new record, peers and cells are there;
/// and the table keeps one for moving things.
const SPARE_PAGES: usize = 4;

impl Demand {
    /// Adds a route of a file.
    ///
    /// # Errors
    /// [`ApplyError::TooBig`]: no table takes this route.
    pub fn add(&mut self, key: &Key, route: &Resolved<'_>) -> Result<(), ApplyError> {
        let prepared = Prepared::new(key, Owner::File, route)?;
        self.add_prepared(&prepared, route)
    }

    /// As [`Demand::add`], for a route that has been prepared.
    ///
    /// # Errors
    /// [`ApplyError::TooBig`]: no table takes this route.
    pub fn add_prepared(
        &mut self,
        prepared: &Prepared,
        route: &Resolved<'_>,
    ) -> Result<(), ApplyError> {
        let view = RouteView::from_words(prepared.words());
        self.add_blocks(&view)?;
        let endpoints = route.endpoints.iter();
        endpoints.for_each(|one| self.add_peer(one, route.check));
        Ok(())
    }

    /// As [`Demand::add`], for a route of the file that a table has.
    ///
    /// # Errors
    /// [`ApplyError::TooBig`]: these are no words of a route.
    pub fn add_stored(&mut self, route: &RouteView<'_>) -> Result<(), ApplyError> {
        self.add_blocks(route)?;
        let (backends, check) = (route.backends(), route.check());
        backends.for_each(|backend| self.add_peer(&backend.endpoint(), check));
        Ok(())
    }

    /// Adds all of a route but its peers.
    fn add_blocks(&mut self, route: &RouteView<'_>) -> Result<(), ApplyError> {
        for words in route.blocks() {
            let class = class_of(words);
            let count = class
                .and_then(|class| self.blocks.get_mut(class))
                .ok_or(ApplyError::TooBig)?;
            *count = count.saturating_add(1);
        }
        self.routes = self.routes.saturating_add(1);
        self.cells = self.cells.saturating_add(cells_for(route.backend_count()));
        Ok(())
    }

    fn add_peer(&mut self, endpoint: &Endpoint<'_>, check: Option<&str>) {
        let (high, low) = identity(endpoint, check, &self.secrets);
        self.peers.insert(u128::from(high) << 64 | u128::from(low));
    }

    /// Frees a part of the memory, when the answer is known; false when there is none left. All at once would take long.
    pub fn shrink(&mut self) -> bool {
        self.peers.shrink()
    }

    /// Routes added so far.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routes
    }

    fn pages(&self) -> usize {
        let blocks = self.blocks.iter().enumerate();
        let blocks = blocks.map(|(class, count)| {
            let per_page = PAGE.checked_div(class_words(class)).unwrap_or(1);
            count.div_ceil(per_page.max(1))
        });
        let peers = self.peers.len().div_ceil(PEERS_PER_PAGE);
        let cells = self.cells.div_ceil(CELLS_PER_PAGE as usize);
        blocks
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
    #[must_use]
    pub fn bytes(&self) -> usize {
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
