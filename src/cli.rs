//! The command line: docker's verbs, flags, columns and exit codes, one file a command.

mod attach;
mod completion;
mod detach;
mod env_file;
mod errors;
mod explain;
mod image;
mod info;
mod ps;
mod refused;
mod request;
mod rm;
mod run;
mod run_flags;
mod say;
mod version;
mod words;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{Engine, Paths, Result, kernel::expect_children};

/// Containers that you can read: an engine, and the workbook that builds it.
#[derive(Parser)]
#[command(name = "conex", max_term_width = 100, disable_help_subcommand = true, version)]
struct Cli {
    /// Where state that survives a reboot is kept (CONEX_ROOT)
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Where state that does not survive it is kept (CONEX_RUN_ROOT)
    #[arg(long, value_name = "DIR")]
    run_root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Ps(ps::Ps),
    Rm(rm::Rm),
    #[command(subcommand)]
    Image(image::Image),
    Info(info::Info),
    Version(version::Version),
    Completion(completion::Completion),
}

/// The engine's program; the caller's arguments.
pub fn main() -> ExitCode {
    expect_children();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(errors::usage(&error, &arguments)),
    };
    ExitCode::from(dispatch(cli).unwrap_or_else(|failure| errors::fail(&failure)))
}

/// The whole tree, for parsing, completion and tests.
fn command() -> clap::Command {
    Cli::command()
}

fn dispatch(cli: Cli) -> Result<u8> {
    let paths = Paths::choose(cli.root, cli.run_root);
    match cli.command {
        Command::Run(run) => run::main(*run, paths),
        Command::Ps(ps) => ps::main(&ps, &Engine::open(paths)?),
        Command::Rm(rm) => rm::main(&rm, &Engine::open(paths)?),
        Command::Image(image) => image::main(&image, &Engine::open(paths)?),
        Command::Info(info) => info::main(&info, &paths),
        Command::Version(version) => version::main(&version),
        Command::Completion(completion) => completion::main(&completion),
    }
}
