//! The maintainer's tool: `cargo xtask test`, `cargo xtask lint`, `fuzz`, `book`, `bench`, `figures`, `peers`,
//! `stress` and `vm`.
//! It is not part of the engine and no learner needs it. One file per command; `tidy` holds the project's own checks.
#![forbid(unsafe_code)]

mod bench;
mod book;
mod figures;
mod forwarded;
mod fuzz;
mod lint;
mod packages;
mod peers;
mod run;
mod say;
mod stress;
mod test;
mod tidy;
mod tools;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Test, check, measure and compare conex.
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
    Book(book::Arguments),
    Figures(figures::Arguments),
    Fuzz(fuzz::Arguments),
    Peers(peers::Arguments),
    Stress(stress::Arguments),
    Vm(vm::Arguments),
    #[command(hide = true)]
    BookPreprocessor(book::PreprocessorArguments),
    #[command(hide = true)]
    PeersInit(peers::init::Arguments),
}

fn main() -> ExitCode {
    if stress::is_inside() {
        return stress::inside();
    }
    let done = match Arguments::parse().command {
        Command::Test(arguments) => test::main(&arguments).map(success),
        Command::Lint(arguments) => lint::main(&arguments).map(success),
        Command::Bench(arguments) => bench::main(&arguments).map(success),
        Command::Figures(arguments) => figures::main(&arguments).map(success),
        Command::Fuzz(arguments) => fuzz::main(&arguments).map(success),
        Command::Book(arguments) => book::main(&arguments).map(success),
        Command::BookPreprocessor(arguments) => book::preprocess(&arguments).map(success),
        Command::Peers(arguments) => peers::main(&arguments),
        Command::Stress(arguments) => stress::main(&arguments).map(success),
        Command::Vm(arguments) => Ok(vm::main(&arguments)),
        Command::PeersInit(arguments) => peers::init::main(&arguments),
    };
    done.unwrap_or_else(|error| {
        say::complain(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn success((): ()) -> ExitCode {
    ExitCode::SUCCESS
}
