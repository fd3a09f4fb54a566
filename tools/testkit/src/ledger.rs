//! What a run of checks has in the kernel, by id, so that whoever comes after a crash can undo it.
//!
//! A test host dies with the process that made it, and its namespaces with the host; what stays are cgroups, which bear
//! that process's id. So one process is all there is to undo. It writes itself down before it makes anything. See
//! pidfd_open(2).

use std::{
    fmt, fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{Cgroups, stages::CGROUP_PREFIX};

/// The file of a ledger: one entry a line.
pub struct Ledger(PathBuf);

/// One thing in the kernel, and what it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A process that runs checks; its start time, in the kernel's ticks, tells it from a later one with the same id.
    Process {
        /// By the count of whoever wrote it down.
        pid: i32,
        /// Field 22 of /proc/PID/stat.
        started: u64,
    },
}

impl Ledger {
    /// A ledger in this file, which need not be there yet.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Writes this process down.
    pub fn enter_this_process(&self) -> io::Result<()> {
        let pid = rustix::process::getpid().as_raw_pid();
        let started = started(pid).ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        let mut text = self.text()?;
        text += &format!("{}\n", Entry::Process { pid, started });
        fs::write(&self.0, text)
    }

    /// What was written down and not cleared.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        Ok(self.text()?.lines().filter_map(Entry::parse).collect())
    }

    /// Forgets everything.
    pub fn clear(&self) -> io::Result<()> {
        fs::write(&self.0, "")
    }

    fn text(&self) -> io::Result<String> {
        match fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            text => text,
        }
    }
}

impl Entry {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        match (words.next()?, words.next()?.parse(), words.next()?.parse()) {
            ("process", Ok(pid), Ok(started)) => Some(Self::Process { pid, started }),
            _ => None,
        }
    }

    /// Ends it and waits until it is gone. What is gone already is no error; what belongs to somebody else is EPERM.
    pub fn undo(&self) -> io::Result<()> {
        let Self::Process { pid, started } = *self;
        if let Some(process) = alive(pid, started) {
            pidfd_send_signal(&process, Signal::KILL)?;
            // A process that is not our child can't be waited for, but its descriptor tells of its end.
            poll(&mut [PollFd::new(&process, PollFlags::IN)], None)?;
        }
        // Of its hosts only cgroups outlive it.
        Cgroups::remove_abandoned(CGROUP_PREFIX, &|name| name.starts_with(&format!("{pid}-")))
    }

    /// Whether it is still there.
    pub fn is_there(&self) -> bool {
        let Self::Process { pid, started } = *self;
        alive(pid, started).is_some()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Process { pid, started } = self;
        write!(f, "process {pid} {started}")
    }
}

/// The very process that was written down, if it lives: opened first and compared then, so that it can't be exchanged.
fn alive(pid: i32, began: u64) -> Option<OwnedFd> {
    let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    (started(pid) == Some(began)).then_some(process)
}

fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets; the numbers begin behind its last one. A zombie has ended.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    (fields.next()? != "Z").then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn ledger(name: &str) -> Ledger {
        let path = std::env::temp_dir().join(format!("conex-ledger-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        Ledger(path)
    }

    #[test]
    fn what_is_entered_can_be_read_and_cleared() {
        let ledger = ledger("read");
        assert_eq!(ledger.entries().expect("none yet"), []);
        ledger.enter_this_process().expect("entered");
        let entries = ledger.entries().expect("one");
        assert!(matches!(entries[..], [one @ Entry::Process { .. }] if one.is_there()), "{entries:?}");
        ledger.clear().expect("cleared");
        assert_eq!(ledger.entries().expect("none"), []);
        fs::remove_file(&ledger.0).expect("removed");
    }

    #[test]
    fn undoing_ends_the_process_and_no_other_with_its_id() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("a process");
        let pid = i32::try_from(child.id()).expect("a pid");
        let right = started(pid).expect("a time");
        let other = Entry::Process { pid, started: right + 1 };
        other.undo().expect("there is none such");
        assert!(child.try_wait().expect("our child").is_none());
        Entry::Process { pid, started: right }.undo().expect("ended");
        assert!(!child.wait().expect("our child").success());
    }
}
