//! What a writer notes for those who follow the table's events.

use super::events::What;
use super::{Word, Writer};

impl<W: Word> Writer<'_, W> {
    /// The changes that follow are no news to those who follow the table: routes stay what they were written as.
    pub fn be_quiet(&mut self) {
        self.is_quiet = true;
    }

    pub(super) fn note(&self, what: What, text: &[u8]) {
        if !self.is_quiet {
            self.table().note_event(what, text);
        }
    }

    /// Notes what those who follow the table are to know, and what is no change of a route.
    pub fn note_news(&mut self, what: What, text: &[u8]) {
        self.begin();
        self.table().note_event(what, text);
        self.end_unseen();
    }
}
