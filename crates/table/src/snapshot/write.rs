//! Writes a table as a file, a block at a time.

use super::encode;
use super::{BLOCK, Head, MAGIC, VERSION, next_check};
use crate::route::Match;
use crate::table::{Keys, RouteView};
use zeroize::Zeroizing;

/// A file in the making. What is in it may be secret: its memory is wiped in the end.
pub struct Snapshot {
    /// Finished bytes, not yet taken.
    out: Zeroizing<Vec<u8>>,
    /// The block that is being filled.
    block: Zeroizing<Vec<u8>>,
    route: Zeroizing<Vec<u8>>,
    check: u64,
    routes: u64,
}

impl Snapshot {
    /// Begins a file.
    #[must_use]
    pub fn new(head: &Head) -> Self {
        let room = || Zeroizing::new(Vec::with_capacity(BLOCK.saturating_mul(2)));
        let mut file = Self {
            out: room(),
            block: room(),
            route: room(),
            check: 0,
            routes: 0,
        };
        file.out.extend(MAGIC);
        file.out.extend(VERSION.to_le_bytes());
        file.check = next_check(0, &file.out);
        file.block.push(mode_code(head.mode));
        file.block.extend(head.source.to_le_bytes());
        encode::bytes(&mut file.block, head.name.as_bytes());
        file.close_block();
        file
    }

    /// Adds a route.
    pub fn add(&mut self, view: &RouteView<'_>, keys: &Keys<'_>) {
        self.route.clear();
        encode::route(&mut self.route, view, keys);
        if self.route.is_empty() {
            return;
        }
        encode::bytes(&mut self.block, &self.route);
        self.routes = self.routes.saturating_add(1);
        if self.block.len() >= BLOCK {
            self.close_block();
        }
    }

    /// The bytes that are ready to be written; [`Snapshot::wrote`] when they are.
    #[must_use]
    pub fn ready(&self) -> &[u8] {
        &self.out
    }

    /// What was ready has been written.
    pub fn wrote(&mut self) {
        self.out.clear();
    }

    /// There are no more routes: what is ready now is the end of the file.
    pub fn finish(&mut self) {
        self.close_block();
        self.out.extend([0; 4]);
        let end = next_check(self.check, &self.routes.to_le_bytes());
        self.out.extend(end.to_le_bytes());
    }

    /// How many routes have been added.
    #[must_use]
    pub fn routes(&self) -> u64 {
        self.routes
    }

    fn close_block(&mut self) {
        let Ok(len @ 1..) = u32::try_from(self.block.len()) else {
            return;
        };
        self.check = next_check(self.check, &self.block);
        self.out.extend(len.to_le_bytes());
        self.out.extend(self.check.to_le_bytes());
        self.out.extend(self.block.iter());
        self.block.clear();
    }
}

/// The number of a way to compare keys.
pub(super) fn mode_code(mode: Match) -> u8 {
    match mode {
        Match::Host => 1,
        Match::Exact => 2,
    }
}
