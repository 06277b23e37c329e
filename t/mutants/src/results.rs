//! What came of each fault, one JSON object per line.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::left::Left;
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

    fn tally<'a>(&self, mutants: impl Iterator<Item = &'a Mutant>) -> Tally {
        let mut tally = Tally::default();
        for mutant in mutants {
            tally.all = tally.all.saturating_add(1);
            let Some(row) = self.row(mutant) else {
                continue;
            };
            let count = match row.verdict {
                Verdict::Noticed | Verdict::Timeout => &mut tally.noticed,
                Verdict::Unnoticed => &mut tally.unnoticed,
                Verdict::Unbuildable => &mut tally.unbuildable,
            };
            *count = count.saturating_add(1);
        }
        tally
    }

    /// One line about all of them.
    pub(crate) fn counts(&self, mutants: &[Mutant]) -> String {
        let tally = self.tally(mutants.iter());
        format!(
            "{} faults: {} noticed, {} not, {} do not compile, {} not run",
            tally.all,
            tally.noticed,
            tally.unnoticed,
            tally.unbuildable,
            tally.left()
        )
    }

    /// A table by file and the list of those not noticed that have no reason yet, with a word about those that no test
    /// even reaches.
    pub(crate) fn report(
        &self,
        mutants: &[Mutant],
        left: &Left,
        reached: Option<&dyn Fn(&Mutant) -> bool>,
    ) -> String {
        let mut files: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            files.entry(&mutant.file).or_default().push(mutant);
        }
        let mut out = String::from(
            "| file | faults | noticed | not noticed | do not compile | not run |\n|---|---|---|---|---|---|\n",
        );
        for (file, mutants) in &files {
            let tally = self.tally(mutants.iter().copied());
            let _ = writeln!(
                out,
                "| `{file}` | {} | {} | {} | {} | {} |",
                tally.all,
                tally.noticed,
                tally.unnoticed,
                tally.unbuildable,
                tally.left()
            );
        }
        let _ = writeln!(out, "\n{}\n", self.counts(mutants));
        let mut with_reason = 0_usize;
        for mutant in mutants {
            if self.verdict(mutant) != Some(Verdict::Unnoticed) {
                continue;
            }
            if left.has(mutant) {
                with_reason = with_reason.saturating_add(1);
                continue;
            }
            let is_reached = reached.is_none_or(|reached| reached(mutant));
            let word = if is_reached { "" } else { " not reached" };
            let _ = writeln!(out, "- `{}` line {}{word}", Left::line(mutant), mutant.line);
        }
        let _ = writeln!(
            out,
            "\n{with_reason} not noticed have a reason in t/mutants/left"
        );
        out
    }
}

#[derive(Default)]
struct Tally {
    all: usize,
    noticed: usize,
    unnoticed: usize,
    unbuildable: usize,
}

impl Tally {
    fn left(&self) -> usize {
        self.all
            .saturating_sub(self.noticed)
            .saturating_sub(self.unnoticed)
            .saturating_sub(self.unbuildable)
    }
}
