//! Running the tests of the module with one fault switched on.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::compile::{Product, target};
use crate::mutant::Mutant;
use crate::results::{Results, Verdict};
use crate::switched::VARIABLE;
use crate::tree::Tree;

const TIME_LIMIT: Duration = Duration::from_secs(300);
const MODULE: &str = "release/libngx_http_gatehouse_module.so";

/// The scenarios that are worth their time: what no block can see.
const LIVE: &[&str] = &[
    "satisfy",
    "token_paths",
    "examples",
    "refusals_logged_once",
    "tenants_keys_change",
    "tenants_one_version",
    "geoip_logged_once",
    "geoip_grows",
    "geoip_root_only",
    "geoip_reload",
    "geoip_replace",
    "geoip_max_age",
    "geoip_kept_once",
    "geoip_stopped",
    "upstream_follow",
    "upstream_broken",
    "upstream_misses",
    "upstream_full",
    "upstream_resized",
    "upstream_shrunk",
    "upstream_several_files",
    "upstream_dead_names",
    "upstream_websocket",
    "upstream_feeder_killed",
    "upstream_worker_killed",
    "upstream_exiting",
    "upstream_none_kept",
    "upstream_half_written",
    "upstream_overwritten",
    "upstream_state",
    "upstream_state_api",
    "upstream_state_damaged",
    "upstream_state_single",
    "upstream_state_root_only",
    "hipache_backends",
    "hipache_matching",
    "hipache_odd_requests",
    "redis_follow",
    "redis_flushed",
    "redis_login",
    "redis_tls",
    "redis_state",
    "redis_wrong_input",
    "redis_killed",
    "redis_worker_killed",
    "redis_several",
    "api_races",
    "api_owned",
    "api_bulk",
    "api_openapi",
    "api_one_makes",
    "register_come_and_go",
    "register_many",
    "register_reloads",
    "register_held",
    "reload_changes",
    "reload_refused",
    "reload_rolled_back",
    "reload_single_process",
];

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
}

impl<'a> Trials<'a> {
    /// Looks for the programs and the test files.
    ///
    /// A `quick` trial is without live scenarios and hooks.
    pub(crate) fn new(
        nginx: &Path,
        runner: &Path,
        tree: &'a Tree,
        quick: bool,
    ) -> Result<Trials<'a>, String> {
        let absolute = |path: &Path| {
            std::fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))
        };
        let (files, hooks) = tree.test_files()?;
        Ok(Trials {
            nginx: absolute(nginx)?,
            runner: absolute(runner)?,
            tree,
            files,
            live: if quick { &[] } else { LIVE }
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            hooks: if quick { Vec::new() } else { hooks },
        })
    }

    /// Without a fault everything must build and pass: else nothing that fails later says anything.
    /// A scenario that fails is left out, with a word about it.
    pub(crate) fn unharmed(&mut self) -> Result<(), String> {
        for (hooks, names) in [(false, self.files.clone()), (true, self.hooks.clone())] {
            if names.is_empty() {
                continue;
            }
            match self.confirmed(None, hooks, &names)? {
                Ending::Passed => {}
                Ending::Failed(title) => return Err(format!("fails without a fault: {title}")),
                Ending::TimedOut => return Err("the tests do not end without a fault".into()),
            }
        }
        for name in std::mem::take(&mut self.live) {
            match self.confirmed(None, false, std::slice::from_ref(&name))? {
                Ending::Passed => self.live.push(name),
                _ => println!("left out, since it fails without a fault: {name}"),
            }
        }
        Ok(())
    }

    /// Switches the fault on, and says what came of it and which test noticed.
    pub(crate) fn run(
        &self,
        mutant: &Mutant,
        results: &Results,
    ) -> Result<(Verdict, String), String> {
        let files = self.ordered(&mutant.file, results);
        for (hooks, names) in [(false, &files), (false, &self.live), (true, &self.hooks)] {
            if names.is_empty() {
                continue;
            }
            match self.confirmed(Some(mutant), hooks, names)? {
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
        mutant: Option<&Mutant>,
        hooks: bool,
        names: &[String],
    ) -> Result<Ending, String> {
        for _ in 0..3 {
            let title = match self.test(mutant, hooks, names, None)? {
                Ending::Failed(title) => title,
                sure => return Ok(sure),
            };
            match self.test(mutant, hooks, &alone(&title), Some(&title))? {
                Ending::Passed => {}
                sure => return Ok(sure),
            }
        }
        Ok(Ending::Passed)
    }

    fn test(
        &self,
        mutant: Option<&Mutant>,
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
        if let Some(mutant) = mutant {
            command.env(VARIABLE, mutant.number.to_string());
        }
        if hooks {
            command.args(["--provides", "hooks"]);
        }
        if names.iter().any(|name| !name.ends_with(".t")) {
            command.arg("--live");
        }
        if let Some(title) = only {
            command.arg("--filter").arg(format!("^{}$", escaped(title)));
        }
        command.args(names).current_dir(self.tree.path());
        let log = self.tree.work().join("test.log");
        let Some(passed) = finish(command, &log, TIME_LIMIT, &|_| false)? else {
            return Ok(Ending::TimedOut);
        };
        if passed {
            return Ok(Ending::Passed);
        }
        let tap = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
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

/// Runs a command, but not on when what it has written `decides` that it fails; `None` when it took too long.
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
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status.success()));
        }
        if decides(&std::fs::read_to_string(log).unwrap_or_default()) {
            stop(&mut child);
            return Ok(Some(false));
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
