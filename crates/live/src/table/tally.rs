//! What a reading did to the table.

use gatehouse_table::table::{Applied, ApplyError};

/// What was done to the table.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    /// Routes of the file before.
    pub(super) before: usize,
    /// Routes of the file now.
    pub(super) total: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
    refused: usize,
    why: Option<ApplyError>,
    /// The writer before was killed at work.
    pub(super) repaired: bool,
}

impl Tally {
    /// Counts a change.
    pub(super) fn count(&mut self, result: Result<Applied, ApplyError>) {
        let more = |n: &mut usize| *n = n.saturating_add(1);
        match result {
            Ok(Applied::Unchanged | Applied::Missing) => {}
            Ok(Applied::Removed) => {
                more(&mut self.changed);
                more(&mut self.removed);
            }
            Ok(Applied::Created | Applied::Replaced) => more(&mut self.changed),
            Err(error) => {
                more(&mut self.refused);
                self.why = Some(error);
            }
        }
    }

    /// Whether so many routes are gone that it may well be a mistake.
    fn most_are_gone(&self) -> bool {
        let emptied = self.total == 0 && self.removed > 0;
        emptied || (self.before >= 100 && self.removed.saturating_mul(2) > self.before)
    }

    /// Changes that the table refused, if any.
    pub(super) fn refusal(&self) -> Option<String> {
        let (refused, total) = (self.refused, self.total);
        let why = self.why?;
        Some(format!("{refused} of {total} changes refused: {why}"))
    }

    /// `3 routes, 1 changed`
    pub(super) fn summary(&self) -> String {
        let plural = if self.total == 1 { "" } else { "s" };
        format!("{} route{plural}, {} changed", self.total, self.changed)
    }

    /// A warning that most routes are gone.
    pub(super) fn loss(&self) -> Option<String> {
        let (removed, before, total) = (self.removed, self.before, self.total);
        self.most_are_gone()
            .then(|| format!("{removed} of {before} routes were removed, {total} are left"))
    }
}
