//! `nginx-prove`: runs test files against a real nginx.

use std::process::ExitCode;

use nginx_prove::cli::{self, Project};

fn main() -> ExitCode {
    ExitCode::from(cli::main(std::env::args_os(), &Project::default()))
}
