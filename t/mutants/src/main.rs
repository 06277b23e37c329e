//! Puts faults into the sources and says which of them no test notices. `scripts/mutants` calls it with everything built.
//!
//! All faults of a room are in one build, each behind a switch, and a variable of the environment says which one is on: a
//! fault then costs the tests that notice it, and no build. [`mutant`] lists the faults (cargo-mutants finds them),
//! [`sites`] and [`switched`] put them into the text, [`compile`] takes out those that do not compile, [`trial`] and
//! [`own_tests`] test one, [`results`] keeps what came of each.

#![forbid(unsafe_code)]
#![allow(clippy::arithmetic_side_effects)] // a tool for developers: an overflow is a panic

mod compile;
mod left;
mod live;
mod mutant;
mod own_tests;
mod program;
mod reach;
mod results;
mod room;
mod sites;
mod switched;
mod tree;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use compile::{Compiled, Product};
use left::{Left, Why};
use mutant::Mutant;
use own_tests::OwnTests;
use program::Program;
use results::{Results, Verdict};
use room::Room;
use tree::Tree;
use trial::{Pace, Trials};

/// What is known of a crate's own tests.
const OWN: &str = "own.json";

/// Puts faults into the module one by one and says which of them the tests notice.
///
/// What came of each is kept in DIR/ROOM/results.jsonl: a run that is stopped goes on where it was.
#[derive(Debug, Parser)]
#[command(name = "mutants")]
struct Args {
    /// Where the faults are.
    #[arg(value_enum, default_value = "module")]
    room: Room,
    /// The nginx to test with.
    #[arg(long, value_name = "PATH")]
    nginx: PathBuf,
    /// The test runner.
    #[arg(long, value_name = "PATH")]
    runner: PathBuf,
    /// The copy of the tree, its builds and the results.
    #[arg(long, value_name = "DIR", default_value = "build/mutants")]
    work: PathBuf,
    /// Only the k-th of n parts, as 1/4.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Start no fault after so many minutes.
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Only faults whose description contains this; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Those that were not noticed, once more.
    #[arg(long)]
    again: bool,
    /// Only those that are listed as left, and not as what nobody can notice.
    #[arg(long)]
    left: bool,
    /// Run only what is fast: of t/ the blocks that need no hooks, of a crate the tests of less than a second. What they
    /// do not notice is for a run with --again.
    #[arg(long)]
    quick: bool,
    /// Run only so many files of t/, those that are most likely to notice: what they do not is for --again --together.
    #[arg(long, value_name = "FILES")]
    likely: Option<usize>,
    /// Try so many faults of a file at once, of each function one. Where nothing notices them, no test notices any, unless
    /// one keeps another from being reached; else each half is tried.
    #[arg(long, value_name = "N", default_value_t = 1)]
    together: usize,
    /// Run only what --quick leaves out of t/: with --again, what is left of such a run.
    #[arg(long, conflicts_with = "quick")]
    slow: bool,
    /// Test a crate by t/, in the module that is made of it: for what its own tests do not notice, with --again.
    #[arg(long)]
    through: bool,
    /// Only tests whose names contain this, also scenarios that are not about the file; may be repeated.
    #[arg(long = "with", value_name = "TEXT", conflicts_with = "by")]
    chosen: Vec<String>,
    /// Test by this program, which fails when it notices a fault. It gets the module and that of the hooks build as two
    /// arguments.
    #[arg(long, value_name = "PROGRAM")]
    by: Option<PathBuf>,
    /// Run nothing: say what is known, as Markdown.
    #[arg(long)]
    report: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    let root = std::env::current_dir().map_err(|e| e.to_string())?;
    let work = root.join(&args.work).join(args.room.name());
    // A report must not put back what a run beside it is just testing.
    let copy = if args.report {
        work.join("report")
    } else {
        work.clone()
    };
    let tree = Tree::copy(&root, &copy, args.room)?;
    let mutants = mutant::list(&tree, args.room)?;
    let mut results = Results::open(&work.join("results.jsonl"))?;
    let left = Left::read(&root, args.room);
    if args.report {
        let known = reach::folder(&work, &mutants);
        let own = own_tests::reached(&known.join(OWN));
        let by_any = reach::by_any(&known);
        let reached = match (&own, &by_any) {
            (Some(own), _) => Some(own as _),
            (None, by_any) => by_any.as_ref().map(|r| r as _),
        };
        print!("{}", results.report(&mutants, &left, reached));
        return Ok(());
    }
    let mut compiled = Compiled::new(&tree, args.room, &mutants)?;
    let trial = Trial::new(args, &tree, &mutants, &mut compiled)?;
    let (part, parts) = shard(args.shard.as_deref())?;
    let end = args
        .minutes
        .map(|n| Instant::now() + Duration::from_secs(n.saturating_mul(60)));
    let mut wanted_ones = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let settled = match results.verdict(mutant) {
            Some(Verdict::Unnoticed) => !args.again || left.why(mutant) == Some(Why::Equivalent),
            other => other.is_some(),
        };
        let is_left = !args.left || left.why(mutant) == Some(Why::Open);
        if settled || !is_left || index % parts != part || !wanted(mutant, &args.only) {
            continue;
        }
        if compiled.out.contains(&mutant.number) {
            println!("{} {mutant}", Verdict::Unbuildable);
            results.add(mutant, Verdict::Unbuildable, String::new(), 0.0)?;
        } else {
            wanted_ones.push(mutant);
        }
    }
    for of_file in wanted_ones.chunk_by(|one, next| one.file == next.file) {
        for together in groups(of_file, args.together) {
            if end.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            settle(&trial, &together, &mut results)?;
        }
    }
    println!("{}", results.counts(&mutants, &left));
    Ok(())
}

/// Faults that are tried together: so many at most, and of each function one, since one that returns hides the others.
fn groups<'m>(mutants: &[&'m Mutant], most: usize) -> Vec<Vec<&'m Mutant>> {
    let mut groups: Vec<Vec<&Mutant>> = Vec::new();
    for mutant in mutants {
        let takes = |group: &&mut Vec<&Mutant>| {
            let is_apart = |one: &&Mutant| one.function != mutant.function;
            group.len() < most && group.iter().all(is_apart)
        };
        match groups.iter_mut().find(takes) {
            Some(group) => group.push(mutant),
            None => groups.push(vec![mutant]),
        }
    }
    groups
}

/// Tries faults together, and each half of them where that is noticed: a test that passes with all of them on is the
/// dear one, and passes with each of them.
fn settle(trial: &Trial<'_>, together: &[&Mutant], results: &mut Results) -> Result<(), String> {
    let started = Instant::now();
    let (verdict, by) = trial.run(together, results)?;
    let seconds = started.elapsed().as_secs_f64();
    if let (Verdict::Noticed | Verdict::Timeout, [_, _, ..]) = (verdict, together) {
        let (one, other) = together.split_at(together.len() / 2);
        settle(trial, one, results)?;
        return settle(trial, other, results);
    }
    for mutant in together {
        println!("{verdict} ({seconds:.1} s) {mutant}{}", said(&by));
        results.add(mutant, verdict, by.clone(), seconds)?;
    }
    Ok(())
}

/// What tests the faults of a room.
enum Trial<'a> {
    Module(Trials<'a>),
    Own(OwnTests),
    Program(Program),
}

impl<'a> Trial<'a> {
    /// Builds what is tested; without a fault the tests pass.
    fn new(
        args: &Args,
        tree: &'a Tree,
        mutants: &[Mutant],
        compiled: &mut Compiled<'_>,
    ) -> Result<Self, String> {
        if args.through || args.room.crate_name().is_none() {
            compiled.build(Product::Module { hooks: false })?;
            if !args.quick {
                compiled.build(Product::Module { hooks: true })?;
            }
            if let Some(path) = &args.by {
                let program = Program::new(path, tree)?;
                program.unharmed()?;
                return Ok(Self::Program(program));
            }
            let pace = match (args.quick, args.slow) {
                (true, _) => Pace::Fast,
                (_, true) => Pace::Slow,
                _ => Pace::All,
            };
            let mut trials = Trials::new(&args.nginx, &args.runner, tree, mutants, pace)?;
            trials.choose(&args.chosen);
            trials.at_most(args.likely.unwrap_or(usize::MAX));
            trials.unharmed()?;
            return Ok(Self::Module(trials));
        }
        let program = compiled.build(Product::Tests(args.room))?;
        let program = program.ok_or("cargo made no test program")?;
        let folder = tree.switched().join("crates").join(args.room.name());
        let known = reach::folder(tree.work(), mutants);
        std::fs::create_dir_all(&known).map_err(|e| e.to_string())?;
        let mut tests = OwnTests::new(program, folder, tree.own("test.log"));
        tests.unharmed(&known.join(OWN), args.quick)?;
        Ok(Self::Own(tests))
    }

    fn run(&self, together: &[&Mutant], results: &Results) -> Result<(Verdict, String), String> {
        match self {
            Self::Module(trials) => trials.run(together, results),
            Self::Own(tests) => tests.run(together),
            Self::Program(program) => program.run(together),
        }
    }
}

fn said(by: &str) -> String {
    if by.is_empty() {
        String::new()
    } else {
        format!("\n    {by}")
    }
}

fn wanted(mutant: &Mutant, only: &[String]) -> bool {
    let description = mutant.to_string();
    only.is_empty() || only.iter().any(|text| description.contains(text))
}

/// `1/4` as index and number of parts.
fn shard(text: Option<&str>) -> Result<(usize, usize), String> {
    let Some(text) = text else { return Ok((0, 1)) };
    let parsed = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.parse::<usize>().ok()?, n.parse::<usize>().ok()?)));
    match parsed {
        Some((k, n)) if (1..=n).contains(&k) => Ok((k.saturating_sub(1), n)),
        _ => Err(format!("--shard {text}: K/N is needed, such as 1/4")),
    }
}

#[cfg(test)]
mod tests {
    use super::shard;

    #[test]
    fn shards() {
        assert_eq!(shard(None), Ok((0, 1)));
        assert_eq!(shard(Some("4/4")), Ok((3, 4)));
        for wrong in ["", "4", "0/4", "5/4", "a/b"] {
            assert!(shard(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
