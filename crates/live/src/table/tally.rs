//! What a reading did to the table.

use gatehouse_table::route::Key;
use gatehouse_table::table::{Applied, ApplyError};

/// What was done to the table.
#[derive(Clone, Default)]
pub(super) struct Tally {
    /// Routes of the file before.
    pub(super) before: usize,
    /// Routes of the file now.
    pub(super) total: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
    refused: usize,
    /// Why the first of them was, and its key.
    why: Option<(ApplyError, String)>,
    /// The writer before was killed at work.
    pub(super) repaired: bool,
}

impl Tally {
    /// Counts a change of a key.
    pub(super) fn count(&mut self, key: &Key, result: Result<Applied, ApplyError>) {
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
                let name = || String::from_utf8_lossy(key.as_bytes()).into_owned();
                self.why.get_or_insert_with(|| (error, name()));
            }
        }
    }

    /// Changes that the table refused, if any.
    pub(super) fn refusal(&self) -> Option<String> {
        let (refused, total) = (self.refused, self.total);
        let (why, key) = self.why.as_ref()?;
        let more = match refused.saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "{refused} of {total} changes refused: {why} (\"{key}\"{more})"
        ))
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
