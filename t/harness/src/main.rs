//! `harness`: runs t/*.t and the live scenarios.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gatehouse_harness::cli::main(std::env::args_os()))
}
