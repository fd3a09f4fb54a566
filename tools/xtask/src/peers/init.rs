//! Pid 1 of the peers' host: enters its namespaces, starts the peers, runs the command and collects orphans until
//! it ends. Whatever runs then ends with this process.

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::SigSet,
};
use rustix::process::{Pid, Signal, WaitOptions, set_parent_process_death_signal, wait};

use super::{cgroup, docker, host, image, peer, podman};
use crate::{run, say::complain};

/// Not for people: how `peers` starts itself again.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    group: u32,
    #[arg(last = true)]
    command: Vec<OsString>,
}

/// Becomes the host's init; the command's exit code.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    // If `peers` is killed, so is pid 1, and with it the whole host.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    SigSet::all().thread_unblock()?;
    let cgroups = cgroup::of(arguments.group)?;
    // Before the namespace is made: where its first process is becomes the root that the host's processes see.
    cgroups.join()?;
    let namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS;
    unshare(namespaces | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWCGROUP).context("unshare the host")?;
    cgroups.step_down()?;
    host::make(&cgroups)?;
    image::make()?;
    podman::configure()?;
    match arguments.command.split_first() {
        Some((program, words)) => execute(Command::new(program).args(words)),
        None => {
            peer::list(|peer| (peer.start)());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn execute(command: &mut Command) -> Result<ExitCode> {
    command.env_remove("DOCKER_HOST").env("CONTAINERS_CONF", podman::CONF).env("CONEX_PEER_ROOTFS", image::ROOTFS);
    for peer in &peer::PEERS {
        match (peer.start)() {
            Ok(()) => _ = command.env(peer.variable(), "1"),
            Err(error) => complain(&format!("warning: {} cannot be used: {error:#}", peer.name)),
        }
    }
    if command.get_envs().any(|(name, _)| name == "CONEX_PEER_DOCKER") {
        command.env("DOCKER_HOST", docker::HOST);
    }
    let child = command.spawn().with_context(|| format!("start {}", run::words(command)))?;
    collect(Pid::from_child(&child))
}

/// Waits for every child, as pid 1 must, until the command's turn comes.
fn collect(command: Pid) -> Result<ExitCode> {
    loop {
        let Some((pid, status)) = wait(WaitOptions::empty())? else { continue };
        if pid == command {
            let code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
            return Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)));
        }
    }
}
