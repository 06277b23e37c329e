//! Running a pure crate's own tests with one fault switched on.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::mutant::Mutant;
use crate::results::Verdict;
use crate::switched::VARIABLE;
use crate::trial::finish;

/// Many times what they take without a fault.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// These take seconds each: every byte of a file damaged, 16 MiB filled, 1,000,000 routes. A test is left out when its
/// path contains one.
const SLOW: [&str; 5] = [
    "every_flipped",
    "records_beyond",
    "what_the_format",
    "::scale::",
    "cost::",
];

/// How a line about a test that failed ends.
const FAILED: &str = " ... FAILED";

/// The program with a crate's own tests.
pub(crate) struct OwnTests {
    program: PathBuf,
    /// Where the crate is: tests read files beside it.
    folder: PathBuf,
    log: PathBuf,
    skipped: &'static [&'static str],
}

impl OwnTests {
    /// The tests of a program that was built for the crate in `folder`.
    ///
    /// `quick` leaves out those that take seconds each.
    pub(crate) fn new(program: PathBuf, folder: PathBuf, log: PathBuf, quick: bool) -> Self {
        Self {
            program,
            folder,
            log,
            skipped: if quick { &SLOW } else { &[] },
        }
    }

    /// Without a fault everything must pass.
    pub(crate) fn unharmed(&self) -> Result<(), String> {
        match self.test(0)? {
            Some(true) => Ok(()),
            _ => Err(format!("fails without a fault: see {}", self.log.display())),
        }
    }

    /// Switches the fault on, and says what came of it and which test noticed.
    pub(crate) fn run(&self, mutant: &Mutant) -> Result<(Verdict, String), String> {
        Ok(match self.test(mutant.number)? {
            Some(true) => (Verdict::Unnoticed, String::new()),
            Some(false) => (Verdict::Noticed, self.first_failure()),
            None => (Verdict::Timeout, String::new()),
        })
    }

    fn test(&self, number: u32) -> Result<Option<bool>, String> {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.folder)
            .env(VARIABLE, number.to_string())
            .args(self.skipped.iter().flat_map(|name| ["--skip", name]));
        finish(command, &self.log, TIME_LIMIT, &|log| log.contains(FAILED))
    }

    fn first_failure(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let failed = |line: &str| {
            let title = line.strip_prefix("test ")?.strip_suffix(FAILED)?;
            Some(title.to_owned())
        };
        log.lines().find_map(failed).unwrap_or_default()
    }
}
