//! What a request costs with the module, above the same location in an nginx without it.
//!
//! `gatehouse-bench --nginx PATH --module PATH.so [--peers DIR] [--work DIR] [--short FILE] [ROW…]`
//!
//! nginx runs under valgrind's callgrind with `master_process off`, each run in a process of its
//! own. When what the start left to do is done, one keep-alive client warms it up with 1,200 requests and then sends
//! a batch of 2,000 and one of 4,000. A run's figure is (I(4000) − I(2000)) / 2000, so what happens once cancels out.
//! Every answer is checked. The whole table goes to standard output, the main rows to `--short`.

#![allow(clippy::arithmetic_side_effects)] // a tool for developers: an overflow is a panic

mod callgrind;
mod client;
mod conf;
mod data;
mod load;
mod measure;
mod options;
mod rows;
mod table;

use std::process::ExitCode;

use options::Options;

fn run(options: &Options) -> Result<(), String> {
    let rows = rows::chosen(&options.only)?;
    let rig = conf::Rig::new(options)?;
    let _backend = callgrind::backend(&rig)?;
    data::write_all(&rig)?;
    let figures = measure::all(&rig, &rows)?;
    print!("{}", table::full(&rows, &figures));
    if let Some(path) = &options.short {
        std::fs::write(path, table::short(&rows, &figures))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gatehouse-bench: {text}");
            ExitCode::FAILURE
        }
    }
}
