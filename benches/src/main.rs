//! What a request costs with the module, above the same location in an nginx without it.
//!
//! `gatehouse-bench --nginx PATH --module PATH.so [--peers DIR] [--work DIR] [--short FILE] [--native] [ROW…]`
//!
//! nginx runs under valgrind's callgrind with `master_process off`, each run in a process of its
//! own. When what the start left to do is done, one keep-alive client warms it up with 1,200 requests and then sends
//! a batch of 2,000 and one of 4,000. A run's figure is (I(4000) − I(2000)) / 2000, so what happens once cancels out.
//! Every answer is checked. With `--native` there is no valgrind: what is measured is throughput and the
//! processor's time, and the memory of idle WebSockets where a row proxies; with rows of tokens, what the check adds to the
//! processor's time, beside the same in Lua and beside the bare check of a signature. The whole table goes to standard
//! output, the main rows to `--short`.

#![allow(clippy::arithmetic_side_effects)] // a tool for developers: an overflow is a panic

mod added;
mod callgrind;
mod client;
mod conf;
mod data;
mod load;
mod measure;
mod native;
mod options;
mod rows;
mod signature;
mod sockets;
mod table;

use std::process::ExitCode;

use options::Options;
use rows::Row;

fn run(options: &Options) -> Result<(), String> {
    let rows = match (options.native, options.only.as_slice()) {
        (true, []) => rows::chosen(&["lookup".to_owned()])?,
        (_, names) => rows::chosen(names)?,
    };
    let rig = conf::Rig::new(options)?;
    let _backend = callgrind::backend(&rig)?;
    data::write_all(&rig)?;
    if options.native {
        let (compared, rows): (Vec<&Row>, Vec<&Row>) =
            rows.into_iter().partition(|row| !row.beside.is_empty());
        for row in rows {
            println!("{}", native::tables(&rig, row)?);
        }
        if !compared.is_empty() {
            println!("{}", added::HEAD);
        }
        for row in compared {
            print!("{}", added::lines(&rig, row)?);
        }
        return Ok(());
    }
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
