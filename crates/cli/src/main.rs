//! The companion program: makes and reads country databases, signs links.
#![forbid(unsafe_code)]

mod geoip;
mod token;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Companion of the nginx module Gatehouse.
///
/// Results go to standard output, messages to standard error. Exit codes: 0 done, 1 refused,
/// 2 wrong use, 3 unreachable.
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
    /// Sign and verify links.
    #[command(subcommand)]
    Token(token::Command),
}

/// Why nothing was done, for standard error and the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The input is not accepted, or the answer is no.
    Refused(String),
    /// The arguments make no sense.
    Wrong(String),
}

impl Failure {
    fn parts(&self) -> (&str, u8) {
        match self {
            Self::Refused(message) => (message, 1),
            Self::Wrong(message) => (message, 2),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Geoip(command) => geoip::run(command),
        Command::Token(command) => token::run(command),
    };
    match result {
        // A reader that has gone away (`| head`) wants no more.
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(failure) => {
            let (message, code) = failure.parts();
            let _ = writeln!(std::io::stderr(), "gatehouse: {message}");
            ExitCode::from(code)
        }
    }
}
