//! The maintainer's tool: `cargo xtask test`, `cargo xtask lint` and `cargo xtask bench`.
//! It is not part of the engine and no learner needs it. One file per command; `tidy` holds the project's own checks.
#![forbid(unsafe_code)]

mod bench;
mod book;
mod forwarded;
mod lint;
mod packages;
mod run;
mod say;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Test, check and measure conex.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(test::Arguments),
    Lint(lint::Arguments),
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test(arguments) => test::main(&arguments),
        Command::Lint(arguments) => lint::main(&arguments),
        Command::Bench(arguments) => bench::main(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
