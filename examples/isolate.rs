//! How does a program run a command in a container? It names a directory, fills a plan, and waits.
//!
//! `cargo build --example isolate`, then as root `target/debug/examples/isolate ROOTFS COMMAND…`. An ordinary user may run
//! it too, with only root's id in the container. ROOTFS is any root file system: the unpacked image of a distribution,
//! or a directory with a static busybox.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::CString,
    io::{self, Write},
    os::unix::ffi::OsStringExt,
    path::PathBuf,
    process::ExitCode,
};

use conex::{
    kernel::{Error, Kernel},
    namespaces::{ContainerId, Directory, Exit, Facts, Host, Plan, Process, spawn},
};

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let rootfs = words.next().map(PathBuf::from);
    let command: Vec<CString> = words.filter_map(|word| CString::new(word.into_vec()).ok()).collect();
    let said = match (rootfs, command.is_empty()) {
        (Some(rootfs), false) => isolate(rootfs, command),
        _ => Err(Error::refused("isolate", "read the command line", "it is not ROOTFS COMMAND…")),
    };
    let (line, status) = match said {
        Ok(exit) => (format!("it ended with {exit:?}"), exit.status()),
        Err(error) => (format!("error: {error}"), 125),
    };
    // If standard error is gone, the status still tells.
    let _ = writeln!(io::stderr(), "{line}");
    ExitCode::from(status)
}

fn isolate(rootfs: PathBuf, arguments: Vec<CString>) -> Result<Exit, Error> {
    let host = Host {
        root: "/var/lib/conex".into(),
        run_root: "/run/conex".into(),
        facts: Facts::probe()?,
        kernel: Kernel::quiet(),
    };
    let id = ContainerId::random()?;
    let process = Process {
        arguments,
        environment: vec![c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".into()],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: true,
        init: false,
        dies_with_parent: true,
    };
    let plan = Plan::isolated(&host.facts, &id, process);
    let root = Directory { path: rootfs, read_only: false };
    Ok(spawn(&host, &id, &[&root], plan)?.start()?.wait()?.exit)
}
