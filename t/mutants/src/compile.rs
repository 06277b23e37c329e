//! One build with all faults in it. Those that the compiler refuses are taken out, until it refuses none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::mutant::Mutant;
use crate::room::Room;
use crate::switched::{SWITCH, Switched, switched};
use crate::tree::Tree;

/// More rounds than that mean that an error is nobody's.
const ROUNDS: usize = 60;

/// The file with the keys of the faults that the compiler refuses.
const REFUSED: &str = "refused";

/// What cargo is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// The module; with hooks or without.
    Module { hooks: bool },
    /// The program with the own tests of a room's crate.
    Tests(Room),
}

/// The faults of a room in one tree.
pub(crate) struct Compiled<'a> {
    tree: &'a Tree,
    room: Room,
    mutants: &'a [Mutant],
    files: BTreeMap<String, Switched>,
    /// Those that cannot be switched, or that the compiler refuses.
    pub out: BTreeSet<u32>,
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    is_primary: bool,
}

impl<'a> Compiled<'a> {
    /// Puts all faults into the tree.
    pub(crate) fn new(tree: &'a Tree, room: Room, mutants: &'a [Mutant]) -> Result<Self, String> {
        // What an earlier run took out need not be tried again: a fault of another text has another key.
        let refused = std::fs::read_to_string(tree.work().join(REFUSED)).unwrap_or_default();
        let refused: BTreeSet<&str> = refused.lines().collect();
        let out = mutants.iter().filter(|m| refused.contains(m.key.as_str()));
        let out = out.map(|mutant| mutant.number).collect();
        let mut compiled = Self {
            tree,
            room,
            mutants,
            files: BTreeMap::new(),
            out,
        };
        for file in tree.sources(room) {
            compiled.write(&file)?;
        }
        Ok(compiled)
    }

    fn write(&mut self, file: &str) -> Result<(), String> {
        let mut text = self.tree.original(file)?;
        let out = &self.out;
        let here = |mutant: &&Mutant| mutant.file == file && !out.contains(&mutant.number);
        let mutants: Vec<&Mutant> = self.mutants.iter().filter(here).collect();
        if self.room.roots().iter().any(|root| root == file) {
            text.push_str(SWITCH);
        }
        let (switched, apart) = switched(&text, &mutants).map_err(|e| format!("{file}: {e}"))?;
        self.out.extend(apart);
        self.tree.switch(file, &switched.text)?;
        self.files.insert(file.to_owned(), switched);
        Ok(())
    }

    /// Builds; the test program's path, if that is what is built.
    pub(crate) fn build(&mut self, product: Product) -> Result<Option<PathBuf>, String> {
        for _ in 0..ROUNDS {
            let lines = self.cargo(product)?;
            let errors: Vec<&Message> = lines
                .iter()
                .filter_map(|line| line.message.as_ref())
                .filter(|message| message.level == "error")
                .collect();
            if errors.is_empty() {
                self.keep()?;
                return Ok(lines.into_iter().find_map(|line| line.executable));
            }
            self.take_out(&errors)?;
        }
        Err("the faults that do not compile have no end".into())
    }

    /// Keeps which faults are out, for the next run.
    fn keep(&self) -> Result<(), String> {
        let out = self.mutants.iter().filter(|m| self.out.contains(&m.number));
        let keys: Vec<&str> = out.map(|mutant| mutant.key.as_str()).collect();
        let path = self.tree.work().join(REFUSED);
        std::fs::write(&path, keys.join("\n")).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Takes out the faults that errors are about.
    fn take_out(&mut self, errors: &[&Message]) -> Result<(), String> {
        let mut files = BTreeSet::new();
        let mut refused = BTreeSet::new();
        for error in errors {
            for span in error.spans.iter().filter(|span| span.is_primary) {
                let Some(file) = self.files.get(&span.file_name) else {
                    continue;
                };
                let faults = match file.at(span.byte_start) {
                    Some(number) => vec![number],
                    None => self.of_function(&span.file_name, file.original(span.byte_start)),
                };
                if !faults.is_empty() {
                    files.insert(span.file_name.clone());
                }
                refused.extend(faults);
            }
        }
        refused.retain(|number| !self.out.contains(number));
        if refused.is_empty() {
            let text = errors.iter().filter_map(|error| error.rendered.as_deref());
            return Err(text.collect::<Vec<_>>().join("\n"));
        }
        eprintln!("{} faults do not compile", refused.len());
        self.out.extend(refused);
        for file in files {
            self.write(&file)?;
        }
        Ok(())
    }

    /// All faults of the function around a byte: which of them it is the error does not say.
    fn of_function(&self, file: &str, byte: Option<usize>) -> Vec<u32> {
        let around = |mutant: &&Mutant| {
            mutant.file == file && byte.is_some_and(|byte| mutant.function.contains(&byte))
        };
        let found = self.mutants.iter().filter(around);
        found.map(|mutant| mutant.number).collect()
    }

    fn cargo(&self, product: Product) -> Result<Vec<Line>, String> {
        let mut command = Command::new("cargo");
        let target = self.tree.work().join(target(product));
        match product {
            Product::Module { hooks } => {
                command.args(["build", "--release", "-p", "ngx-gatehouse"]);
                if hooks {
                    command.args(["--features", "hooks"]);
                }
            }
            Product::Tests(room) => {
                command.args(["test", "--no-run", "--lib"]);
                command.args(room.crate_name().iter().flat_map(|name| ["-p", name]));
            }
        }
        let output = command
            .args(["--locked", "--message-format=json", "--target-dir"])
            .arg(target)
            .env("RUSTFLAGS", "--cap-lints=allow")
            .envs([
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
                ("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
                ("CARGO_PROFILE_DEV_DEBUG", "0"),
                ("CARGO_INCREMENTAL", "1"),
            ])
            .current_dir(self.tree.switched())
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("cargo: {e}"))?;
        let lines: Vec<Line> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Line| line.reason.starts_with("compiler-"))
            .collect();
        let is_error = |line: &Line| line.message.as_ref().is_some_and(|m| m.level == "error");
        if !output.status.success() && !lines.iter().any(is_error) {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(lines)
    }
}

/// Where a product is built.
pub(crate) fn target(product: Product) -> &'static str {
    match product {
        Product::Module { hooks: false } => "target",
        Product::Module { hooks: true } => "target-hooks",
        Product::Tests(_) => "target-tests",
    }
}
