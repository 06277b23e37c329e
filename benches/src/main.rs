//! What a request costs with the module, above the same location in an nginx without it.
//!
//! `gatehouse-bench --nginx PATH --module PATH.so [--peers DIR] [--work DIR] [--short FILE] [ROW…]`
//!
//! nginx runs under valgrind's callgrind with `master_process off`, each run in a process of its
//! own; one keep-alive client warms it up with 1,200 requests and then sends a batch of 2,000 and
//! one of 4,000. A run's figure is (I(4000) − I(2000)) / 2000, so what happens once cancels out.
//! Every answer is checked. The whole table goes to standard output, the main rows to `--short`.

mod callgrind;
mod client;
mod conf;
mod data;
mod load;
mod measure;
mod rows;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

/// What the command line says.
struct Options {
    nginx: PathBuf,
    module: PathBuf,
    /// Where the modules of others are, if they could be built.
    peers: PathBuf,
    work: PathBuf,
    short: Option<PathBuf>,
    only: Vec<String>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        nginx: PathBuf::new(),
        module: PathBuf::new(),
        peers: PathBuf::from("/nonexistent"),
        work: std::env::temp_dir().join(format!("gatehouse-bench-{}", std::process::id())),
        short: None,
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
            "--peers" => options.peers = value()?,
            "--work" => options.work = value()?,
            "--short" => options.short = Some(value()?),
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
    match options().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("gatehouse-bench: {text}");
            ExitCode::FAILURE
        }
    }
}
