//! The companion program: makes and reads country databases, signs links, changes routes, registers backends.
#![forbid(unsafe_code)]

mod files;
mod geoip;
mod http;
mod join;
mod outcome;
mod routes;
mod token;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::REFUSED;
pub(crate) use outcome::{Failure, Outcome};

/// Companion of the nginx module Gatehouse.
///
/// Results go to standard output, messages to standard error. Exit codes: 0 done, 1 refused (the
/// answer is no, or the content of a file is not accepted), 2 wrong use (a file that is not there
/// among it), 3 unreachable.
#[derive(Debug, Parser)]
#[command(name = "gatehouse", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, check and read MaxMind DB files.
    #[command(subcommand)]
    Geoip(geoip::Command),
    /// Read and change the routes of a running nginx, and check files of routes.
    #[command(subcommand)]
    Routes(Box<routes::Command>),
    Join(join::Arguments),
    /// Sign and verify links.
    #[command(subcommand)]
    Token(token::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Join(arguments) => return join::run(arguments).unwrap_or_else(failed),
        Command::Geoip(command) => geoip::run(command),
        Command::Routes(command) => routes::run(command),
        Command::Token(command) => token::run(command),
    };
    match result.and_then(print) {
        Ok(refused) => ExitCode::from(if refused { REFUSED } else { 0 }),
        Err(failure) => failed(failure),
    }
}

/// Says why nothing was done; the exit code.
fn failed(failure: Failure) -> ExitCode {
    let (message, code) = failure.parts();
    let _ = writeln!(std::io::stderr(), "gatehouse: {message}");
    ExitCode::from(code)
}

/// Writes to standard output, warnings to standard error; whether the answer is no.
fn print(outcome: Outcome) -> Result<bool, Failure> {
    for warning in &outcome.warnings {
        let _ = writeln!(std::io::stderr(), "gatehouse: warning: {warning}");
    }
    let mut out = std::io::stdout();
    let written = out
        .write_all(outcome.text.as_bytes())
        .and_then(|()| out.flush());
    match written {
        // A reader that has gone away (`| head`) wants no more.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(files::unusable(Path::new("standard output"), &error))
        }
        _ => Ok(outcome.refused),
    }
}
