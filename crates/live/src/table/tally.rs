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

    /// A warning that no route is left of a few: of many, the brake has refused that, or it is off.
    pub(super) fn loss(&self) -> Option<String> {
        let (removed, total) = (self.removed, self.total);
        (total == 0 && removed > 0)
            .then(|| format!("{removed} of {removed} routes were removed, {total} are left"))
    }
}
