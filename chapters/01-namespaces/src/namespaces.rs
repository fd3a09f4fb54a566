//! The eight namespaces as slots of a plan: the host's, a new one, or another process's. See namespaces(7).

use crate::{IdMaps, Target};

/// Where one namespace of the container comes from.
#[derive(Clone, Debug)]
pub enum Slot<T = ()> {
    /// The one that we are in.
    Host,
    /// A new one.
    New(T),
    /// The one that a process is in.
    Join(Target),
}

impl<T> Slot<T> {
    /// Whether it is a new one.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }

    /// Whether it is the one that we are in.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Host)
    }

    /// The process whose namespace it is, if it is to be joined.
    pub fn joined(&self) -> Option<&Target> {
        match self {
            Self::Join(target) => Some(target),
            Self::Host | Self::New(_) => None,
        }
    }
}

/// What a new time namespace adds to the clocks, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeOffsets {
    /// Added to CLOCK_MONOTONIC.
    pub monotonic_secs: i64,
    /// Added to CLOCK_BOOTTIME, which uptime(1) shows.
    pub boottime_secs: i64,
}

/// All eight.
#[derive(Clone, Debug)]
pub struct Namespaces {
    /// Who is who: user and group ids, capabilities.
    pub user: Slot<IdMaps>,
    /// Mount points.
    pub mount: Slot,
    /// Process ids.
    pub pid: Slot,
    /// Links, addresses, ports.
    pub net: Slot,
    /// Host name.
    pub uts: Slot,
    /// System V IPC and POSIX message queues.
    pub ipc: Slot,
    /// The root of what is seen of cgroups.
    pub cgroup: Slot,
    /// Monotonic and boot-time clocks.
    pub time: Slot<TimeOffsets>,
}

impl Namespaces {
    /// None of its own: a process of the host.
    pub fn host() -> Self {
        Self {
            user: Slot::Host,
            mount: Slot::Host,
            pid: Slot::Host,
            net: Slot::Host,
            uts: Slot::Host,
            ipc: Slot::Host,
            cgroup: Slot::Host,
            time: Slot::Host,
        }
    }

    /// All eight new.
    pub fn new(maps: IdMaps) -> Self {
        Self {
            user: Slot::New(maps),
            mount: Slot::New(()),
            pid: Slot::New(()),
            net: Slot::New(()),
            uts: Slot::New(()),
            ipc: Slot::New(()),
            cgroup: Slot::New(()),
            time: Slot::New(TimeOffsets::default()),
        }
    }

    /// Those that are joined, by clone flag; the user namespace comes first, since it gives the right to the others.
    pub fn joined(&self) -> Vec<(u64, &Target)> {
        let slots = [
            (libc::CLONE_NEWUSER, self.user.joined()),
            (libc::CLONE_NEWPID, self.pid.joined()),
            (libc::CLONE_NEWNET, self.net.joined()),
            (libc::CLONE_NEWUTS, self.uts.joined()),
            (libc::CLONE_NEWIPC, self.ipc.joined()),
            (libc::CLONE_NEWCGROUP, self.cgroup.joined()),
            (libc::CLONE_NEWTIME, self.time.joined()),
            (libc::CLONE_NEWNS, self.mount.joined()),
        ];
        slots.into_iter().filter_map(|(flag, target)| Some((flag as u64, target?))).collect()
    }
}
