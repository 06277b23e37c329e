//! Running a pure crate's own tests with one fault switched on: those that reach it, the quickest first.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::mutant::{Mutant, numbers};
use crate::results::Verdict;
use crate::switched::{MARKS, REACHED, VARIABLE};
use crate::trial::finish;

/// A run of tests may take so long, and so many times what they take without a fault.
const TIME_LIMIT: Duration = Duration::from_secs(10);
const TIMES: f64 = 20.0;

/// One test alone may take so long.
const ALONE: Duration = Duration::from_secs(300);

/// Tests up to so many seconds run together, then those up to the next step: most faults cost no more than the first.
const STEPS: [f64; 3] = [0.1, 1.0, f64::INFINITY];

/// How a line about a test that failed ends.
const FAILED: &str = " ... FAILED";

/// What a test does without a fault, alone.
#[derive(Debug, Deserialize, Serialize)]
struct Test {
    name: String,
    seconds: f64,
    /// The faults whose code it runs.
    reaches: Vec<u32>,
}

/// The tests of one program, in a file for runs to come and for the report.
#[derive(Deserialize, Serialize)]
struct Known {
    /// A hash of it.
    program: u64,
    tests: Vec<Test>,
}

/// The program with a crate's own tests.
pub(crate) struct OwnTests {
    program: PathBuf,
    /// Where the crate is: tests read files beside it.
    folder: PathBuf,
    log: PathBuf,
    tests: Vec<Test>,
}

impl OwnTests {
    /// The tests of a program that was built for the crate in `folder`.
    pub(crate) fn new(program: PathBuf, folder: PathBuf, log: PathBuf) -> Self {
        Self {
            program,
            folder,
            log,
            tests: Vec::new(),
        }
    }

    /// Without a fault every test must pass, alone as well: that is how what it reaches becomes known. `known` keeps
    /// this for runs of the same program.
    ///
    /// `quick` leaves out those that take a second each.
    pub(crate) fn unharmed(&mut self, known: &Path, quick: bool) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", known.display());
        let mut hasher = DefaultHasher::new();
        std::fs::read(&self.program)
            .map_err(failed)?
            .hash(&mut hasher);
        let program = hasher.finish();
        let kept = kept(known).filter(|kept| kept.program == program);
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let tests = self.names()?.into_iter().map(|name| self.alone(name));
                let tests = tests.collect::<Result<_, String>>()?;
                let measured = Known { program, tests };
                let json = serde_json::to_vec(&measured).map_err(|e| e.to_string())?;
                std::fs::write(known, json).map_err(failed)?;
                measured
            }
        };
        self.tests = kept.tests;
        self.tests.retain(|test| !quick || test.seconds < 1.0);
        Ok(())
    }

    /// Switches the faults on, and says what came of it and which test noticed.
    pub(crate) fn run(&self, together: &[&Mutant]) -> Result<(Verdict, String), String> {
        let mut above = 0.0;
        for step in STEPS {
            let names = self.tests.iter().filter(|test| {
                let is_of_step = test.seconds >= above && test.seconds < step;
                is_of_step && together.iter().any(|m| test.reaches.contains(&m.number))
            });
            let (names, seconds): (Vec<&str>, Vec<f64>) =
                names.map(|test| (test.name.as_str(), test.seconds)).unzip();
            above = step;
            if names.is_empty() {
                continue;
            }
            let limit = TIME_LIMIT + Duration::from_secs_f64(TIMES * seconds.iter().sum::<f64>());
            let mut command = self.command(&names);
            command.env(VARIABLE, numbers(together));
            match finish(command, &self.log, limit, &|log| log.contains(FAILED))? {
                Some(true) => {}
                Some(false) => return Ok((Verdict::Noticed, self.first_failure())),
                None => return Ok((Verdict::Timeout, String::new())),
            }
        }
        Ok((Verdict::Unnoticed, String::new()))
    }

    fn names(&self) -> Result<Vec<String>, String> {
        let mut command = self.command(&[]);
        command.args(["--list", "--format", "terse"]);
        let output = command.output().map_err(|e| e.to_string())?;
        let list = String::from_utf8_lossy(&output.stdout);
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }

    fn alone(&self, name: String) -> Result<Test, String> {
        // Beside the log, whose name no other run has.
        let marks = PathBuf::from(format!("{}.reached", self.log.display()));
        std::fs::write(&marks, vec![0; MARKS]).map_err(|e| e.to_string())?;
        let mut command = self.command(&[&name]);
        command.env(REACHED, &marks);
        let begun = Instant::now();
        if finish(command, &self.log, ALONE, &|_| false)? != Some(true) {
            let log = self.log.display();
            return Err(format!("{name} fails without a fault: see {log}"));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let marks = std::fs::read(&marks).map_err(|e| e.to_string())?;
        let reached = marks.iter().zip(0..).filter(|(mark, _)| **mark != 0);
        Ok(Test {
            name,
            seconds,
            reaches: reached.map(|(_, number)| number).collect(),
        })
    }

    fn command(&self, names: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg("--exact").args(names);
        command
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

fn kept(known: &Path) -> Option<Known> {
    serde_json::from_slice(&std::fs::read(known).ok()?).ok()
}

/// Whether any test reaches a fault; None when nothing is known.
pub(crate) fn reached(known: &Path) -> Option<impl Fn(&Mutant) -> bool + use<>> {
    let tests = kept(known)?.tests;
    Some(move |mutant: &Mutant| {
        tests
            .iter()
            .any(|test| test.reaches.contains(&mutant.number))
    })
}
