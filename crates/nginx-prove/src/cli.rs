//! The command line.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::backend::Backend;
use crate::env::Env;
use crate::format::{self, TestFile};
use crate::interrupt;
use crate::perl::Pattern;
use crate::plan;
use crate::root;
use crate::run::{
    Job, Outcome, Summary, Tap, run_block, run_case, run_jobs, skipped, titles, unmet,
};
use crate::scenario::Scenario;

/// What a project adds to the program: its scenarios, and what its test files rely on.
#[derive(Clone, Default)]
pub struct Project {
    /// Scenarios, for `--live`.
    pub scenarios: &'static [Scenario],
    /// `--set NAME=VALUE` that need not be given.
    pub names: Vec<(String, String)>,
    /// `--provides WORD` that need not be given.
    pub provides: Vec<String>,
    /// `--never TEXT` that need not be given.
    pub never: Vec<String>,
    /// An nginx to take when neither `--nginx` nor `$TEST_NGINX_BINARY` names one and this file is there.
    pub nginx: Option<PathBuf>,
    /// Where relative paths of `# requires: file PATH` begin; the current directory unless given.
    pub base: Option<PathBuf>,
}

/// Runs test files in Test::Nginx's format against a real nginx and prints TAP.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The nginx binary [default: $TEST_NGINX_BINARY, nginx in PATH, /usr/sbin/nginx].
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
    /// A module to load; may be repeated.
    #[arg(long, value_name = "PATH.so")]
    module: Vec<PathBuf>,
    /// Blocks at the same time [default: twice the cores].
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Where server roots are made [default: a temporary directory].
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Run only blocks and scenarios whose "file: title" matches.
    #[arg(long, value_name = "RE")]
    filter: Option<String>,
    /// Start nothing more after the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Keep server roots.
    #[arg(long)]
    keep: bool,
    /// So many workers for each scenario whose configuration says `worker_processes 2;`.
    #[arg(long, value_name = "N")]
    workers: Option<u32>,
    /// An environment variable for nginx; may be repeated.
    #[arg(long, value_name = "K=V")]
    env: Vec<String>,
    /// A value for $TEST_NGINX_NAME; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Run what requires this word (`# requires: WORD`); may be repeated.
    #[arg(long, value_name = "WORD")]
    provides: Vec<String>,
    /// A text that no block may put into the error log, at whatever level, unless its own error_log names it; may be repeated.
    #[arg(long, value_name = "TEXT")]
    never: Vec<String>,
    /// Also run the project's scenarios: all, or those named among the arguments.
    #[arg(long)]
    live: bool,
    /// Test files; with --live also names of scenarios.
    files: Vec<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serves backends until killed: HTTP, showing each request, and WebSocket echo.
    ///
    /// Prints "NAME PORT" for each on 127.0.0.1.
    Backend {
        /// What each calls itself.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

/// Runs the program; returns its exit code: 0 all well, 1 something failed, 2 wrong use or nothing ran.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>, project: &Project) -> u8 {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    if let Some(Command::Backend { names }) = &args.command {
        return match serve(names) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("nginx-prove: {error}");
                2
            }
        };
    }
    match run(&args, project) {
        // Skipped blocks prove nothing: a run of them alone is no success.
        Ok(Summary {
            failed: 0,
            passed: 0,
            ..
        }) => {
            eprintln!("nginx-prove: no block ran");
            2
        }
        Ok(summary) => u8::from(summary.failed > 0),
        Err(error) => {
            eprintln!("nginx-prove: {error}");
            2
        }
    }
}

fn run(args: &Args, project: &Project) -> Result<Summary, String> {
    let temporary = tempfile::Builder::new()
        .prefix("nginx-prove.")
        .tempdir()
        .map_err(|e| e.to_string())?;
    let root = match &args.root {
        Some(root) => {
            std::fs::create_dir_all(root).map_err(|e| format!("{}: {e}", root.display()))?;
            absolute(root)?
        }
        None if args.keep => temporary.keep(),
        None => temporary.path().to_owned(),
    };
    root::open_to_workers(&root)?;
    let keeps = args.keep || args.root.is_some();
    interrupt::watch(if keeps { None } else { Some(root.clone()) })?;
    let env = environment(args, project, &root)?;
    let (files, names): (Vec<&String>, Vec<&String>) = args
        .files
        .iter()
        .partition(|name| !args.live || name.ends_with(".t"));
    let files: Vec<(String, Result<TestFile, String>)> = files
        .into_iter()
        .map(|path| (path.clone(), read(&env, path)))
        .collect();
    let filter = args
        .filter
        .as_deref()
        .map(|source| Pattern::new(source.as_bytes(), ""))
        .transpose()?;
    let mut jobs = Vec::new();
    for (path, file) in &files {
        add_file(&env, path, file, &mut jobs);
    }
    if args.live {
        for scenario in scenarios(project, &names)? {
            jobs.push(Job {
                title: format!("live: {}", scenario.name),
                serial: scenario.serial,
                run: Box::new(|| run_scenario(&env, scenario)),
            });
        }
    }
    jobs.retain(|job| {
        filter
            .as_ref()
            .is_none_or(|pattern| pattern.is_match(job.title.as_bytes()))
    });
    let width = args.jobs.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(4, |cores| cores.get().saturating_mul(2))
    });
    let mut tap = Tap::new(io::stdout(), jobs.len());
    let (major, minor, patch) = env.version;
    tap.note(&format!(
        "nginx {major}.{minor}.{patch} {}",
        env.nginx.display()
    ));
    for (path, file) in &files {
        for warning in file.iter().flat_map(|file| &file.warnings) {
            tap.note(&format!("{path}: warning: {warning}"));
        }
    }
    run_jobs(&jobs, width, args.fail_fast, |job, outcome| {
        tap.result(&job.title, outcome);
    });
    Ok(tap.finish())
}

/// Serves backends until the process is ended.
fn serve(names: &[String]) -> Result<(), String> {
    let backends: Vec<Backend> = names
        .iter()
        .map(|name| Backend::site(name))
        .collect::<Result<_, _>>()?;
    for (name, backend) in names.iter().zip(&backends) {
        println!("{name} {}", backend.port());
    }
    loop {
        std::thread::park();
    }
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn environment(args: &Args, project: &Project, root: &Path) -> Result<Env, String> {
    let base = match &project.base {
        Some(base) => base.clone(),
        None => std::env::current_dir().map_err(|e| e.to_string())?,
    };
    let mut env = Env::new(&nginx(args, project)?, root, &base)?;
    env.modules = args
        .module
        .iter()
        .map(|path| absolute(path))
        .collect::<Result<_, _>>()?;
    env.provides
        .extend(project.provides.iter().chain(&args.provides).cloned());
    env.never
        .extend(project.never.iter().chain(&args.never).cloned());
    env.keep = args.keep;
    env.workers = args.workers;
    for (name, value) in &project.names {
        env.set(name, value);
    }
    for (name, value) in std::env::vars() {
        if name.starts_with("TEST_NGINX_") {
            env.names.insert(name, value);
        }
    }
    for pair in &args.set {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("--set {pair}: NAME=VALUE is needed"))?;
        env.set(name, value);
    }
    for pair in &args.env {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("--env {pair}: K=V is needed"))?;
        env.process_env.push((name.to_owned(), value.to_owned()));
    }
    quiet_leaks(&mut env);
    Ok(env)
}

/// nginx frees nothing of its configuration when it exits: a sanitized build would report that for every block.
fn quiet_leaks(env: &mut Env) {
    let told = env
        .process_env
        .iter()
        .any(|(name, _)| name == "ASAN_OPTIONS")
        || std::env::var_os("ASAN_OPTIONS").is_some();
    if env.configure.contains("-fsanitize=") && !told {
        env.process_env
            .push(("ASAN_OPTIONS".into(), "detect_leaks=0".into()));
    }
}

fn nginx(args: &Args, project: &Project) -> Result<PathBuf, String> {
    let named = args
        .nginx
        .clone()
        .or_else(|| std::env::var_os("TEST_NGINX_BINARY").map(PathBuf::from));
    if let Some(path) = named {
        return if path.components().count() > 1 {
            absolute(&path)
        } else {
            Ok(path)
        };
    }
    if let Some(built) = project.nginx.as_ref().filter(|path| path.is_file()) {
        return Ok(built.clone());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = places
        .map(|dir| dir.join("nginx"))
        .find(|file| file.is_file());
    found.ok_or_else(|| "no nginx found; use --nginx PATH".to_owned())
}

fn read(env: &Env, path: &str) -> Result<TestFile, String> {
    let source = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    // The real Test::Nginx sees the whole environment; `eval` here sees what tests may rely on.
    format::parse(&source, env.names.clone())
}

fn add_file<'a>(
    env: &'a Env,
    path: &str,
    file: &'a Result<TestFile, String>,
    jobs: &mut Vec<Job<'a>>,
) {
    let file = match file {
        Ok(file) => file,
        Err(error) => {
            jobs.push(Job {
                title: path.to_owned(),
                serial: false,
                run: Box::new(move || Outcome::Fail(vec![error.clone()])),
            });
            return;
        }
    };
    add_plan(env, path, file, jobs);
    for block in &file.blocks {
        let title = format!("{path}: {}", block.title);
        let serial = file.prologue.serial;
        let mut add = |title: String, run: Box<dyn Fn() -> Outcome + Send + Sync + 'a>| {
            let needs = || file.prologue.requires.iter().map(String::as_str);
            let run = Box::new(move || lacking(env, needs()).unwrap_or_else(&run));
            jobs.push(Job { title, serial, run });
        };
        match titles(block) {
            Ok(None) => add(title, Box::new(|| run_block(env, &file.prologue, block))),
            Ok(Some(rows)) => {
                for (row, name) in rows.iter().enumerate() {
                    let run = Box::new(move || run_case(env, &file.prologue, block, row));
                    add(format!("{title}: {name}"), run);
                }
            }
            Err(error) => add(title, Box::new(move || Outcome::Fail(vec![error.clone()]))),
        }
    }
}

/// A wrong plan fails its file, as Test::Nginx would.
fn add_plan<'a>(env: &'a Env, path: &str, file: &'a TestFile, jobs: &mut Vec<Job<'a>>) {
    let needs = || file.prologue.requires.iter().map(String::as_str);
    if lacking(env, needs()).is_some() {
        return;
    }
    if let Err(error) = plan::check(file, |block| skipped(env, block)) {
        jobs.push(Job {
            title: format!("{path}: plan"),
            serial: false,
            run: Box::new(move || Outcome::Fail(vec![error.clone()])),
        });
    }
}

/// The outcome when some need is not met.
fn lacking<'a>(env: &Env, needs: impl IntoIterator<Item = &'a str>) -> Option<Outcome> {
    needs.into_iter().find_map(|need| match unmet(env, need) {
        Ok(reason) => reason.map(Outcome::Skip),
        Err(error) => Some(Outcome::Fail(vec![error])),
    })
}

fn scenarios(project: &Project, names: &[&String]) -> Result<Vec<&'static Scenario>, String> {
    if names.is_empty() {
        return Ok(project.scenarios.iter().collect());
    }
    let find = |name: &&String| {
        project
            .scenarios
            .iter()
            .find(|s| s.name == name.as_str())
            .ok_or_else(|| format!("no scenario `{name}`"))
    };
    names.iter().map(find).collect()
}

fn run_scenario(env: &Env, scenario: &Scenario) -> Outcome {
    if let Some(outcome) = lacking(env, scenario.needs.iter().copied()) {
        return outcome;
    }
    match (scenario.run)(env) {
        Ok(()) => Outcome::Pass,
        Err(error) => Outcome::Fail(vec![error]),
    }
}
