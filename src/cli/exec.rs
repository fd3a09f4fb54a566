//! `conex exec`: one more program in a container that runs.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser},
};
use rustix::{stdio::stdin, termios::isatty};

use super::{beside, env_file, run_flags::switches};
use crate::{Engine, Exec, Failure, Result, kernel::size_of};

/// Run one more program in a container that runs
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(super) struct ExecArgs {
    #[command(flatten)]
    switches: ExecSwitches,
    /// Set an environment variable; without a value, to the one that it has here
    #[arg(short, long, value_name = "KEY[=VALUE]", allow_hyphen_values = true)]
    env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Working directory
    #[arg(short, long, value_name = "DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    workdir: Option<PathBuf>,
    /// User, or user:group, by name or number
    #[arg(short, long, allow_hyphen_values = true)]
    user: Option<String>,
    /// The keys that leave it running
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND [ARG…]")]
    command: Vec<String>,
}

switches! {
    ExecSwitches:
    /// Give it what we read
    #[arg(short, long)]
    interactive,
    /// Give it a terminal
    #[arg(short, long)]
    tty,
    /// Leave it in the background
    #[arg(short, long)]
    detach,
    /// Withhold no right from it
    #[arg(long)]
    privileged,
}

/// Docker's status where standard input must be a terminal and is none.
const NO_TERMINAL: u8 = 1;

pub(super) fn main(exec: &ExecArgs, engine: &Engine) -> Result<u8> {
    let (id, switches) = (engine.find(&exec.container)?, &exec.switches);
    if switches.tty && switches.interactive && !switches.detach && !isatty(stdin()) {
        let failure = Failure::new("standard input is no terminal, and -t with -i needs one");
        return Err(Failure { status: NO_TERMINAL, ..failure.with_hint("leave -t out, or start it from a terminal") });
    }
    let asked = Exec {
        arguments: exec.command.clone(),
        environment: environment(exec)?,
        directory: exec.workdir.clone(),
        user: exec.user.clone(),
        terminal: switches.tty && !switches.detach,
        size: size_of(stdin()),
        privileged: switches.privileged,
        detached: switches.detach,
    };
    match (switches.detach, switches.tty) {
        (true, _) => engine.exec(&id, &asked, None).map(|_begun| 0),
        (false, true) => beside::on_a_terminal(engine.exec(&id, &asked, None)?),
        (false, false) => {
            beside::through_pipes(|streams| engine.exec(&id, &asked, Some(streams)), switches.interactive)
        }
    }
}

fn environment(exec: &ExecArgs) -> Result<Vec<String>> {
    let caller = |key: &str| std::env::var(key).ok();
    let mut all = Vec::new();
    for path in &exec.env_file {
        all.extend(env_file::read(path, caller)?);
    }
    for entry in &exec.env {
        match entry.split_once('=') {
            Some(("", _)) => return Err(Failure::new("a variable of --env has no name").with_hint("--env KEY=value")),
            Some(_) => all.push(entry.clone()),
            None => all.extend(caller(entry).map(|value| format!("{entry}={value}"))),
        }
    }
    Ok(all)
}
