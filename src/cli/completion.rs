//! `conex completion` and `conex man`: a script for your shell, which asks conex itself for names; and manual pages.

use std::{ffi::OsStr, fs, io, path::PathBuf};

use clap::{Args, Command, ValueEnum, builder::StyledStr};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCompleter, CompletionCandidate},
    env::Shells,
};

use crate::{Engine, Failure, Paths, Result, image::Images};

/// Print a completion script for a shell
#[derive(Args, Debug)]
pub(super) struct Completion {
    /// Which one
    shell: Shell,
}

/// Write manual pages
#[derive(Args, Debug)]
pub(super) struct Man {
    /// Where to: one file a verb
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    Powershell,
}

/// By it the script tells that it is the one who asks.
const VARIABLE: &str = "CONEX_COMPLETE";

/// Answers a completion script and ends, if it is the one who calls us.
pub(super) fn answer() {
    CompleteEnv::with_factory(|| with_names(super::command())).var(VARIABLE).bin("conex").complete();
}

pub(super) fn main(completion: &Completion) -> Result<u8> {
    let failed = |error| Failure::io("write the script", &error);
    let name = completion.shell.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&name) else { return Err(Failure::new(format!("there is no shell {name}"))) };
    shell.write_registration(VARIABLE, "conex", "conex", "conex", &mut script).map_err(failed)?;
    io::Write::write_all(&mut io::stdout(), &script).map_err(failed)?;
    Ok(0)
}

pub(super) fn man(man: &Man) -> Result<u8> {
    let failed = |error| Failure::io(format_args!("write to {}", man.directory.display()), &error);
    fs::create_dir_all(&man.directory).map_err(failed)?;
    clap_mangen::generate_to(super::command().disable_help_flag(true), &man.directory).map_err(failed)?;
    Ok(0)
}

/// Every argument that is called CONTAINER, IMAGE or so knows what there is.
fn with_names(command: Command) -> Command {
    let verbs: Vec<String> = command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let command = verbs.iter().fold(command, |command, verb| command.mut_subcommand(verb, with_names));
    command.mut_args(|argument| {
        let called = argument.get_value_names().and_then(<[_]>::first).map(|name| name.to_string());
        match called.as_deref() {
            Some("CONTAINER") => argument.add(ArgValueCompleter::new(containers)),
            Some("IMAGE" | "IMAGE [COMMAND [ARG…]]" | "NAME[:TAG]") => argument.add(ArgValueCompleter::new(images)),
            Some("NAME") => argument.add(ArgValueCompleter::new(both)),
            _ => argument,
        }
    })
}

fn both(begun: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = containers(begun);
    all.extend(images(begun));
    all
}

/// Their names. Nothing is made or mended for somebody who only presses a key.
fn containers(begun: &OsStr) -> Vec<CompletionCandidate> {
    let entries = fs::read_dir(Paths::choose(None, None).names()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    candidates(names.collect(), begun, "container")
}

fn images(begun: &OsStr) -> Vec<CompletionCandidate> {
    let paths = Paths::choose(None, None);
    if !paths.images().is_dir() {
        return Vec::new();
    }
    let listed = Engine::open(paths).and_then(|engine| Images::open(&engine)?.list());
    let names = listed.unwrap_or_default().into_iter().flat_map(|image| image.names);
    candidates(names.collect(), begun, "image")
}

fn candidates(mut names: Vec<String>, begun: &OsStr, help: &str) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy();
    names.retain(|name| name.starts_with(&*begun));
    names.sort_unstable();
    names.into_iter().map(|name| CompletionCandidate::new(name).help(Some(StyledStr::from(help.to_owned())))).collect()
}
