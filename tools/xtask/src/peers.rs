//! `cargo xtask peers`: the engines and runtimes that judge conex, in a throw-away host of their own.
//! Two processes: this one makes the host's cgroups, waits and removes them; `init` is pid 1 in the host.
//! Nothing is stopped by name: when pid 1 ends, the kernel kills all that the host still holds, see pid_namespaces(7).

mod buildah;
mod cgroup;
mod docker;
mod host;
mod image;
pub(crate) mod init;
mod peer;
mod podman;
mod runtime;

use std::{
    env,
    ffi::OsString,
    process::{self, Child, Command, ExitCode, ExitStatus},
};

use anyhow::{Context, Result, bail};
use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::{SigSet, Signal},
};

use crate::{packages, say::complain};

/// Run a command in a throw-away host in which docker, podman, buildah, crun and runc work.
///
/// The host has its own namespaces, cgroups, /run, /etc and /var, with a docker daemon listening in it and the image
/// `peer`, a static busybox. It ends with the command, and so does all that runs in it. Files elsewhere, such as this
/// repository, are the machine's: what the command writes there stays.
///
/// The command finds `CONEX_PEER_DOCKER=1`, `CONEX_PEER_PODMAN=1` and so on for each peer that could run a container,
/// `DOCKER_HOST`, `CONTAINERS_CONF`, and in `CONEX_PEER_ROOTFS` the image as a directory, for crun and runc.
/// Without a command the peers are listed, and what is missing.
///
/// Missing Debian packages are installed first when this runs as root. On a machine with systemd Debian's docker.io
/// starts a service of its own; it is not used here.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to run among the peers
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Makes the host and runs the command in it; the command's exit code.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    if let Err(error) = packages::ensure(packages::FOR_PEERS) {
        complain(&format!("warning: {error:#}; going on without"));
    }
    if !packages::is_root() {
        if arguments.command.is_empty() {
            peer::list(|_| bail!("not tried, that needs root"));
            return Ok(ExitCode::SUCCESS);
        }
        bail!("running a command among the peers needs root");
    }
    cgroup::remove_abandoned();
    let cgroups = cgroup::of(process::id())?;
    let status = cgroups.make().context("make the host's cgroups").and_then(|()| run(&arguments.command));
    cgroups.remove().context("remove the host's cgroups")?;
    Ok(ExitCode::from(exit_code(status?)))
}

fn run(command: &[OsString]) -> Result<ExitStatus> {
    let signals = signals();
    signals.thread_block()?;
    // Only a child enters it, as pid 1. The other namespaces are init's business.
    unshare(CloneFlags::CLONE_NEWPID).context("unshare the pid namespace")?;
    let mut init = Command::new(env::current_exe()?);
    init.args(["peers-init", &process::id().to_string(), "--"]).args(command);
    wait(&mut init.spawn().context("start init")?, signals)
}

/// The signals that must not end this process before the cgroups are removed, and the one that says a child ended.
fn signals() -> SigSet {
    [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect()
}

fn wait(init: &mut Child, signals: SigSet) -> Result<ExitStatus> {
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {}
            // From the terminal, which sent it to the command, too: what it means is for the command to say.
            Signal::SIGINT | Signal::SIGQUIT => {}
            _ => init.kill()?,
        }
        if let Some(status) = init.try_wait()? {
            return Ok(status);
        }
    }
}

/// As a shell tells it: 128 and the signal, if one ended init.
fn exit_code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn an_exit_code_is_kept_and_a_signal_adds_128() {
        let code = |raw| exit_code(ExitStatus::from_raw(raw));
        assert_eq!([code(0), code(3 << 8), code(9)], [0, 3, 137]);
    }
}
