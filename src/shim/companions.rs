//! Processes that a container's first one leaves behind where it does not take them along: in a pid namespace that it
//! shares with others. They are known by its mount namespace, which is its own. See mount_namespaces(7).

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::choices::{Choices, Shared};

/// Those of one container; `None` where the kernel takes them along.
pub(super) struct Companions(Option<File>);

impl Companions {
    /// Of a container whose first process runs.
    pub(super) fn of(choices: &Choices, pid: i32) -> Self {
        let shares = choices.pid != Shared::Private;
        // Held open: as long as it is, no other namespace gets its number.
        Self(shares.then(|| File::open(format!("/proc/{pid}/ns/mnt")).ok()).flatten())
    }

    /// Kills them all, and those that they start meanwhile.
    pub(super) fn kill(&self) {
        let Some(own) = self.0.as_ref().and_then(|namespace| namespace.metadata().ok()) else { return };
        for _ in 0..ROUNDS_MAX {
            let mut found = false;
            for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
                let Some(pidfd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { continue };
                // Looked at once it is held: a number that was given away since then is not it.
                let its = fs::metadata(entry.path().join("ns/mnt"));
                if its.is_ok_and(|its| (its.dev(), its.ino()) == (own.dev(), own.ino())) {
                    found |= pidfd_send_signal(&pidfd, Signal::KILL).is_ok();
                }
            }
            if !found {
                return;
            }
        }
    }
}

/// A fork bomb is faster than we are; limits, which stop it, come with chapter 2.
const ROUNDS_MAX: u32 = 100;
