//! Ending every process of a container at once, also those that nobody knows of. See cgroups(7).

use std::{fs, os::fd::AsFd, path::Path};

use conex_kernel::{Kernel, Result, operations::Kill};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{NAME, Version, group::below};

/// How often we look for processes that were born while we killed; frozen, none are.
const ROUNDS_MAX: usize = 1_000;

// ANCHOR: kill
/// Kills all processes of a cgroup and of those below it. A fork bomb forks faster than anybody can list it: v2's
/// kernel does it at one stroke; on v1 nobody may run meanwhile, and whoever is frozen dies only once he is thawed.
#[doc(alias = "exercise:cgroups.kill")]
pub(crate) fn kill(kernel: &Kernel, directory: &Path, version: Version) -> Result<()> {
    use conex_kernel::{Error, operations::SetCgroup};

    let set = |file, value| kernel.perform(NAME, SetCgroup { directory, file, value });
    if version == Version::V2 {
        return set("cgroup.kill", "1");
    }
    let freezes = directory.join("freezer.state").exists();
    for _ in 0..ROUNDS_MAX {
        if freezes {
            set("freezer.state", "FROZEN")?;
        }
        let members = members(directory);
        let killed = members.iter().try_for_each(|pid| kill_one(kernel, *pid));
        if freezes {
            set("freezer.state", "THAWED")?;
        }
        killed?;
        if members.is_empty() {
            return Ok(());
        }
    }
    Err(Error::refused(NAME, format!("kill all in {}", directory.display()), "some don't die, or are born too fast"))
}
// ANCHOR_END: kill

/// The processes of a cgroup and of those below it, by our count.
pub(crate) fn members(directory: &Path) -> Vec<i32> {
    let own = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let mut members: Vec<i32> = own.lines().filter_map(|line| line.parse().ok()).collect();
    members.extend(below(directory).iter().flat_map(|inner| self::members(inner)));
    members
}

/// Who has ended meanwhile needs no signal.
fn kill_one(kernel: &Kernel, pid: i32) -> Result<()> {
    let Some(pidfd) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return Ok(());
    };
    kernel.perform(NAME, Kill { pidfd: pidfd.as_fd(), pid })
}
