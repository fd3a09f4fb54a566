//! A process whose namespaces can be joined, or that parts attach to: its pid for words, its pidfd for deeds.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    os::linux::fs::MetadataExt,
    rc::Rc,
};

use conex_kernel::{Error, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{NAME, Namespaces, Slot};

/// A process, held by descriptor: a pid that is used again is never mistaken for it.
#[derive(Clone, Debug)]
pub struct Target {
    pid: i32,
    pidfd: Rc<OwnedFd>,
}

impl Target {
    /// The process that has this pid now.
    pub fn of_pid(pid: i32) -> Result<Self> {
        let no_such = || Error::refused(NAME, format!("join pid {pid}"), "there is no such process");
        // Pid panics at a negative number.
        let raw = Some(pid).filter(|pid| *pid > 0).and_then(Pid::from_raw).ok_or_else(no_such)?;
        let pidfd = pidfd_open(raw, PidfdFlags::empty()).map_err(|errno| match errno {
            rustix::io::Errno::SRCH => no_such(),
            rustix::io::Errno::INVAL => {
                Error::refused(NAME, format!("join pid {pid}"), "it is a thread, not a process")
            }
            other => Error::new(NAME, format!("pidfd_open {pid}"), &other.into()),
        })?;
        Ok(Self::new(pid, pidfd))
    }

    pub(crate) fn new(pid: i32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd: Rc::new(pidfd) }
    }

    /// By our count.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// See pidfd_open(2).
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// A plan's namespaces: joined where this process's differ from ours, the host's where they are the same.
    pub fn namespaces(&self) -> Result<Namespaces> {
        let slot = |name| Ok(if self.shares(name)? { Slot::Host } else { Slot::Join(self.clone()) });
        Ok(Namespaces {
            user: match slot("user")? {
                Slot::Join(target) => Slot::Join(target),
                _ => Slot::Host,
            },
            mount: slot("mnt")?,
            pid: slot("pid")?,
            net: slot("net")?,
            uts: slot("uts")?,
            ipc: slot("ipc")?,
            cgroup: slot("cgroup")?,
            time: match slot("time")? {
                Slot::Join(target) => Slot::Join(target),
                _ => Slot::Host,
            },
        })
    }

    /// Whether this process and ours are in the same namespace of this kind.
    fn shares(&self, name: &str) -> Result<bool> {
        let inode =
            |process: &str| fs::metadata(format!("/proc/{process}/ns/{name}")).map(|ns| (ns.st_dev(), ns.st_ino()));
        let theirs = inode(&self.pid.to_string()).map_err(|error| {
            let error = Error::new(NAME, format!("look at pid {}'s {name} namespace", self.pid), &error);
            error.with_hint("only root, or the user who made the container, may enter it")
        })?;
        let ours = inode("self").map_err(|error| Error::new(NAME, format!("look at our {name} namespace"), &error))?;
        Ok(theirs == ours)
    }
}
