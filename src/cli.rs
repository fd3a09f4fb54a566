//! The command line: docker's verbs, flags, columns and exit codes, one file a command.

mod archive;
mod attach;
mod beside;
mod changes;
mod commit;
mod completion;
mod container;
mod cp;
mod described;
mod detach;
mod diff;
mod ending;
mod env_file;
mod errors;
mod exec;
mod explain;
mod export;
mod filter;
mod floors;
mod format;
mod history;
mod image;
mod images;
mod info;
mod inspect;
mod kill;
mod limit_flags;
mod log_flags;
mod log_reader;
mod login;
mod logs;
mod map;
mod moment;
mod passed_on;
mod pause;
mod process;
mod progress;
mod prune_filter;
mod ps;
mod ps_filter;
mod pull;
mod push;
mod reattach;
mod refused;
mod rename;
mod request;
mod rm;
mod rmi;
mod room;
mod run;
mod run_flags;
mod say;
mod start;
mod stats;
mod stop;
mod tag;
mod top;
mod version;
mod wait;
mod words;

use std::{ffi::OsString, panic, path::PathBuf, process::ExitCode};

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    Engine, Failure, Paths, Result,
    kernel::{Kernel, expect_children, operations::CloseDescriptors},
};

pub(crate) use changes::Change;
use container::Container;
use image::Image;

/// Containers that you can read: an engine, and the workbook that builds it.
#[derive(Parser)]
#[command(name = "conex", max_term_width = 100, disable_help_subcommand = true, disable_version_flag = true, version)]
struct Cli {
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
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
    Create(Box<run::Create>),
    Start(start::Start),
    Stop(stop::Stop),
    Restart(stop::Restart),
    Kill(kill::Kill),
    Wait(wait::Wait),
    Attach(reattach::Reattach),
    Exec(Box<exec::ExecArgs>),
    Logs(logs::Logs),
    Inspect(inspect::Inspect),
    Pause(pause::Pause),
    Unpause(pause::Unpause),
    Top(top::Top),
    Map(map::MapArgs),
    Stats(stats::Stats),
    Ps(ps::Ps),
    Rename(rename::Rename),
    Rm(rm::Rm),
    Commit(commit::Commit),
    Diff(diff::Diff),
    Cp(cp::Cp),
    Export(export::Export),
    #[command(subcommand)]
    Container(container::Container),
    Images(images::ImagesArgs),
    #[command(subcommand)]
    Image(image::Image),
    History(history::History),
    Import(archive::Import),
    Load(archive::Load),
    Login(login::Login),
    Logout(login::Logout),
    Pull(pull::Pull),
    Push(push::Push),
    Rmi(rmi::Rmi),
    Save(archive::Save),
    Tag(tag::Tag),
    Info(info::Info),
    Version(version::Version),
    Completion(completion::Completion),
    Man(completion::Man),
}

/// The engine's program; the caller's arguments.
pub fn main() -> ExitCode {
    expect_children();
    // What our caller left open is not for the shim, which lives as long as the container. Nothing can be done if not.
    let _ = Kernel::quiet().perform("cli", CloseDescriptors);
    completion::answer();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(errors::usage(&error, &arguments)),
    };
    // A floor that is still to be written panics. The answer is told like any other; a backtrace is for who asks.
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        panic::set_hook(Box::new(|_| {}));
    }
    let done = panic::catch_unwind(|| dispatch(cli)).unwrap_or_else(|payload| Err(Failure::of_panic(payload.as_ref())));
    ExitCode::from(done.unwrap_or_else(|failure| errors::fail(&failure)))
}

/// The whole tree, for parsing, completion and tests.
fn command() -> clap::Command {
    Cli::command()
}

/// The engine of these roots; what a crash left and can't be finished is told, and keeps nobody from the rest.
fn open(paths: Paths) -> Result<Engine> {
    let engine = Engine::open(paths)?;
    engine.unfinished().iter().for_each(|failure| say::complain(&format!("warning: {failure}")));
    Ok(engine)
}

fn of_containers(command: Container, paths: Paths) -> Result<u8> {
    container::main(command, &mut open(paths)?)
}

fn of_images(command: Image, paths: Paths) -> Result<u8> {
    image::main(&command, &open(paths)?)
}

/// Does something with each word; one that fails is told, and does not keep the others. The exit status.
fn each(words: &[String], mut act: impl FnMut(&str) -> Result<()>) -> Result<u8> {
    let mut status = 0;
    for word in words {
        if let Err(failure) = act(word) {
            errors::fail(&failure);
            // Docker's, for every command but run.
            status = 1;
        }
    }
    Ok(status)
}

fn dispatch(cli: Cli) -> Result<u8> {
    let paths = Paths::choose(cli.root, cli.run_root);
    let done = match cli.command {
        Command::Run(run) | Command::Container(Container::Run(run)) => {
            return of_containers(Container::Run(run), paths);
        }
        Command::Create(create) => of_containers(Container::Create(create), paths),
        Command::Start(start) => of_containers(Container::Start(start), paths),
        Command::Stop(stop) => of_containers(Container::Stop(stop), paths),
        Command::Restart(restart) => of_containers(Container::Restart(restart), paths),
        Command::Kill(kill) => of_containers(Container::Kill(kill), paths),
        Command::Wait(wait) => of_containers(Container::Wait(wait), paths),
        Command::Attach(attach) => of_containers(Container::Attach(attach), paths),
        Command::Exec(exec) => of_containers(Container::Exec(exec), paths),
        Command::Logs(logs) => of_containers(Container::Logs(logs), paths),
        Command::Inspect(inspect) => open(paths).and_then(|engine| inspect::main(&inspect, &engine)),
        Command::Pause(pause) => of_containers(Container::Pause(pause), paths),
        Command::Unpause(unpause) => of_containers(Container::Unpause(unpause), paths),
        Command::Top(top) => of_containers(Container::Top(top), paths),
        Command::Stats(stats) => of_containers(Container::Stats(stats), paths),
        Command::Map(map) => of_containers(Container::Map(map), paths),
        Command::Ps(ps) => of_containers(Container::Ls(ps), paths),
        Command::Rename(rename) => of_containers(Container::Rename(rename), paths),
        Command::Rm(rm) => of_containers(Container::Rm(rm), paths),
        Command::Commit(commit) => of_containers(Container::Commit(commit), paths),
        Command::Diff(diff) => of_containers(Container::Diff(diff), paths),
        Command::Cp(cp) => of_containers(Container::Cp(cp), paths),
        Command::Export(export) => of_containers(Container::Export(export), paths),
        Command::Container(container) => of_containers(container, paths),
        Command::History(history) => of_images(Image::History(history), paths),
        Command::Images(images) => of_images(Image::Ls(images), paths),
        Command::Import(import) => of_images(Image::Import(import), paths),
        Command::Load(load) => of_images(Image::Load(load), paths),
        Command::Login(login) => login::main(&login),
        Command::Logout(logout) => login::logout(&logout),
        Command::Pull(pull) => of_images(Image::Pull(pull), paths),
        Command::Push(push) => of_images(Image::Push(push), paths),
        Command::Rmi(rmi) => of_images(Image::Rm(rmi), paths),
        Command::Save(save) => of_images(Image::Save(save), paths),
        Command::Tag(tag) => of_images(Image::Tag(tag), paths),
        Command::Image(image) => of_images(image, paths),
        Command::Info(info) => info::main(&info, &paths),
        Command::Version(version) => version::main(&version),
        Command::Completion(completion) => completion::main(&completion),
        Command::Man(man) => completion::man(&man),
    };
    // Docker's, for every command but run; what a container's end means is told as it is.
    done.map_err(
        |failure| if failure.status == Failure::new("").status { Failure { status: 1, ..failure } } else { failure },
    )
}
