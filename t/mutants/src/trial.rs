//! Running the tests of the module with one fault switched on.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::compile::{Product, target};
use crate::live::{LIVE, LIVE_HOOKS, about};
use crate::mutant::{Mutant, numbers};
use crate::reach;
use crate::results::{Results, Verdict};
use crate::switched::{MARKS, REACHED, VARIABLE};
use crate::tree::Tree;

/// Many times what one block takes without a fault, and one scenario: they say when they have ended.
const TIME_LIMIT: Duration = Duration::from_secs(45);
const LIVE_TIME_LIMIT: Duration = Duration::from_secs(240);
/// The module, below the folder of its build.
pub(crate) const MODULE: &str = "release/libngx_http_gatehouse_module.so";

/// The runner's last words when all that it was given is skipped.
const NOTHING_RAN: &str = "no block ran\n";

/// Which tests are run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    All,
    /// The blocks that need no hooks.
    Fast,
    /// All others.
    Slow,
}

/// How a run of tests ended.
enum Ending {
    Passed,
    /// The first title that failed.
    Failed(String),
    TimedOut,
}

/// Everything a trial needs.
pub(crate) struct Trials<'a> {
    nginx: PathBuf,
    runner: PathBuf,
    tree: &'a Tree,
    files: Vec<String>,
    live: Vec<String>,
    hooks: Vec<String>,
    live_hooks: Vec<String>,
    /// They were named, whatever they are about.
    chosen: bool,
    /// No more tests of a kind than these.
    most: usize,
    reached: HashMap<String, Vec<u8>>,
    /// Where that is kept: a folder for this very list of faults.
    known: PathBuf,
}

impl<'a> Trials<'a> {
    /// Looks for the programs and the test files.
    pub(crate) fn new(
        nginx: &Path,
        runner: &Path,
        tree: &'a Tree,
        mutants: &[Mutant],
        pace: Pace,
    ) -> Result<Trials<'a>, String> {
        let absolute = |path: &Path| {
            std::fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let (files, hooks) = tree.test_files()?;
        let slow = |names: Vec<String>| {
            if pace == Pace::Fast {
                Vec::new()
            } else {
                names
            }
        };
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ok(Trials {
            nginx: absolute(nginx)?,
            runner: absolute(runner)?,
            tree,
            files: if pace == Pace::Slow {
                Vec::new()
            } else {
                files
            },
            live: slow(owned(LIVE)),
            hooks: slow(hooks),
            live_hooks: slow(owned(LIVE_HOOKS)),
            chosen: false,
            most: usize::MAX,
            reached: HashMap::new(),
            known: reach::folder(tree.work(), mutants),
        })
    }

    /// Leaves only those tests whose names contain one of these, where there are any.
    pub(crate) fn choose(&mut self, texts: &[String]) {
        self.chosen = !texts.is_empty();
        if self.chosen {
            let lists = [
                &mut self.files,
                &mut self.live,
                &mut self.hooks,
                &mut self.live_hooks,
            ];
            for list in lists {
                list.retain(|name| texts.iter().any(|text| name.contains(text)));
            }
        }
    }

    /// Runs only so many files, those that are most likely to notice.
    pub(crate) fn at_most(&mut self, files: usize) {
        self.most = files;
    }

    /// Without a fault everything must build and pass: else nothing that fails later says anything. A scenario that
    /// fails is left out, with a word about it. Each is run alone, to see which faults it can notice.
    pub(crate) fn unharmed(&mut self) -> Result<(), String> {
        for (hooks, names) in [(false, self.files.clone()), (true, self.hooks.clone())] {
            for name in names {
                if !self.passes(hooks, &name)? {
                    return Err(format!("fails without a fault: {name}"));
                }
            }
        }
        for (hooks, names) in [
            (false, std::mem::take(&mut self.live)),
            (true, std::mem::take(&mut self.live_hooks)),
        ] {
            for name in names {
                if !self.passes(hooks, &name)? {
                    println!("left out, since it fails without a fault: {name}");
                } else if hooks {
                    self.live_hooks.push(name);
                } else {
                    self.live.push(name);
                }
            }
        }
        Ok(())
    }

    /// Whether a test passes without a fault; keeps what it reaches, also for runs beside this one.
    fn passes(&mut self, hooks: bool, name: &str) -> Result<bool, String> {
        let known = self.known.join(name.replace('/', "-"));
        if let Ok(reached) = std::fs::read(&known) {
            let passes = !reached.is_empty();
            self.reached.insert(name.to_owned(), reached);
            return Ok(passes);
        }
        let marks = self.marks();
        std::fs::write(&marks, vec![0; MARKS]).map_err(|e| e.to_string())?;
        let passes = matches!(
            self.confirmed(None, hooks, &[name.to_owned()])?,
            Ending::Passed
        );
        let mut reached = std::fs::read(&marks).map_err(|e| e.to_string())?;
        if !passes {
            reached.clear();
        }
        let kept =
            std::fs::create_dir_all(&self.known).and_then(|()| std::fs::write(&known, &reached));
        kept.map_err(|e| format!("{}: {e}", known.display()))?;
        self.reached.insert(name.to_owned(), reached);
        Ok(passes)
    }

    /// Where code says that it was reached.
    fn marks(&self) -> PathBuf {
        self.tree.own("reached")
    }

    /// Those tests that reach the code of any of the faults.
    fn reaching(&self, together: &[&Mutant], names: &[String]) -> Vec<String> {
        let reaches = |name: &&String| {
            let marks = self.reached.get(*name);
            let mark = |m: &&Mutant| marks.and_then(|marks| marks.get(m.number as usize));
            together.iter().any(|mutant| mark(mutant) != Some(&0))
        };
        names.iter().filter(reaches).cloned().collect()
    }

    /// Switches the faults on, which are of one file, and says what came of it and which test noticed.
    pub(crate) fn run(
        &self,
        together: &[&Mutant],
        results: &Results,
    ) -> Result<(Verdict, String), String> {
        let file = together.first().map_or("", |mutant| mutant.file.as_str());
        let mut about_it = [self.live.clone(), self.live_hooks.clone()];
        for names in &mut about_it {
            names.retain(|name| self.chosen || about(file, name));
        }
        let [live, live_hooks] = about_it;
        for (hooks, names) in [
            (false, self.ordered(file, results)),
            (false, live),
            (true, self.hooks.clone()),
            (true, live_hooks),
        ] {
            let mut names = self.reaching(together, &names);
            names.truncate(self.most);
            if names.is_empty() {
                continue;
            }
            match self.confirmed(Some(together), hooks, &names)? {
                Ending::Passed => {}
                Ending::Failed(title) => return Ok((Verdict::Noticed, title)),
                Ending::TimedOut => return Ok((Verdict::Timeout, String::new())),
            }
        }
        Ok((Verdict::Unnoticed, String::new()))
    }

    /// Test files that are likely to notice come first: those that have noticed faults of this
    /// source file, then those named like it.
    fn ordered(&self, source: &str, results: &Results) -> Vec<String> {
        let mut files = self.files.clone();
        let room = source
            .trim_start_matches("crates/nginx/")
            .trim_start_matches("crates/")
            .trim_start_matches("src/")
            .split(['/', '.', '_'])
            .next()
            .unwrap_or_default();
        files.sort_by_key(|file| {
            let seen = results.noticed(source, file);
            (usize::MAX - seen, !file.contains(room))
        });
        files
    }

    /// Runs the tests; what fails is run again alone, since a busy machine fails tests too.
    fn confirmed(
        &self,
        together: Option<&[&Mutant]>,
        hooks: bool,
        names: &[String],
    ) -> Result<Ending, String> {
        for _ in 0..3 {
            let title = match self.test(together, hooks, names, None)? {
                Ending::Failed(title) => title,
                sure => return Ok(sure),
            };
            match self.test(together, hooks, &alone(&title), Some(&title))? {
                Ending::Passed => {}
                sure => return Ok(sure),
            }
        }
        Ok(Ending::Passed)
    }

    fn test(
        &self,
        together: Option<&[&Mutant]>,
        hooks: bool,
        names: &[String],
        only: Option<&str>,
    ) -> Result<Ending, String> {
        let target = self.tree.work().join(target(Product::Module { hooks }));
        let mut command = Command::new(&self.runner);
        command
            .arg("--nginx")
            .arg(&self.nginx)
            .arg("--module")
            .arg(target.join(MODULE))
            .arg("--fail-fast");
        match together {
            Some(together) => command.env(VARIABLE, numbers(together)),
            None => command.env(REACHED, self.marks()),
        };
        if hooks {
            command.args(["--provides", "hooks"]);
        }
        let is_live = names.iter().any(|name| !name.ends_with(".t"));
        if is_live {
            command.arg("--live");
        }
        if let Some(title) = only {
            command.arg("--filter").arg(format!("^{}$", escaped(title)));
        }
        command.args(names).current_dir(self.tree.path());
        let log = self.tree.own("test.log");
        let limit = if is_live { LIVE_TIME_LIMIT } else { TIME_LIMIT };
        let Some(passed) = finish(command, &log, limit, &|_| false)? else {
            return Ok(Ending::TimedOut);
        };
        let tap = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
        // All blocks of a file may be skipped here.
        if passed || tap.ends_with(NOTHING_RAN) {
            return Ok(Ending::Passed);
        }
        let failed = tap.lines().find_map(|line| {
            let (_, title) = line.strip_prefix("not ok ")?.split_once(" - ")?;
            Some(title.replace("\\#", "#"))
        });
        failed
            .or_else(|| only.map(str::to_owned))
            .map(Ending::Failed)
            .ok_or_else(|| format!("the runner failed without a failure; see {}", log.display()))
    }
}

/// Runs a command, but not on when what it has written `decides` that it fails; `None` when it wrote nothing for too long.
pub(crate) fn finish(
    mut command: Command,
    log: &Path,
    limit: Duration,
    decides: &dyn Fn(&str) -> bool,
) -> Result<Option<bool>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", log.display());
    let out = File::create(log).map_err(failed)?;
    let mut child = command
        .stdin(Stdio::null())
        .stderr(out.try_clone().map_err(failed)?)
        .stdout(out)
        .process_group(0)
        .spawn()
        .map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    let mut end = Instant::now() + limit;
    let mut known = 0;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status.success()));
        }
        let written = std::fs::read_to_string(log).unwrap_or_default();
        if decides(&written) {
            stop(&mut child);
            return Ok(Some(false));
        }
        if written.len() != known {
            known = written.len();
            end = Instant::now() + limit;
        }
        if Instant::now() >= end {
            stop(&mut child);
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a process group: politely first, since the runner then ends every nginx it started.
fn stop(child: &mut Child) {
    let Ok(id) = i32::try_from(child.id()) else {
        return;
    };
    let group = Pid::from_raw(id);
    let _ = killpg(group, Signal::SIGTERM);
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

/// What to run for one title: its file, or its scenario.
fn alone(title: &str) -> Vec<String> {
    let name = match title.strip_prefix("live: ") {
        Some(scenario) => scenario,
        None => title.split_once(": ").map_or(title, |(file, _)| file),
    };
    vec![name.to_owned()]
}

/// The title as a pattern that matches only itself.
fn escaped(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        if "\\.+*?()|[]{}^$#&-~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{alone, escaped};

    #[test]
    fn titles() {
        assert_eq!(alone("live: readme"), ["readme"]);
        assert_eq!(alone("t/a.t: TEST 1: b: c"), ["t/a.t"]);
        assert_eq!(escaped("t/a.t: b (c)"), "t/a\\.t: b \\(c\\)");
    }
}
