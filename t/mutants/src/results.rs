//! What came of each fault, one JSON object per line.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::left::{Left, Why};
use crate::mutant::Mutant;

/// What came of a fault.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// A test failed, and once more when run alone.
    Noticed,
    /// Everything passed.
    Unnoticed,
    /// The tests did not come to an end.
    Timeout,
    /// The compiler refuses it.
    Unbuildable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Noticed => "noticed",
            Verdict::Unnoticed => "UNNOTICED",
            Verdict::Timeout => "timeout",
            Verdict::Unbuildable => "unbuildable",
        })
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Row {
    key: String,
    fault: String,
    verdict: Verdict,
    by: String,
    seconds: f64,
}

/// All results so far.
pub(crate) struct Results {
    rows: Vec<Row>,
    newest: HashMap<String, usize>,
    file: File,
}

impl Results {
    /// Reads what an earlier run has left and appends to it.
    pub(crate) fn open(path: &Path) -> Result<Results, String> {
        let failed = |e: std::io::Error| format!("{}: {e}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        let mut results = Results {
            rows: Vec::new(),
            newest: HashMap::new(),
            file: file.try_clone().map_err(failed)?,
        };
        for line in BufReader::new(file).lines() {
            let line = line.map_err(failed)?;
            // A run that was killed may have left half a line.
            if let Ok(row) = serde_json::from_str::<Row>(&line) {
                results.keep(row);
            }
        }
        Ok(results)
    }

    /// What one test has noticed is noticed, whatever another one says that runs beside it or later.
    fn keep(&mut self, row: Row) {
        let known = self.newest.get(&row.key).and_then(|at| self.rows.get(*at));
        let is_noticed = known.is_some_and(|known| known.verdict == Verdict::Noticed);
        if is_noticed && row.verdict == Verdict::Unnoticed {
            return;
        }
        self.newest.insert(row.key.clone(), self.rows.len());
        self.rows.push(row);
    }

    fn row(&self, mutant: &Mutant) -> Option<&Row> {
        self.rows.get(*self.newest.get(&mutant.key)?)
    }

    /// What is known of a fault.
    pub(crate) fn verdict(&self, mutant: &Mutant) -> Option<Verdict> {
        self.row(mutant).map(|row| row.verdict)
    }

    /// Keeps a result.
    pub(crate) fn add(
        &mut self,
        mutant: &Mutant,
        verdict: Verdict,
        by: String,
        seconds: f64,
    ) -> Result<(), String> {
        let row = Row {
            key: mutant.key.clone(),
            fault: mutant.to_string(),
            verdict,
            by,
            seconds,
        };
        let line = serde_json::to_string(&row).map_err(|e| e.to_string())?;
        writeln!(self.file, "{line}").map_err(|e| e.to_string())?;
        self.keep(row);
        Ok(())
    }

    /// How often a test file has noticed a fault of a source file.
    pub(crate) fn noticed(&self, source: &str, test: &str) -> usize {
        let source = format!("{source}:");
        let test = format!("{test}: ");
        self.rows
            .iter()
            .filter(|row| row.fault.starts_with(&source) && row.by.starts_with(&test))
            .count()
    }

    fn tally<'a>(&self, mutants: impl Iterator<Item = &'a Mutant>, left: &Left) -> Tally {
        let mut tally = Tally::default();
        for mutant in mutants {
            tally.listed += 1;
            let verdict = self.verdict(mutant);
            *match (verdict, left.why(mutant)) {
                (None, _) => &mut tally.not_run,
                (Some(Verdict::Noticed | Verdict::Timeout), _) => &mut tally.noticed,
                (Some(Verdict::Unbuildable), _) => &mut tally.unbuildable,
                (Some(Verdict::Unnoticed), Some(Why::Equivalent)) => &mut tally.equivalent,
                (Some(Verdict::Unnoticed), Some(Why::Elsewhere)) => &mut tally.elsewhere,
                (Some(Verdict::Unnoticed), _) => &mut tally.unnoticed,
            } += 1;
        }
        tally
    }

    /// One line about all of them.
    pub(crate) fn counts(&self, mutants: &[Mutant], left: &Left) -> String {
        let tally = self.tally(mutants.iter(), left);
        format!("{HEAD}\n{}", tally.row("all"))
    }

    /// A table by folder, the list of those not noticed that have no reason yet, with a word about those that no test
    /// even reaches, and what has a reason but needs none.
    pub(crate) fn report(
        &self,
        mutants: &[Mutant],
        left: &Left,
        reached: Option<&dyn Fn(&Mutant) -> bool>,
    ) -> String {
        let mut folders: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            folders
                .entry(folder(&mutant.file))
                .or_default()
                .push(mutant);
        }
        let mut out = format!("{HEAD}\n");
        for (folder, mutants) in &folders {
            let tally = self.tally(mutants.iter().copied(), left);
            let _ = writeln!(out, "{}", tally.row(&format!("`{folder}`")));
        }
        let all = self.tally(mutants.iter(), left);
        let _ = writeln!(
            out,
            "{}\n\nNot noticed, without a reason:\n",
            all.row("all")
        );
        let unnoticed = |mutant: &&Mutant| self.verdict(mutant) == Some(Verdict::Unnoticed);
        for mutant in mutants.iter().filter(unnoticed) {
            if left.why(mutant).is_none() {
                let is_reached = reached.is_none_or(|reached| reached(mutant));
                let word = if is_reached { "" } else { " not reached" };
                let _ = writeln!(out, "- `{}` line {}{word}", Left::line(mutant), mutant.line);
            }
        }
        let not_run = |mutant: &&Mutant| self.verdict(mutant).is_none();
        let may_be_left = mutants.iter().filter(|m| unnoticed(m) || not_run(m));
        out.push_str("\nWith a reason, but noticed or no fault any more:\n\n");
        for line in left.others(may_be_left) {
            let _ = writeln!(out, "- `{line}`");
        }
        out
    }
}

/// The folder of a source file: `src/token`, `crates/nginx/src/http`; of a file beside folders the one that both are in.
fn folder(file: &str) -> &str {
    let start = file.find("src/").map_or(0, |at| at.saturating_add(4));
    let below = file.get(start..).and_then(|rest| rest.find('/'));
    let end = below.map_or(start.saturating_sub(1), |at| start.saturating_add(at));
    file.get(..end).unwrap_or(file)
}

const HEAD: &str = "| | listed | do not compile | not tried | noticed | nobody can | by other tests | not noticed | noticed |\n\
    |---|---:|---:|---:|---:|---:|---:|---:|---:|";

#[derive(Default)]
struct Tally {
    listed: u32,
    unbuildable: u32,
    not_run: u32,
    noticed: u32,
    equivalent: u32,
    elsewhere: u32,
    unnoticed: u32,
}

impl Tally {
    /// A row of the table. The share is of those that the tests of the room could notice.
    fn row(&self, name: &str) -> String {
        let could = f64::from(self.noticed + self.unnoticed);
        let share = f64::from(self.noticed) * 100.0 / could.max(1.0);
        format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {share:.1} % |",
            self.listed,
            self.unbuildable,
            self.not_run,
            self.noticed,
            self.equivalent,
            self.elsewhere,
            self.unnoticed,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::folder;

    #[test]
    fn folders() {
        assert_eq!(folder("src/token/strip.rs"), "src/token");
        assert_eq!(
            folder("crates/nginx/src/http/header/known.rs"),
            "crates/nginx/src/http"
        );
        assert_eq!(folder("crates/nginx/src/lib.rs"), "crates/nginx/src");
        assert_eq!(folder("src/lib.rs"), "src");
    }
}
