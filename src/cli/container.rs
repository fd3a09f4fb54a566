//! `conex container`: every verb about containers under one name.

use clap::Subcommand;

use super::{
    commit, cp, diff, exec, export, inspect, kill, logs, map, pause, ps, reattach, rename, rm, run, start, stats, stop,
    top, wait,
};
use crate::{Engine, Result};

/// Manage containers
#[derive(Subcommand)]
pub(super) enum Container {
    Attach(reattach::Reattach),
    Commit(commit::Commit),
    Cp(cp::Cp),
    Create(Box<run::Create>),
    Diff(diff::Diff),
    Exec(Box<exec::ExecArgs>),
    Export(export::Export),
    Inspect(inspect::ContainerInspect),
    Kill(kill::Kill),
    Logs(logs::Logs),
    #[command(aliases = ["list", "ps"])]
    Ls(ps::Ps),
    Map(map::MapArgs),
    Pause(pause::Pause),
    Prune(rm::Prune),
    Rename(rename::Rename),
    Restart(stop::Restart),
    #[command(alias = "remove")]
    Rm(rm::Rm),
    Run(Box<run::Run>),
    Start(start::Start),
    Stats(stats::Stats),
    Stop(stop::Stop),
    Top(top::Top),
    Unpause(pause::Unpause),
    Wait(wait::Wait),
}

pub(super) fn main(container: Container, engine: &mut Engine) -> Result<u8> {
    match container {
        Container::Attach(attach) => reattach::main(&attach, engine),
        Container::Commit(commit) => commit::main(&commit, engine),
        Container::Cp(cp) => cp::main(&cp, engine),
        Container::Create(create) => run::create(&create, engine),
        Container::Diff(diff) => diff::main(&diff, engine),
        Container::Exec(exec) => exec::main(&exec, engine),
        Container::Export(export) => export::main(&export, engine),
        Container::Inspect(inspect) => inspect::containers(&inspect, engine),
        Container::Kill(kill) => kill::main(&kill, engine),
        Container::Logs(logs) => logs::main(&logs, engine),
        Container::Ls(ps) => ps::main(&ps, engine),
        Container::Map(map) => map::main(&map, engine),
        Container::Pause(pause) => pause::main(&pause, engine),
        Container::Prune(prune) => rm::prune(&prune, engine),
        Container::Rename(rename) => rename::main(&rename, engine),
        Container::Restart(restart) => stop::restart(&restart, engine),
        Container::Rm(rm) => rm::main(&rm, engine),
        Container::Run(run) => run::main(&run, engine),
        Container::Start(start) => start::main(&start, engine),
        Container::Stats(stats) => stats::main(&stats, engine),
        Container::Stop(stop) => stop::main(&stop, engine),
        Container::Top(top) => top::main(&top, engine),
        Container::Unpause(unpause) => pause::unpause(&unpause, engine),
        Container::Wait(wait) => wait::main(&wait, engine),
    }
}
