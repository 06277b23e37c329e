//! Room for what does not fit at once.

use super::{Word, Writer};

/// How far [`Writer::make_room`] has come; begins with `Room::default()`.
#[derive(Debug, Default)]
pub struct Room {
    _next: (),
}

/// Rested blocks freed in one slice.
const RELEASES: usize = 1024;

impl<W: Word> Writer<'_, W> {
    /// One slice of making room after [`ApplyError::Full`](super::ApplyError::Full), a millisecond or two; true while
    /// there is more to do. The lock may be given up between two slices.
    pub fn make_room(&mut self, _room: &mut Room) -> bool {
        self.release(RELEASES)
    }
}
