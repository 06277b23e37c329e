//! The faults that no test notices and that have been looked at: `t/mutants/left/ROOM.md` says why each is left.
//!
//! A line `- file: fault` of it is one, with the words of the report; all else is for readers.

use std::collections::HashSet;
use std::path::Path;

use crate::mutant::Mutant;
use crate::room::Room;

/// The faults that have a reason.
#[derive(Default)]
pub(crate) struct Left(HashSet<String>);

impl Left {
    /// Reads a room's list; without one nothing has a reason.
    pub(crate) fn read(root: &Path, room: Room) -> Self {
        let path = root
            .join("t/mutants/left")
            .join(room.name())
            .with_extension("md");
        Self::parse(&std::fs::read_to_string(path).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let faults = text.lines().filter_map(|line| {
            let fault = line.strip_prefix("- `")?.strip_suffix('`')?;
            Some(fault.to_owned())
        });
        Self(faults.collect())
    }

    /// Whether it has one. Line numbers do not count: they move.
    pub(crate) fn has(&self, mutant: &Mutant) -> bool {
        self.0.contains(&Self::line(mutant))
    }

    /// How the list names a fault.
    pub(crate) fn line(mutant: &Mutant) -> String {
        format!("{}: {}", mutant.file, mutant.what)
    }
}

#[cfg(test)]
mod tests {
    use super::Left;

    #[test]
    fn lines_of_faults() {
        let left = Left::parse("# Left\n\nWhy.\n\n- `a.rs: replace x with y`\n- not this\n");
        assert_eq!(left.0.len(), 1);
        assert!(left.0.contains("a.rs: replace x with y"));
    }
}
