//! The faults that no test notices and that have been looked at: `t/mutants/left/ROOM.md` says why each is left.
//!
//! A line `- file: fault` of it is one, with the words of the report; a heading says what all below it are. All else is
//! for readers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::mutant::Mutant;
use crate::room::Room;

/// Why a fault is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Nobody can notice it: the same is done, or its code is not part of what the tests run.
    Equivalent,
    /// Other tests notice it than those that the run knows.
    Elsewhere,
    /// It could be noticed.
    Open,
}

const EQUIVALENT: &str = "## Nobody can notice";
const ELSEWHERE: &str = "## Noticed by other tests";

/// The faults that have a reason.
#[derive(Default)]
pub(crate) struct Left(BTreeMap<String, Why>);

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
        let mut why = Why::Open;
        let mut faults = BTreeMap::new();
        for line in text.lines() {
            if line.starts_with("## ") {
                why = match line {
                    EQUIVALENT => Why::Equivalent,
                    ELSEWHERE => Why::Elsewhere,
                    _ => Why::Open,
                };
            } else if let Some(fault) = line.strip_prefix("- `").and_then(|l| l.strip_suffix('`')) {
                faults.insert(fault.to_owned(), why);
            }
        }
        Self(faults)
    }

    /// Why it is left, if it has a reason. Line numbers do not count: they move.
    pub(crate) fn why(&self, mutant: &Mutant) -> Option<Why> {
        self.0.get(&Self::line(mutant)).copied()
    }

    /// The lines that are about none of these faults.
    pub(crate) fn others<'a>(
        &'a self,
        faults: impl Iterator<Item = &'a Mutant>,
    ) -> impl Iterator<Item = &'a str> {
        let known: std::collections::BTreeSet<String> = faults.map(Self::line).collect();
        let lines = self.0.keys().map(String::as_str);
        lines.filter(move |line| !known.contains(*line))
    }

    /// How the list names a fault.
    pub(crate) fn line(mutant: &Mutant) -> String {
        format!("{}: {}", mutant.file, mutant.what)
    }
}

#[cfg(test)]
mod tests {
    use super::{Left, Why};

    #[test]
    fn lines_of_faults() {
        let left = Left::parse(
            "# Left\n\nWhy.\n\n- `a.rs: x`\n- not this\n## Nobody can notice\n\n- `a.rs: y`\n",
        );
        let found: Vec<_> = left.0.iter().map(|(line, why)| (&**line, *why)).collect();
        assert_eq!(
            found,
            [("a.rs: x", Why::Open), ("a.rs: y", Why::Equivalent)]
        );
    }
}
