//! The search for room: the new routes fit the zone, but not yet beside the old ones.

use crate::chunks::{Position, Stack};
use gatehouse_table::route::{Key, Match};
use gatehouse_table::table::{Applied, ApplyError, Change, Owner, Room, RouteView, Writer};

/// How far the search has come: first what rests is freed, then old routes of which the new ones come later go early.
#[derive(Default)]
pub(super) struct Search {
    /// What rests is being freed.
    freeing: Option<Room>,
    /// All of it is free.
    freed: bool,
    /// How many of the routes to come have lost their old ones, and where they end.
    early: usize,
    position: Position,
    /// How many more lose theirs before all that is free is brought together again.
    quota: usize,
    /// The old route of the one whose turn it is has gone, too.
    own: bool,
}

/// Most old routes that go early in one step.
const REMOVALS: usize = 16;

impl Search {
    /// Begins to free what rests, unless that has been done.
    fn begin(&mut self) -> bool {
        let begun = !std::mem::take(&mut self.freed);
        if begun {
            self.freeing = Some(Room::default());
        }
        begun
    }

    /// Goes on with the freeing; false while there is more to free.
    pub(super) fn is_made(&mut self, writer: &mut Writer<'_>) -> bool {
        let Some(room) = &mut self.freeing else {
            return true;
        };
        if !writer.make_room(room) {
            self.freeing = None;
            self.freed = true;
        }
        false
    }

    /// Looks for room for the route of `key`, which comes before all of `later`; false when there is nothing left to try.
    pub(super) fn find(
        &mut self,
        writer: &mut Writer<'_>,
        key: &Key,
        later: &Stack<u64>,
        mode: Match,
    ) -> bool {
        if self.quota == 0 {
            if self.begin() {
                return true;
            }
            // Twice as many each time: bringing together walks over the whole table.
            self.quota = self.early.max(1);
        }
        for _ in 0..self.quota.min(REMOVALS) {
            if !self.remove_early(writer, key, later, mode) {
                return false;
            }
            if self.quota == 0 {
                break;
            }
        }
        true
    }

    /// Removes the old route of one that comes later, or in the end of this one; false when these are gone.
    fn remove_early(
        &mut self,
        writer: &mut Writer<'_>,
        key: &Key,
        later: &Stack<u64>,
        mode: Match,
    ) -> bool {
        let next = later.walk(&mut self.position);
        // Its new route counts as another one, whatever becomes of the old one here.
        if let Some(words) = next {
            self.early = self.early.saturating_add(1);
            self.quota = self.quota.saturating_sub(1);
            if let Ok(key) = Key::parse(RouteView::from_words(words).key(), mode) {
                let _ = remove(writer, &key);
            }
            return true;
        }
        // The last time: what is free is brought together once more.
        self.quota = 0;
        if std::mem::replace(&mut self.own, true) {
            return false;
        }
        let _ = remove(writer, key);
        true
    }
}

/// Removes a route of the file.
pub(super) fn remove(writer: &mut Writer<'_>, key: &Key) -> Result<Applied, ApplyError> {
    writer.apply(&Change::Remove {
        key,
        owner: Owner::File,
    })
}
