//! Processes that a container's first one leaves behind where it does not take them along: in a pid namespace that it
//! shares with others.

use std::fs::File;

use rustix::process::{Signal, pidfd_send_signal};

use crate::{
    census,
    choices::{Choices, Shared},
};

/// Those of one container; `None` where the kernel takes them along.
pub(super) struct Companions(Option<File>);

impl Companions {
    /// Of a container whose first process runs.
    pub(super) fn of(choices: &Choices, pid: i32) -> Self {
        let shares = choices.pid != Shared::Private;
        Self(shares.then(|| File::open(format!("/proc/{pid}/ns/mnt")).ok()).flatten())
    }

    /// Kills them all, and those that they start meanwhile.
    pub(super) fn kill(&self) {
        let Some(namespace) = &self.0 else { return };
        for _ in 0..ROUNDS_MAX {
            let mut found = false;
            for (_, pidfd) in census::in_namespace(namespace) {
                found |= pidfd_send_signal(&pidfd, Signal::KILL).is_ok();
            }
            if !found {
                return;
            }
        }
    }
}

/// A fork bomb is faster than we are; limits, which stop it, come with chapter 2.
const ROUNDS_MAX: u32 = 100;
