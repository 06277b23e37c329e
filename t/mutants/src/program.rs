//! Testing a fault by a program: for what is tested, but not by blocks and scenarios.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::compile::{Product, target};
use crate::mutant::{Mutant, numbers};
use crate::results::Verdict;
use crate::switched::VARIABLE;
use crate::tree::Tree;
use crate::trial::{MODULE, finish};

const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A program that fails when it notices a fault in the modules that it is given.
pub(crate) struct Program {
    path: PathBuf,
    modules: [PathBuf; 2],
    log: PathBuf,
}

impl Program {
    /// The program of this path, for the modules of a tree.
    pub(crate) fn new(path: &Path, tree: &Tree) -> Result<Self, String> {
        let path = std::fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let module = |hooks| {
            let target = target(Product::Module { hooks });
            tree.work().join(target).join(MODULE)
        };
        Ok(Self {
            path,
            modules: [module(false), module(true)],
            log: tree.own("test.log"),
        })
    }

    /// Without a fault it must pass.
    pub(crate) fn unharmed(&self) -> Result<(), String> {
        match self.test("0")? {
            Some(true) => Ok(()),
            _ => Err(format!("fails without a fault: see {}", self.log.display())),
        }
    }

    /// Switches the faults on, and says what came of it.
    pub(crate) fn run(&self, together: &[&Mutant]) -> Result<(Verdict, String), String> {
        let name = self.path.file_name().unwrap_or_default();
        let by = name.to_string_lossy().into_owned();
        Ok(match self.test(&numbers(together))? {
            Some(true) => (Verdict::Unnoticed, String::new()),
            Some(false) => (Verdict::Noticed, by),
            None => (Verdict::Timeout, String::new()),
        })
    }

    fn test(&self, numbers: &str) -> Result<Option<bool>, String> {
        let mut command = Command::new(&self.path);
        command.args(&self.modules).env(VARIABLE, numbers);
        finish(command, &self.log, TIME_LIMIT, &|_| false)
    }
}
