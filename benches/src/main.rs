//! Instructions a request costs above the same location without the feature.
//!
//! `gatehouse-bench --nginx PATH --module PATH.so [--work DIR] [COLUMN…]`
//!
//! nginx runs under valgrind's callgrind with `master_process off`; one keep-alive client warms it
//! up with 1,200 requests and then sends a batch of 2,000 and one of 4,000. A column's figure is
//! (I(4000) − I(2000)) / 2000, so what happens once cancels out. Every answer is checked. Inputs
//! vary: 10,000 tokens, 10,000 addresses, 1,000 hosts. The same binary gives the same figure to
//! about 0.1 %, whatever else the machine does.

mod callgrind;
mod columns;
mod data;

use std::path::PathBuf;
use std::process::ExitCode;

struct Options {
    nginx: PathBuf,
    module: PathBuf,
    work: PathBuf,
    only: Vec<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        nginx: PathBuf::new(),
        module: PathBuf::new(),
        work: std::env::temp_dir().join(format!("gatehouse-bench-{}", std::process::id())),
        only: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .map(PathBuf::from)
                .ok_or(format!("{word} needs a value"))
        };
        match word.as_str() {
            "--nginx" => options.nginx = value()?,
            "--module" => options.module = value()?,
            "--work" => options.work = value()?,
            name => options.only.push(name.to_owned()),
        }
    }
    if !options.nginx.is_file() || !options.module.is_file() {
        return Err(
            "--nginx and --module are needed and must exist (scripts/build makes both)".into(),
        );
    }
    Ok(options)
}

fn run(options: &Options) -> Result<(), String> {
    std::fs::create_dir_all(&options.work).map_err(|e| e.to_string())?;
    data::write_all(&options.work)?;
    println!("| work | without | with it | it costs | goal of 0.1 | final goal | peer |");
    println!("|---|---:|---:|---:|---:|---:|---|");
    let mut bases = std::collections::HashMap::new();
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|o| o == name);
    for column in columns::COLUMNS.iter().filter(|c| wanted(c.name)) {
        if !bases.contains_key(column.base.path) {
            let base =
                callgrind::measure(&options.nginx, &options.module, &options.work, &column.base)?;
            bases.insert(column.base.path, base);
        }
        let base = bases.get(column.base.path).copied().unwrap_or(0);
        let with = callgrind::measure(
            &options.nginx,
            &options.module,
            &options.work,
            &column.feature,
        )?;
        println!(
            "| {} | {base} | {with} | {} | {} | {} | {} |",
            column.title,
            with.saturating_sub(base),
            column.goal,
            column.final_goal,
            column.peer
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gatehouse-bench: {text}");
            ExitCode::FAILURE
        }
    }
}
