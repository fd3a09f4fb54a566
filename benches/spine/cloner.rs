//! The containers of each kind, made by a cloner (see `arena::cloner`). With another command than `true` one is run that
//! describes itself.

use std::{ffi::CString, io, path::Path, process::Command, time::Instant};

use conex::{
    cgroups::{Cgroup, Limits, World},
    kernel::{Error, Kernel},
    namespaces::{ContainerId, Directory, Exit, Facts, Host, Part, Plan, Process, spawn},
};

use crate::{
    arena::{Contender, cloner},
    raw::Raw,
};

/// What a container has in its environment beyond HOME.
pub(crate) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A contender that makes containers of this kind, such as `spine` or `raw`.
pub(crate) fn contender(kind: &'static str, rootfs: &Path) -> io::Result<Contender> {
    cloner::contender(kind, &mut command(kind, rootfs, &["true"])?)
}

/// A cloner's command line.
pub(crate) fn command(kind: &str, rootfs: &Path, words: &[&str]) -> io::Result<Command> {
    let mut command = cloner::command()?;
    command.arg(kind).arg(rootfs).args(words);
    Ok(command)
}

/// The cloner. With the command `true` it answers; with any other it runs that once.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let [kind, rootfs, command @ ..] = arguments else { return Err(io::Error::other("a cloner's words are missing")) };
    let command: Vec<CString> = command.iter().map(|word| CString::new(word.as_str())).collect::<Result<_, _>>()?;
    let mut facts = Facts::probe().map_err(io::Error::other)?;
    if kind == "spine, v2" {
        as_on_v2(&mut facts);
    }
    let mut once: Box<dyn FnMut() -> io::Result<()>> = match kind.as_str() {
        "raw" => {
            let raw = Raw::new(rootfs, &facts, command.clone());
            Box::new(move || raw.run())
        }
        _ => {
            let host = Host { root: "/mnt/root".into(), run_root: "/mnt/run".into(), facts, kernel: Kernel::quiet() };
            let (rootfs, command) = (rootfs.into(), command.clone());
            let root = Directory { path: rootfs, read_only: false };
            let limits = Limits { memory_bytes: Some(64 << 20), pids: Some(100), ..Limits::default() };
            let cgroup = Cgroup::new(World::probe().map_err(io::Error::other)?, limits);
            let limited = kind == "spine, limits";
            Box::new(move || {
                let all: [&dyn Part; 2] = [&root, &cgroup];
                run(&host, if limited { &all } else { &all[..1] }, &command).map_err(io::Error::other)
            })
        }
    };
    if command != [c"true".to_owned()] {
        return once();
    }
    cloner::answer(|| {
        let started = Instant::now();
        once().map(|()| started.elapsed())
    })
}

/// The same host with the one hierarchy that hosts of cgroup v2 have, which is one mount instead of many.
fn as_on_v2(facts: &mut Facts) {
    facts.cgroups.retain(|one| one.kind == "cgroup2");
    facts.cgroups.iter_mut().for_each(|one| one.directory.clear());
}

/// All that a program does for one container once it knows its host.
fn run(host: &Host, parts: &[&dyn Part], command: &[CString]) -> Result<(), Error> {
    let id = ContainerId::random()?;
    let process = Process {
        arguments: command.to_vec(),
        environment: vec![CString::new(PATH).expect("it has no NUL")],
        directory: "/".into(),
        umask: 0o022,
        no_new_privileges: false,
        init: false,
        dies_with_parent: true,
    };
    let plan = Plan::isolated(&host.facts, &id, process);
    let finished = spawn(host, &id, parts, plan)?.start()?.wait()?;
    match (finished.exit, finished.leftovers.as_slice()) {
        (Exit::Code(0), []) => Ok(()),
        other => Err(Error::refused("bench", "run the container", format!("it ended with {other:?}"))),
    }
}
