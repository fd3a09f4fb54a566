//! The processes of a container, by the host's count: those in its cgroup, or, where it has none, those in the mount
//! namespace of its first one, which is its own. See mount_namespaces(7).

use std::{
    fs::{self, File},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{
    choices::Choices,
    failure::{Failure, Result},
    namespaces::ContainerId,
    paths::Paths,
    stack::Stack,
    state::{Identity, State, Status},
};

/// The pids of a container that runs, its first process's first.
pub(crate) fn of(paths: &Paths, id: &ContainerId) -> Result<Vec<i32>> {
    let state = State::read(paths, id)?;
    let Some(Identity { pid: first, .. }) = state.process.filter(|_| state.status == Status::Running) else {
        let failure = Failure::new(format!("container {} is not running", id.short()));
        return Err(failure.with_hint(format!("conex start {}", id.short())));
    };
    let mut pids = Stack::new(&Choices::read(paths, id)?, paths)?.cgroup().processes(id);
    if pids.is_empty()
        && let Ok(namespace) = File::open(format!("/proc/{first}/ns/mnt"))
    {
        pids = in_namespace(&namespace).map(|(pid, _)| pid.as_raw_nonzero().get()).collect();
    }
    pids.sort_unstable_by_key(|pid| (*pid != first, *pid));
    Ok(pids)
}

/// The processes in a mount namespace that is held open: as long as it is, no other gets its number.
pub(crate) fn in_namespace(namespace: &File) -> impl Iterator<Item = (Pid, OwnedFd)> {
    let own = namespace.metadata().map(|own| (own.dev(), own.ino())).ok();
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(move |entry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        // Looked at once it is held: a number that was given away since then is not it.
        let its = fs::metadata(entry.path().join("ns/mnt")).ok()?;
        (Some((its.dev(), its.ino())) == own).then_some((pid, pidfd))
    })
}
